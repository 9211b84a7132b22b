"""`segexp studies`, and `studies rm`."""

import io
import json
import shutil
import sys
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from segexp.cli import studies as command
from segexp.cli.console import print_table
from segexp.study.listing import Row
from tests.cli.running import Outcome, client_of, for_people, segexp, study_names


def test_a_study_is_a_row(tuned: tuple[Path, Outcome]) -> None:
    (row,) = json.loads(segexp(tuned[0], "studies", "--json").out)["studies"]
    best = json.loads(segexp(tuned[0], "best", "--json").out)
    assert (row["name"], row["kind"], row["states"]) == ("tiny", "study", {"COMPLETE": 2})
    assert (row["best"], row["is_running"]) == (best["trial"], False)
    assert row["score"] == pytest.approx(best["scores"]["tuning"]["miou_common"])
    assert row["megabytes"] > 1
    said = for_people(segexp(tuned[0], "studies"))
    (line,) = [line for line in said.splitlines() if line.startswith("tiny ")]
    assert "study  2 complete  " in line and f"(trial {best['trial']})" in line


def test_nothing_is_removed_that_nobody_confirmed_and_then_all_of_it_is(
    tuned: tuple[Path, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Path(shutil.copytree(tuned[0], tmp_path / "project"))
    (folder,) = (project / ".segexp" / "studies").glob("tiny-*")
    (project / "runs" / "tiny").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody who could be asked
    asked = segexp(project, "studies", "rm", "tiny")
    assert asked.code == 2
    assert "nothing was removed; confirm with --yes" in asked.err
    for place in (
        "study tiny (2 trials)",
        "3 runs of experiment tiny, and the experiment, which has no other",
        folder.name,
        "runs/tiny/",
        "4 locks below .segexp/locks/",
    ):
        assert place in asked.out
    assert folder.is_dir() and study_names(project) == ["tiny"]

    done = segexp(project, "studies", "rm", "tiny", "--yes")
    assert done.code == 0, done.err
    assert "MB of deleted runs in mlruns/ until `mlflow gc` deletes them" in done.err
    uri = f"sqlite:///{project / 'mlflow.db'}"
    assert f"look next:  mlflow gc --backend-store-uri {uri} --tracking-uri {uri}" in done.err
    assert not folder.exists() and not (project / "runs" / "tiny").exists()
    assert study_names(project) == []
    client = client_of(project)
    assert client.get_experiment_by_name("tiny") is None  # the name is free for another study
    assert not any("tiny" in each.name for each in client.search_experiments())
    assert not [*(project / ".segexp" / "locks").rglob("tiny*")]
    assert "no study has been run" in segexp(project, "studies").err
    assert study_names(tuned[0]) == ["tiny"]


def test_dates_and_states_stay_whole_where_the_screen_is_narrow() -> None:
    name = "cityscapes-weather-merged10-resnet34-second"
    states = {"COMPLETE": 12, "INTERRUPTED": 1, "WAITING": 2}
    when = datetime(2026, 11, 30, 0, 27)
    row = Row(name, "study", states, 3, 0.375, when, 1234.5, is_running=False)
    out = io.StringIO()
    screen = Console(file=out, width=80)
    print_table(command.studies_table([row], screen), screen)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(out.getvalue().split())
    for whole in (
        "0.3750 (trial 3)",
        "2026-11-30 00:27",
        "1,234.5 MB",
        "1 interrupted,",
        "2 waiting",
    ):
        assert whole in shown
    assert "".join(line[:12].split()[0] for line in lines[2:] if line[:1].strip()) == name
