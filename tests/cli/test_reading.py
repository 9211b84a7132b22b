"""What only reads needs no permission to write, and leaves nothing behind."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from segexp.core.lease import Owner
from segexp.study.attributes import SUPERVISORS
from tests.cli.running import Outcome, segexp
from tests.stranger import listing, nobody_writes, run_as, shared  # noqa: F401


@pytest.fixture
def copied(tuned: tuple[Path, Outcome], shared: Path) -> Path:  # noqa: F811
    """The tuned project, a copy of the test's own."""
    return Path(shutil.copytree(tuned[0], shared / "project"))


@pytest.mark.slow
def test_another_user_reads_what_there_is_and_leaves_nothing(
    tuned: tuple[Path, Outcome], copied: Path
) -> None:
    drop = copied.parent / "drop"
    owners = json.loads(segexp(tuned[0], "best", "--json").out)
    Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(drop / "street.png")
    before = listing(copied)
    with nobody_writes(copied) as stranger:
        done = run_as(stranger, copied, "best", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        best = json.loads(done.stdout)
        bundle = Path(best.pop("bundle"))
        assert owners.pop("bundle").endswith(str(bundle.relative_to(copied)))
        assert best == owners
        for words in (
            ("best", "--predict", "../drop/street.png", "--out", "../drop/best"),
            ("predict", str(bundle), "../drop/street.png", "--out", "../drop/predicted"),
            ("evaluate", str(bundle), "--json"),
            ("data", "check"),
            ("data", "stats", "--set", "data.image_size=[64, 64]"),  # is not in the cache
            ("mapping", "suggest", "--study", "tiny", "--classes", "3"),
            ("mapping", "suggest", "--study", "tiny", "--name", "few", "--out", "../drop/few"),
        ):
            done = run_as(stranger, copied, *words)
            assert done.returncode == 0, f"{words}\n{done.stderr}"
            if "--classes" in words:
                assert "look next:  the same command with --out DIR writes it; " in done.stderr
                assert "\nlook next:  segexp ab" not in done.stderr
    assert {path.name for path in (drop / "few").iterdir()} == {"few.yaml", "mapping-ladder.html"}
    assert "mappings/few.yaml cannot be written here\n" in done.stderr
    assert "look next:  copy ../drop/few/few.yaml into mappings/ of a project that" in done.stderr
    assert (drop / "best" / "street_mask.png").is_file()
    assert listing(copied) == before


@pytest.mark.slow
def test_another_user_is_told_that_a_dead_process_leaves_trials_open(copied: Path) -> None:
    dead = {**Owner("a-host-that-is-gone", "", 1, 0.0).to_dict(), "beat": 0.0}
    with closing(sqlite3.connect(copied / "studies" / "optuna.db")) as connection, connection:
        connection.execute(
            "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
            (f"{SUPERVISORS}0123", json.dumps(dead)),
        )
    before = listing(copied)
    with nobody_writes(copied) as stranger:
        done = run_as(stranger, copied, "best", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["study"] == "tiny"
    assert done.stderr.startswith("left by a process that ended: tiny; ")
    assert len(done.stderr.splitlines()) == 1
    assert listing(copied) == before


def test_a_study_that_is_not_there_is_looked_for_without_making_a_database(project: Path) -> None:
    before = listing(project)
    for words in (("best",), ("mapping", "suggest", "--study", "tiny")):
        outcome = segexp(project, *words)
        assert (outcome.code, "no study has been run" in outcome.err) == (2, True)
    outcome = segexp(project, "best", "--storage", "journal:studies/none.log")
    assert outcome.code == 2
    assert "none.log: no such file" in outcome.err
    assert listing(project) == before


def test_a_moved_project_shows_its_artifacts_after_any_command(
    copied: Path, tuned: tuple[Path, Outcome]
) -> None:
    client = MlflowClient(f"sqlite:///{copied}/mlflow.db")
    run_id = json.loads(segexp(tuned[0], "best", "--json").out)["run_id"]
    assert client.get_run(run_id).info.artifact_uri.startswith(tuned[0].as_uri())
    assert segexp(copied, "best").code == 0
    uri = client.get_run(run_id).info.artifact_uri
    assert uri == f"{copied.as_uri()}/mlruns/tiny/{run_id}/artifacts"
    assert "bundle" in [file.path for file in client.list_artifacts(run_id)]
    # The project that it was copied from keeps its own.
    first = MlflowClient(f"sqlite:///{tuned[0]}/mlflow.db")
    assert first.get_run(run_id).info.artifact_uri.startswith(tuned[0].as_uri())
