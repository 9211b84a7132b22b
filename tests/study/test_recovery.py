"""Studies whose process died, closed by a command that only reads them."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from segexp.core.errors import WorkError
from segexp.core.lease import Owner, this_process
from segexp.study import recovery
from segexp.study.attributes import OWNER, SUPERVISORS
from segexp.study.open import OpenStudy
from segexp.study.recovery import recover, recover_if_allowed
from segexp.study.storage.open import open_storage
from tests.tiny_study import opened, record_of

OWN = this_process()
DEAD = replace(OWN, started=OWN.started - 60)  # its pid was given again
SIGNATURE = f"{SUPERVISORS}token"


@pytest.fixture
def left(project: Path) -> OpenStudy:
    """A study that a process ran, with a trial under way."""
    study = opened(project, trials=2)
    study.study.set_user_attr(SIGNATURE, {**DEAD.to_dict(), "beat": 0.0})
    begin(study, DEAD)
    return study


def begin(study: OpenStudy, owner: Owner) -> None:
    trial = study.study.ask()
    trial.set_user_attr(OWNER, owner.to_dict())


def recover_tiny(project: Path) -> list[str]:
    lines: list[str] = []
    recover(project, open_storage(None, project), ["tiny"], None, lines.append)
    return lines


def test_its_trial_waits_again_and_its_runs_end(project: Path, left: OpenStudy) -> None:
    assert record_of(project, left.study).info.status == "RUNNING"
    said = recover_tiny(project)
    assert said == ["trial 0 of tiny was left by a process that ended; it waits again"]
    assert [t.state for t in left.study.trials] == [TrialState.FAIL, TrialState.WAITING]
    assert record_of(project, left.study).info.status == "KILLED"
    assert left.study.user_attrs[SIGNATURE] is None
    assert recover_tiny(project) == []


def test_a_trial_of_a_process_that_lives_keeps_the_study_open(
    project: Path, left: OpenStudy
) -> None:
    begin(left, OWN)
    recover_tiny(project)
    assert left.study.trials[1].state == TrialState.RUNNING
    assert record_of(project, left.study).info.status == "RUNNING"
    assert left.study.user_attrs[SIGNATURE] is not None


def test_runs_that_cannot_be_closed_now_are_closed_by_the_next_start(
    project: Path, left: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*words: object) -> None:
        raise WorkError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(recovery.tracking, "open_experiment", away)
        assert recover_tiny(project)[1:] == [
            "the MLflow runs of tiny stay open: the server is away"
        ]
    assert left.study.user_attrs[SIGNATURE] is not None
    assert recover_tiny(project) == []
    assert record_of(project, left.study).info.status == "KILLED"


def test_who_may_not_write_is_told_who_must(
    project: Path, left: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "may_write", lambda path: path.suffix != ".db")
    lines: list[str] = []
    recover_if_allowed(project, left.plan.base.config, ["tiny"], lines.append)
    (line,) = lines
    assert line.startswith("left by a process that ended: tiny; ")
    assert "optuna.db cannot be written here" in line
    assert left.study.trials[0].state == TrialState.RUNNING


def test_a_name_from_a_strangers_database_leads_nowhere(project: Path, left: OpenStudy) -> None:
    lines: list[str] = []
    recover(project, open_storage(None, project), ["../tiny"], None, lines.append)
    assert lines == []
