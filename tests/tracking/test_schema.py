"""A tracking database of another version of MLflow is refused, and nothing in it is changed."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase

from segexp import tracking
from segexp.core.errors import InputError
from segexp.core.moved_project import follow_move
from segexp.tracking.client import client_of
from tests.cli.running import segexp, write_study

OLD = "acf3f17fdcc7"  # of MLflow 2.0 to 2.2: tables of today are missing
TINY = ("tune", "tiny", "--workers", "0", "--trials", "1")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def execute(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def head(mlflow_template: Path) -> str:
    """The revision that MLflow itself has made a database with."""
    with closing(sqlite3.connect(mlflow_template)) as connection:
        ((head,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(head)


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow's own migrations leave it at an older revision."""
    path = tmp_path_factory.mktemp("old") / "mlflow.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    InitialBase.metadata.create_all(engine)
    engine.dispose()
    command.upgrade(_get_alembic_config(f"sqlite:///{path}"), OLD)
    return path


@pytest.fixture
def forget_clients() -> None:
    client_of.cache_clear()


def refusal(project: Path, database: Path, *words: str) -> str:
    """What a command says of a database that it refuses, with exit code 2, and leaves as it was."""
    before = digest(database)
    outcome = segexp(project, *words)
    assert outcome.code == 2, outcome.err
    assert digest(database) == before
    assert "Traceback" not in outcome.err
    return outcome.err.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.usefixtures("forget_clients")
def test_an_older_database_is_left_as_it_is_until_mlflow_has_upgraded_it(
    project: Path, head: str, old_database: Path
) -> None:
    database = project / "mlflow.db"
    shutil.copy(old_database, database)
    write_study(project)
    arms = ("ab", "cityscapes19", "merged10", "--study", "tiny", "--workers", "0")
    for words in (TINY, ("train",), arms):
        said = refusal(project, database, *words)
        assert (
            f"error: tracking.uri: {database}: was written by an older MLflow: its schema is "
            f"revision {OLD}, MLflow {mlflow.__version__} needs {head}; make a copy of it, then "
            f"run `mlflow db upgrade sqlite:///{database}`"
        ) in said
    with pytest.raises(InputError, match="mlflow db upgrade"):
        tracking.read_artifact(project, None, "0" * 32, "config.yaml")
    assert segexp(project, "sync").code == 0  # a database has no records that wait

    words = ["db", "upgrade", f"sqlite:///{database}"]
    subprocess.run([sys.executable, "-m", "mlflow", *words], check=True, capture_output=True)
    outcome = segexp(project, *TINY)
    assert outcome.code == 0, outcome.err


@pytest.mark.usefixtures("forget_clients")
def test_a_newer_database_asks_for_a_newer_mlflow(project: Path, head: str) -> None:
    database = project / "mlflow.db"
    execute(
        database,
        "UPDATE alembic_version SET version_num = 'fedcba987654'",
        "CREATE TABLE of_the_future (id INTEGER)",
    )
    write_study(project)
    said = refusal(project, database, *TINY)
    assert (
        f"{database}: was written by a newer MLflow: its schema is revision fedcba987654, which "
        f"MLflow {mlflow.__version__} does not know (its own is {head}); upgrade MLflow: pip "
        "install -U mlflow"
    ) in said
    # One that has renamed a table as well.
    execute(database, "ALTER TABLE datasets RENAME TO data_sets")
    assert "was written by a newer MLflow" in refusal(project, database, "train")


@pytest.mark.usefixtures("forget_clients")
def test_a_database_is_older_also_where_no_table_is_missing(project: Path, head: str) -> None:
    database = project / "mlflow.db"
    config = _get_alembic_config("")
    before = ScriptDirectory.from_config(config).get_revision(head).down_revision
    execute(database, f"UPDATE alembic_version SET version_num = '{before}'")
    assert f"older MLflow: its schema is revision {before}, " in refusal(project, database, "train")


def test_a_copied_project_whose_database_is_of_another_version_leaves_it_as_it_is(
    project: Path, old_database: Path
) -> None:
    database = project / "mlflow.db"
    shutil.copy(old_database, database)
    (project / "mlruns" / "street").mkdir(parents=True)
    execute(
        database,
        "INSERT INTO experiments (name, artifact_location, lifecycle_stage) "
        "VALUES ('street', 'file:///elsewhere/mlruns/street', 'active')",
    )
    before = digest(database)
    follow_move(project)
    assert digest(database) == before
    assert segexp(project, "best", "two").code == 2
    assert digest(database) == before


def _interrupt_making(database: Path) -> None:
    execute(database, "DELETE FROM alembic_version")


def _lose_a_table(database: Path) -> None:
    execute(database, "DROP TABLE datasets")


def _make_optunas(database: Path) -> None:
    import optuna

    database.unlink()
    optuna.create_study(storage=f"sqlite:///{database}")


def _write_text(database: Path) -> None:
    database.write_text("no database, but long enough to have a header of 100 bytes" * 3)


@pytest.mark.usefixtures("forget_clients")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_interrupt_making, "MLflow was interrupted while it made this database: its schema has"),
        (_lose_a_table, "is damaged: its schema is revision"),
        (_make_optunas, "is a database of another program than MLflow; move it away"),
        (_write_text, "is not a SQLite database; move it away"),
    ],
)
def test_what_mlflow_cannot_write_is_named_and_left_as_it_is(
    project: Path, spoil: Callable[[Path], None], words: str
) -> None:
    write_study(project)
    spoil(project / "mlflow.db")
    said = refusal(project, project / "mlflow.db", *TINY)
    assert f"tracking.uri: {project}/mlflow.db: {words}" in said


@pytest.mark.usefixtures("forget_clients")
def test_an_empty_file_becomes_a_database(project: Path) -> None:
    (project / "mlflow.db").write_bytes(b"")
    experiment = tracking.open_experiment(project, None, "tiny")
    assert experiment.client.get_experiment(experiment.id).name == "tiny"
