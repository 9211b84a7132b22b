import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from segexp.core.moved_project import artifacts_now, follow_move, newest_revision


def rows(database: Path, query: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]


def execute(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


def add(project: Path, name: str, location: str) -> None:
    """Add an experiment to the project's database."""
    execute(
        project / "mlflow.db",
        "INSERT INTO experiments (name, artifact_location, lifecycle_stage) "
        f"VALUES ('{name}', '{location}', 'active')",
    )


def location_of(project: Path, name: str) -> str:
    query = f"SELECT artifact_location FROM experiments WHERE name = '{name}'"
    (found,) = rows(project / "mlflow.db", query)
    return found


def test_the_newest_revision_is_the_one_that_mlflow_makes(mlflow_template: Path) -> None:
    assert rows(mlflow_template, "SELECT version_num FROM alembic_version") == [newest_revision()]


def test_experiments_whose_artifacts_came_along_are_pointed_at_them(project: Path) -> None:
    (project / "mlruns" / "street a").mkdir(parents=True)
    add(project, "here", "file:///before/mlruns/street%20a")
    follow_move(project)
    assert location_of(project, "here") == (project / "mlruns" / "street%20a").as_uri().replace(
        "%2520", "%20"
    )


@pytest.mark.parametrize(
    "location",
    ["s3://bucket/mlruns/street", "file:///before/elsewhere/street", "mlflow-artifacts:/1"],
)
def test_what_was_never_in_the_project_stays_where_it_is(project: Path, location: str) -> None:
    (project / "mlruns" / "street").mkdir(parents=True)
    add(project, "street", location)
    follow_move(project, "street")
    assert location_of(project, "street") == location


def test_what_did_not_come_along_is_moved_only_for_the_experiment_that_is_written_into(
    project: Path,
) -> None:
    add(project, "street", "file:///before/mlruns/street")
    follow_move(project)
    assert location_of(project, "street") == "file:///before/mlruns/street"
    follow_move(project, "street")
    assert location_of(project, "street") == (project / "mlruns" / "street").as_uri()


def test_a_database_of_another_version_is_left_alone(project: Path) -> None:
    (project / "mlruns" / "street").mkdir(parents=True)
    add(project, "street", "file:///before/mlruns/street")
    execute(project / "mlflow.db", "UPDATE alembic_version SET version_num = 'fedcba987654'")
    follow_move(project)
    assert location_of(project, "street") == "file:///before/mlruns/street"


def test_a_runs_artifacts_are_looked_for_here_first(tmp_path: Path) -> None:
    own = tmp_path / "mlruns" / "1" / "abc" / "artifacts"
    own.mkdir(parents=True)
    assert artifacts_now(tmp_path, "file:///before/mlruns/1/abc/artifacts") == own
    there = Path("/before/mlruns/1/gone/artifacts")
    assert artifacts_now(tmp_path, there.as_uri()) == there
    assert artifacts_now(tmp_path, "s3://bucket/mlruns/1/abc/artifacts") is None
