"""A trial of a dead host is gone on from on another one, from what MLflow has of it."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from segexp.core.errors import Interrupted
from segexp.study import shared_states
from segexp.study.attributes import PROMOTES, RUN_ID, STATES
from segexp.study.engines.here import run_trials
from segexp.study.next_trial import run_next_trial
from segexp.study.stop import NEVER
from tests.study.two_hosts import Hosts
from tests.tiny_study import Said, raising

THREE = {"trials": 1, "training.epochs": 3}


def interrupted_in_3(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the first host end in epoch 3 of trial 0; return its MLflow run."""
    monkeypatch.setattr(shared_states, "is_shared", lambda uri: True)
    one = hosts.open(0, **THREE)
    with pytest.raises(Interrupted):
        run_trials([one], Said(raising(Interrupted(15), 0, in_epoch=3)), workers=0, stop=NEVER)
    first = one.study.trials[0]
    assert sorted(one.study.user_attrs[f"{STATES}0"])[-1] == "state.safetensors"
    return str(first.user_attrs[RUN_ID])


def names_in(hosts: Hosts, run: str) -> list[str]:
    return [file.path for file in hosts.client.list_artifacts(run, "checkpoints")]


@pytest.mark.slow
def test_another_host_goes_on_at_the_saved_epoch_and_the_copy_is_deleted(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = interrupted_in_3(hosts, monkeypatch)
    assert "checkpoints/state.safetensors" in names_in(hosts, run)
    two, display = hosts.open(1, **THREE), Said()
    assert run_next_trial(two, display)
    assert display.epochs == [(1, 3)]
    assert "resuming after epoch 2, from its checkpoint" in display.lines
    retry = two.study.trials[1]
    assert list(retry.intermediate_values) == [1, 2, 3]
    assert two.study.user_attrs[f"{STATES}0"] is None
    assert names_in(hosts, run) == []


@pytest.mark.slow
def test_a_state_that_was_changed_is_not_loaded_and_it_is_said_why(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = interrupted_in_3(hosts, monkeypatch)
    changed = hosts.projects[0] / "state.safetensors"
    changed.write_bytes(b"something else")
    hosts.client.log_artifact(run, str(changed), "checkpoints")
    two, display = hosts.open(1, **THREE), Said()
    assert run_next_trial(two, display)
    assert display.epochs == [(1, 1), (1, 2), (1, 3)]
    (line,) = (line for line in display.lines if "begins at epoch 1" in line)
    assert "checkpoints/state.safetensors among the artifacts" in line
    assert "is not what trial 0 left" in line


@pytest.mark.slow
def test_a_promotion_goes_on_at_the_rung_on_another_host(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_states, "is_shared", lambda uri: True)
    options = {"reduction_factor": 2, "promotion": True}
    pruner = {"name": "successive_halving", "options": options}
    shared = {"trials": 4, "pruner": pruner, "training.epochs": 2}
    one = hosts.open(0, **shared)
    baseline = one.study.ask()
    baseline.report(0.9, 1)
    one.study.tell(baseline, 0.9)
    assert run_next_trial(one, Said())
    stopped = one.study.trials[1]
    assert (stopped.state, stopped.last_step) == (TrialState.PRUNED, 1)
    assert "checkpoints/state.safetensors" in names_in(hosts, stopped.user_attrs[RUN_ID])
    for rate in (0.002, 0.003):  # others do worse at the rung
        one.study.add_trial(
            create_trial(
                state=TrialState.PRUNED,
                params={"learning_rate": rate},
                distributions=stopped.distributions,
                intermediate_values={1: 0.0},
            )
        )
    display = Said()
    assert run_next_trial(hosts.open(1, **shared), display)
    assert one.study.trials[4].user_attrs[PROMOTES] == 1
    assert display.epochs == [(4, 2)]


def test_a_database_of_one_host_gets_no_copy(hosts: Hosts) -> None:
    assert not shared_states.is_shared(hosts.uri)
    assert shared_states.is_shared("http://127.0.0.1:5000")


def test_the_copy_of_a_trial_that_began_since_the_trials_were_read_is_left_alone(
    tmp_path: Path,
) -> None:
    study = optuna.create_study()
    study.add_trial(create_trial(value=0.5))
    before = study.trials
    study.set_user_attr(f"{STATES}1", {"state.safetensors": "its digest"})
    shared_states.forget_states(tmp_path, "http://127.0.0.1:1", study, before, awaited=())
    assert study.user_attrs[f"{STATES}1"] == {"state.safetensors": "its digest"}
