"""Databases that a torn copy or a bad disk has damaged are refused before anything is begun."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from segexp import tracking
from segexp.core.damaged_database import refuse_damaged, refuse_damaged_file
from segexp.core.errors import InputError
from segexp.study.storage.open import open_storage, read_storage
from tests.cli.running import segexp, write_study

PAGE = 4096


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def spoil_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5 * PAGE : 6 * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)


def lose_the_beginning(path: Path) -> None:
    path.write_bytes(b"\xa5" * PAGE + path.read_bytes()[PAGE:])


@pytest.fixture
def begun(project: Path) -> Path:
    """A project with an empty study in both of its databases."""
    write_study(project)
    optuna.create_study(study_name="tiny", storage=open_storage(None, project))
    return project


COMMANDS = {
    "mlflow.db": (("tune", "tiny"), ("train",), ("ab", "cityscapes19", "merged10")),
    "studies/optuna.db": (("tune", "tiny"), ("ab", "cityscapes19", "merged10"), ("best", "tiny")),
}


@pytest.mark.parametrize("damage", [cut_in_half, spoil_a_page])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_damaged_database_is_refused_with_its_path_and_the_way_out(
    begun: Path, name: str, damage: Callable[[Path], None]
) -> None:
    database = begun / name
    damage(database)
    before = database.read_bytes()
    what = "storage" if name.endswith("optuna.db") else "tracking.uri"
    for words in COMMANDS[name]:
        outcome = segexp(begun, *words)
        assert outcome.code == 2, outcome.err
        said = outcome.err.replace("\n", "")
        assert f"error: {what}: {database}: this SQLite database is damaged (" in said
        assert "loading torch" not in said
        for way_out in ("put back a copy", "move it away", f"sqlite3 {database} .recover"):
            assert way_out in said
        assert database.read_bytes() == before


def test_both_are_named_together(begun: Path) -> None:
    for name in COMMANDS:
        cut_in_half(begun / name)
    with pytest.raises(InputError) as caught:
        refuse_damaged(begun, {"storage": None, "tracking.uri": None})
    assert [fault.partition(": ")[0] for fault in caught.value.faults] == [
        "storage",
        "tracking.uri",
    ]


def test_a_file_whose_beginning_is_lost_is_not_a_database(begun: Path) -> None:
    lose_the_beginning(begun / "studies" / "optuna.db")
    with pytest.raises(InputError, match="is not a SQLite database; move it away, or name another"):
        read_storage(None, begun)


def test_the_way_out_works(begun: Path) -> None:
    database = begun / "mlflow.db"
    cut_in_half(database)
    with pytest.raises(InputError, match="is damaged"):
        tracking.open_experiment(begun, None, "tiny")
    with pytest.raises(InputError, match="is damaged"):
        tracking.read_artifact(begun, None, "0" * 32, "config.yaml")
    database.rename(begun / "away.db")
    assert tracking.open_experiment(begun, None, "tiny").name == "tiny"


def test_whole_ones_and_those_that_are_not_there_are_not_refused(
    begun: Path, tmp_path: Path
) -> None:
    refuse_damaged(begun, {"storage": None, "tracking.uri": None})
    refuse_damaged(begun, {"storage": "journal:a.log", "tracking.uri": "http://host:5000"})
    refuse_damaged(tmp_path / "empty", {"storage": None, "tracking.uri": None})
    (tmp_path / "empty.db").touch()
    refuse_damaged_file("storage", tmp_path / "empty.db")


def test_one_that_another_process_writes_is_not_refused(begun: Path) -> None:
    database = begun / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE experiments SET name = name")
        refuse_damaged_file("tracking.uri", database)


def test_content_only_in_the_log_is_not_damage(begun: Path, tmp_path: Path) -> None:
    database = begun / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE more (x)")
        connection.execute("INSERT INTO more VALUES (zeroblob(100000))")
        connection.commit()
        for path in begun.glob("mlflow.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, tmp_path)
    refuse_damaged_file("tracking.uri", tmp_path / "mlflow.db")
