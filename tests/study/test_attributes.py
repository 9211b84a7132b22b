import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.core.lease import this_process
from segexp.study import attributes
from segexp.study.attributes import INTERRUPTED, OWNER, RETRY, host_of, is_interrupted


def ended(state: TrialState, **attrs: object) -> FrozenTrial:
    value = 0.5 if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, user_attrs=attrs)


@pytest.mark.parametrize("mark", [True, RETRY])
def test_a_failed_trial_with_the_mark_was_interrupted(mark: object) -> None:
    assert is_interrupted(ended(TrialState.FAIL, **{INTERRUPTED: mark}))
    assert not is_interrupted(ended(TrialState.FAIL))
    # It ended by itself while another process took it for dead.
    assert not is_interrupted(ended(TrialState.COMPLETE, **{INTERRUPTED: mark}))


def test_a_trials_host_is_its_owners_if_that_can_be_read() -> None:
    own = this_process()
    assert host_of(ended(TrialState.COMPLETE, **{OWNER: own.to_dict()})) == own.host
    for broken in (None, "x", {"host": 3}):
        assert host_of(ended(TrialState.COMPLETE, **{OWNER: broken})) == "an unknown host"


def test_a_name_on_disk_never_changes() -> None:
    """Studies of yesterday have these."""
    names = ("DEFINITION", "RUN_ID", "PART_RUNS", "RESULT", "OWNER", "BEAT", "RETRY_OF", "PROMOTES")
    assert [getattr(attributes, name) for name in names] == [
        "segexp.definition",
        "segexp.run_id",
        "segexp.arm_runs",
        "segexp.result",
        "segexp.owner",
        "segexp.beat",
        "segexp.retry_of",
        "segexp.promotes",
    ]
