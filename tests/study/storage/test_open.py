"""Where studies live: SQLite in WAL, journal files, and what cannot be opened."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import optuna
import psutil
import pytest
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial

from harness.databases import mariadb_server, postgres_server  # noqa: F401
from harness.load import run_together
from segexp.core.errors import InputError
from segexp.study.attributes import LISTED, PART_RUNS
from segexp.study.storage.open import load_study, open_storage


def toy_study(storage: optuna.storages.BaseStorage, name: str, trials: int = 1) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    return study


def test_the_default_is_sqlite_in_the_project_with_a_write_ahead_log(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
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


@pytest.fixture(
    params=["sqlite", "journal", "postgres", pytest.param("mariadb", marks=pytest.mark.slow)]
)
def empty_storage(request: pytest.FixtureRequest) -> str:
    """The URL of a storage of each kind where there is nothing yet."""
    if request.param in ("postgres", "mariadb"):
        return str(request.getfixturevalue(f"{request.param}_server").make_database())
    return {"sqlite": "sqlite:///studies/a.db", "journal": "journal:studies/a.log"}[request.param]


@pytest.mark.slow
def test_eight_processes_can_open_an_empty_storage_together(
    tmp_path: Path, empty_storage: str
) -> None:
    codes, trials = run_together(empty_storage, tmp_path, processes=8, trials=1)
    assert codes == [0] * 8
    check_whole(trials, 8)
    assert len({trial.user_attrs["owner"] for trial in trials}) == 8


@pytest.mark.slow
def test_eight_processes_leave_no_trial_open_and_no_number_twice(
    tmp_path: Path, empty_storage: str
) -> None:
    codes, trials = run_together(empty_storage, tmp_path, processes=8, trials=10)
    assert codes == [0] * 8
    check_whole(trials, 80)


@pytest.mark.slow
def test_trials_are_numbered_without_gaps_also_without_our_lock(
    tmp_path: Path, empty_storage: str
) -> None:
    codes, trials = run_together(empty_storage, tmp_path, 8, 5, ask_locked=False)
    assert codes == [0] * 8
    check_whole(trials, 40)


def check_whole(trials: list[FrozenTrial], count: int) -> None:
    assert [trial.number for trial in trials] == list(range(count))
    for trial in trials:
        x = trial.params["x"]
        assert (trial.state.name, trial.value) == ("COMPLETE", 2 * x)
        assert trial.intermediate_values == {1: x, 2: 2 * x}


@pytest.mark.parametrize("name", ["a{b}.db", "a%20b.db", "a b.db", "a#b.db", "{SCHEMA_VERSION}"])
def test_a_project_may_have_any_name(tmp_path: Path, name: str) -> None:
    toy_study(open_storage(None, tmp_path / name), "a")
    assert (tmp_path / name / "studies" / "optuna.db").is_file()
    assert load_study(open_storage(None, tmp_path / name), "a").trials[0].number == 0


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="in memory, which is lost when the process ends"):
        open_storage(url, tmp_path)


def test_options_of_a_sqlite_url_are_not_part_of_its_name(tmp_path: Path) -> None:
    open_storage("sqlite:///a.db?timeout=5", tmp_path)
    assert (tmp_path / "a.db").is_file()


def test_a_sqlite_file_on_a_network_file_system_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = SimpleNamespace(mountpoint=str(tmp_path.resolve()), fstype="nfs4")
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [mount])
    with pytest.raises(InputError, match=r"^storage: .*network file system.*postgresql://"):
        open_storage(None, tmp_path)
    assert list(tmp_path.iterdir()) == []
    toy_study(open_storage("journal:a.log", tmp_path), "a")


def test_without_a_name_the_study_that_began_a_trial_last_is_loaded(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    optuna.create_study(storage=storage, study_name="empty")
    toy_study(storage, "first")
    toy_study(storage, "second")
    assert load_study(storage, None).study_name == "second"
    toy_study(storage, "first")
    assert load_study(storage, None).study_name == "first"
    assert load_study(storage, "second").study_name == "second"


def test_arms_of_an_ab_study_are_left_aside_where_there_are_other_studies(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    whole = optuna.create_study(storage=storage, study_name="ab")
    whole.set_user_attr(PART_RUNS, {"fine": "run-1", "coarse": "run-2"})
    toy_study(storage, "ab-coarse")
    assert load_study(storage, None).study_name == "ab"
    assert load_study(storage, "ab-coarse").study_name == "ab-coarse"
    toy_study(storage, "other")
    toy_study(storage, "ab-coarse")
    assert load_study(storage, None).study_name == "other"


def test_an_unknown_study_is_refused_with_those_there_are(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    with pytest.raises(InputError, match="no study has been run"):
        load_study(storage, None)
    toy_study(storage, "camvid")
    toy_study(storage, "default")
    of_ab = toy_study(storage, "ab-quick-merged10-candidates")
    of_ab.set_user_attr(LISTED, True)
    with pytest.raises(InputError) as caught:
        load_study(storage, "camvit")
    assert str(caught.value) == (
        "no study 'camvit' (did you mean 'camvid'?); there are camvid, default; a study in another "
        "storage is found with --storage URL"
    )
