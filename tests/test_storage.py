"""Where studies live: SQLite in WAL, journal files, and what cannot be opened."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage

from segexp.errors import InputError
from segexp.storage import load_study, open_storage


def toy_study(storage: optuna.storages.BaseStorage, name: str, trials: int = 1) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    return study


def test_the_default_is_sqlite_in_the_project_with_a_write_ahead_log(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    assert isinstance(storage, RDBStorage)
    toy_study(storage, "a")
    connection = sqlite3.connect(tmp_path / "studies" / "optuna.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert load_study(open_storage(None, tmp_path), "a").trials[0].state.name == "COMPLETE"


@pytest.mark.parametrize("url", ["journal:logs/a.log", "journal://logs/a.log"])
def test_a_journal_starts_at_the_project(tmp_path: Path, url: str) -> None:
    storage = open_storage(url, tmp_path)
    assert isinstance(storage, JournalStorage)
    toy_study(storage, "a")
    assert (tmp_path / "logs" / "a.log").stat().st_size > 0
    assert len(load_study(open_storage(url, tmp_path), "a").trials) == 1


def test_a_relative_sqlite_url_starts_at_the_project_and_an_absolute_one_does_not(
    tmp_path: Path,
) -> None:
    open_storage("sqlite:///here/a.db", tmp_path / "project")
    open_storage(f"sqlite:///{tmp_path}/there/b.db", tmp_path / "project")
    assert (tmp_path / "project" / "here" / "a.db").is_file()
    assert (tmp_path / "there" / "b.db").is_file()


def _a_text_file(path: Path) -> None:
    path.write_text("some text that is no database\n" * 9)


def _a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("url", "make", "expected"),
    [
        ("sqlite:///taken", _a_text_file, "not a database"),
        ("sqlite:///taken", _a_folder, "taken: cannot be opened"),
        ("sqlite:///taken/a.db", _a_text_file, "taken/a.db: cannot be opened"),
        ("journal:taken", _a_text_file, "is not a journal of Optuna"),
        ("journal:taken", _a_folder, "taken: cannot be opened"),
        ("journal:taken/a.log", _a_text_file, "taken/a.log: cannot be opened"),
        ("nonsense", _a_text_file, "'nonsense' cannot be opened"),
        ("postgre://localhost/x", _a_text_file, "expected an Optuna URL such as sqlite:///"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_its_place(
    tmp_path: Path, url: str, make: Callable[[Path], None], expected: str
) -> None:
    make(tmp_path / "taken")
    with pytest.raises(InputError, match=r"^storage: ") as caught:
        open_storage(url, tmp_path)
    assert expected in str(caught.value)
    assert len(caught.value.faults) == 1


def test_four_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    # All wait for a file, so that they open the database together and not one import apart.
    script = f"""
import time, pathlib, sys, optuna
from segexp.storage import open_storage
directory = pathlib.Path({str(tmp_path)!r})
(directory / f"ready-{{sys.argv[1]}}").touch()
while not (directory / "go").exists():
    time.sleep(0.001)
study = optuna.create_study(
    storage=open_storage(None, directory), study_name="a", load_if_exists=True
)
study.enqueue_trial({{"x": float(sys.argv[1])}})
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(number)], cwd=Path(__file__).parents[1])
        for number in range(4)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 4:
        assert all(worker.poll() is None for worker in workers)
    (tmp_path / "go").touch()
    assert [worker.wait() for worker in workers] == [0, 0, 0, 0]
    trials = load_study(open_storage(None, tmp_path), "a").trials
    assert sorted(t.system_attrs["fixed_params"]["x"] for t in trials) == [0, 1, 2, 3]


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_storage("nosuchdatabase://ann:secret@localhost/x", tmp_path)
    assert "nosuchdatabase://ann:***@localhost/x" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_without_a_name_the_study_that_began_a_trial_last_is_loaded(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    optuna.create_study(storage=storage, study_name="empty")
    toy_study(storage, "first")
    toy_study(storage, "second")
    assert load_study(storage, None).study_name == "second"
    toy_study(storage, "first")
    assert load_study(storage, None).study_name == "first"
    assert load_study(storage, "second").study_name == "second"


def test_an_unknown_study_is_refused_with_those_there_are(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    with pytest.raises(InputError, match="no study has been run"):
        load_study(storage, None)
    toy_study(storage, "camvid")
    toy_study(storage, "default")
    with pytest.raises(InputError) as caught:
        load_study(storage, "camvit")
    expected = "no study 'camvit' (did you mean 'camvid'?); there are camvid, default"
    assert str(caught.value) == expected
