"""Which studies are being run, and which were left behind."""

import time
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from segexp.core.lease import Owner, lease_seconds, this_process
from segexp.study.abandoned import forget_supervisors, is_running, left_behind, supervised
from segexp.study.attributes import SUPERVISORS
from segexp.study.storage.open import open_storage


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(study_name="street")


def sign(study: optuna.Study, key: str, owner: Owner, beat: float) -> None:
    study.set_user_attr(f"{SUPERVISORS}{key}", {**owner.to_dict(), "beat": beat})


OWN = this_process()
DEAD = replace(OWN, started=OWN.started - 60)  # its pid was given again
ELSEWHERE = replace(OWN, host="another", boot="another")


def supervisors(study: optuna.Study) -> list[object]:
    return [v for k, v in study.user_attrs.items() if k.startswith(SUPERVISORS) and v]


def test_a_study_that_never_ran_was_not_abandoned(study: optuna.Study) -> None:
    assert left_behind(study._storage) == []
    assert not is_running(study)


@pytest.mark.parametrize(
    ("owner", "silent", "is_left"),
    [
        pytest.param(DEAD, 0, True, id="ended"),
        pytest.param(OWN, 0, False, id="alive"),
        pytest.param(OWN, 1.1, True, id="alive and silent"),
        pytest.param(ELSEWHERE, 0, False, id="elsewhere"),
        pytest.param(ELSEWHERE, 1.1, True, id="elsewhere and silent"),
    ],
)
def test_a_study_is_left_behind_by_whoever_is_gone(
    study: optuna.Study, owner: Owner, silent: float, is_left: bool
) -> None:
    sign(study, "a", owner, time.time() - silent * lease_seconds())
    assert left_behind(study._storage) == (["street"] if is_left else [])
    assert is_running(study) == (not is_left)


def test_a_study_that_somebody_else_runs_now_is_not_left_behind(study: optuna.Study) -> None:
    sign(study, "a", DEAD, time.time())
    sign(study, "b", ELSEWHERE, time.time())
    assert left_behind(study._storage) == []


def test_what_cannot_be_read_is_left_behind(study: optuna.Study) -> None:
    study.set_user_attr(f"{SUPERVISORS}a", "me")
    assert left_behind(study._storage) == ["street"]
    forget_supervisors(study)
    assert left_behind(study._storage) == []


def test_forgetting_leaves_those_who_live(study: optuna.Study) -> None:
    sign(study, "a", DEAD, time.time())
    sign(study, "b", ELSEWHERE, time.time())
    forget_supervisors(study)
    forget_supervisors(study)
    (left,) = supervisors(study)
    assert isinstance(left, dict)
    assert left["host"] == "another"


def test_a_study_is_supervised_while_the_block_runs(study: optuna.Study) -> None:
    with supervised(study):
        (one,) = supervisors(study)
        assert isinstance(one, dict)
        assert one["pid"] == OWN.pid
        with supervised(study):  # as another process that joins it
            assert len(supervisors(study)) == 2
        assert supervisors(study) == [one]
        assert left_behind(study._storage) == []
    assert supervisors(study) == []


def test_a_block_that_an_error_ends_leaves_its_signature_for_the_next_start(
    study: optuna.Study,
) -> None:
    with pytest.raises(ZeroDivisionError), supervised(study):
        raise ZeroDivisionError
    assert len(supervisors(study)) == 1


def test_a_supervisor_is_heard_of_again_and_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_LEASE_SECONDS", "0.5")
    study = optuna.create_study(study_name="street", storage=open_storage(None, project))

    def beat() -> float:
        (content,) = supervisors(study)
        assert isinstance(content, dict)
        return float(content["beat"])

    with supervised(study):
        first, deadline = beat(), time.monotonic() + 30
        while beat() == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert beat() > first
