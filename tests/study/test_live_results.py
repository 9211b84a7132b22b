"""When the results folder of a running study is written, and that a fault ends nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from segexp.study import live_results
from segexp.study.live_results import EVERY_SECONDS, PARTS, LiveResults, ResultsFolder
from tests.tiny_study import Said


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the study ran when each note was written; nothing is recorded."""
    written: list[bool] = []
    monkeypatch.setattr(
        live_results, "write_note", lambda opened, *, is_live: written.append(is_live)
    )
    return written


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened_in(project: Path) -> Any:
    study = optuna.create_study(study_name="tiny", direction="maximize")
    return SimpleNamespace(
        plan=SimpleNamespace(base=SimpleNamespace(project=project)),
        study=study,
        experiment=SimpleNamespace(uri=None),
    )


@pytest.mark.usefixtures("notes")
def test_writing_takes_at_most_a_small_part_of_the_time_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, written = Clock(), []

    def write(project: Path, study: optuna.Study, *, is_live: bool) -> None:
        assert is_live
        written.append(clock.now)
        clock.now += len(written)  # each takes a second more, as in a study that grows

    monkeypatch.setattr(live_results, "write_results", write)
    folder = ResultsFolder(opened_in(tmp_path), lambda line: None, clock)
    while clock.now < 1000:
        folder.write_if_due()
        clock.now += 0.5
    assert written[0] == 0.0
    ended = [begun + seconds for seconds, begun in enumerate(written, start=1)]
    waited = [begun - end for begun, end in zip(written[1:], ended, strict=False)]
    for seconds, wait in enumerate(waited, start=1):
        assert wait >= max(EVERY_SECONDS, PARTS * seconds)
    assert sum(range(1, len(written) + 1)) < 1000 / PARTS + len(written)


def test_a_display_has_folder_and_note_written_and_shows_what_it_showed(
    tmp_path: Path, notes: list[bool]
) -> None:
    said = Said()
    folder = ResultsFolder(opened_in(tmp_path), said.say)
    display = LiveResults(said, folder).beside()
    display.trial_started(0, 1, 2, {})
    display.trial_ended(0, "COMPLETE", "0.5")
    assert (said.started, said.ended) == ([0], [(0, "COMPLETE")])
    assert notes == [True]  # the next one is due later
    page = tmp_path / "runs" / "tiny" / "report.html"
    assert 'http-equiv="refresh"' in page.read_text(encoding="utf-8")


def test_a_note_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    said = Said()
    folder = ResultsFolder(opened_in(tmp_path), said.say, iter(range(0, 9000, 100)).__next__)
    for _ in range(3):
        folder.write_if_due()
    (line,) = said.lines
    assert line.startswith("its note in MLflow cannot be written, and the study goes on: ")
    assert (tmp_path / "runs" / "tiny" / "report.html").is_file()


@pytest.mark.usefixtures("notes")
def test_a_folder_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    said = Said()
    folder = ResultsFolder(opened_in(tmp_path), said.say, iter(range(0, 9000, 100)).__next__)
    for _ in range(3):
        folder.write_if_due()
    (line,) = said.lines
    assert line.startswith(f"{tmp_path / 'runs' / 'tiny'} cannot be written, and the study goes on")
