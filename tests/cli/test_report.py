"""``segexp report``."""

from pathlib import Path

import optuna
import pytest

from segexp.study.attributes import PART_RUNS
from tests.cli.running import segexp
from tests.report.study_example import leave


@pytest.fixture
def stored(project: Path) -> Path:
    storage = f"sqlite:///{project}/studies/optuna.db"
    study = optuna.create_study(study_name="tiny", direction="maximize", storage=storage)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    leave(trial, 0.4)
    study.tell(trial, 0.4)
    of_arms = optuna.create_study(study_name="ab-x-y", storage=storage)
    of_arms.set_user_attr(PART_RUNS, {"x": "1", "y": "2"})
    return project


def test_the_page_is_written_and_its_path_alone_is_printed(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.get", lambda: None)
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = stored / "runs" / "tiny" / "report.html"
    assert segexp(stored, "report").out == f"{page}\n"
    assert "best 0.400 on the tuning images" in page.read_text(encoding="utf-8")
    assert opened == []
    page.unlink()
    assert segexp(stored, "report", "tiny", "--open").code == 0
    assert opened == [page.resolve().as_uri()]
    assert page.is_file()


def test_an_ab_study_without_an_answer_and_a_study_that_is_not_there_are_refused(
    stored: Path,
) -> None:
    none_yet = segexp(stored, "report", "ab-x-y")
    assert (none_yet.code, none_yet.out) == (1, "")
    assert "'ab-x-y' has no answer here yet: repeat its `segexp ab` command" in none_yet.err
    unknown = segexp(stored, "report", "tinny")
    assert unknown.code == 2
    assert "did you mean 'tiny'" in unknown.err
