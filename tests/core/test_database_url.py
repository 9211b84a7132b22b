"""Which database a URL names."""

import getpass
from pathlib import Path

import pytest

from segexp.core.database_url import refuse_shared_database, refuse_unescaped, sqlite_file
from segexp.core.errors import InputError


@pytest.mark.parametrize(
    "password",
    [
        *("se@cret", "se@cr/et", "se@cr#et", "se@cr?et", "se@cret:word", "s/e#c?r:e@t", "@secret"),
        *("p@se/cr#et:%1", "secret@", "se?c=r@et"),
    ],
)
@pytest.mark.parametrize("address", ["host/a", "127.0.0.1:5432/studies", "[::1]:5432/a?x=1"])
def test_an_at_sign_in_a_password_is_refused_before_a_driver_shows_the_rest_of_it(
    password: str, address: str
) -> None:
    with pytest.raises(InputError) as caught:
        refuse_unescaped("storage", f"postgresql://ann:{password}@{address}")
    assert str(caught.value) == (
        f"storage: 'postgresql://ann@{address}': the password in it has an @; write it as %40, and "
        "other signs likewise (/ as %2F)"
    )


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://ann:se%40cret@host/a", "postgresql://ann@host/a", "journal:a@b.log"),
        # SQLAlchemy takes these as they are meant; Azure's users are ann@host.
        "postgresql://ann:s/e#c?r:et@host:5432/a",
        "postgresql://ann@azure:secret@host/a",
        "postgresql://ann:secret@host/a?application_name=ann@here",
        *("sqlite:////home/ann:x@y@z/a.db", "journal:///home/ann:x@y@z.log"),
    ],
)
def test_an_at_sign_elsewhere_is_taken(url: str) -> None:
    refuse_unescaped("storage", url)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///studies/a.db", "/project/studies/a.db"),
        ("sqlite:////studies/a.db", "/studies/a.db"),
        ("sqlite+pysqlite:///a.db", "/project/a.db"),
        ("sqlite:///a.db?timeout=5", "/project/a.db"),
        ("sqlite:///file:a.db?uri=true", "/project/a.db"),
        ("postgresql://host/a.db", None),
        ("http://localhost:5000", None),
        ("studies/a.db", None),
        ("postgresql://ann:secret@host:port/a", None),
    ],
)
def test_the_file_of_a_sqlite_url_starts_at_the_project(url: str, file: str | None) -> None:
    assert sqlite_file(url, Path("/project")) == (Path(file) if file else None)


ME = getpass.getuser()


@pytest.mark.parametrize(
    ("storage", "tracking"),
    [
        ("sqlite:///mlflow.db", None),
        (None, "sqlite:///studies/optuna.db"),
        ("sqlite:///a.db", "sqlite:///./x/../a.db"),
        ("sqlite:///a.db?timeout=5", "sqlite+pysqlite:///a.db"),
        ("sqlite:///a.db", "sqlite:///link/a.db"),
        ("sqlite:///there.db", "sqlite:///hard-link.db"),
        ("postgresql://host/a", "postgresql://host/a"),
        ("postgresql+psycopg2://ann:x@host/a", "postgresql+psycopg://bob:y@HOST:5432/a"),
        ("postgresql://localhost/a", "postgresql://127.0.0.1:5432/a"),
        ("postgresql:///a", "postgresql:///a?host=/var/run/postgresql"),
        ("postgresql:///a?host=db&port=6000", "postgresql://db:6000/a"),
        ("postgresql://host", f"postgresql://host/{ME}"),
        ("postgresql://ann@host", "postgresql://host/ann"),
        ("mysql+pymysql://host/a", "mysql://host:3306/a"),
        ("mariadb+pymysql://host/a", "mysql+mysqldb://host/a"),
    ],
)
def test_one_database_for_optuna_and_mlflow_is_refused(
    tmp_path: Path, storage: str | None, tracking: str | None
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "there.db").touch()
    (tmp_path / "hard-link.db").hardlink_to(tmp_path / "there.db")
    with pytest.raises(InputError, match=r"^storage: .* and tracking.uri: .* same database"):
        refuse_shared_database(storage, tracking, tmp_path)


@pytest.mark.parametrize(
    ("storage", "tracking"),
    [
        (None, None),
        ("sqlite:///a.db", "sqlite:///b.db"),
        ("sqlite:////a.db", "sqlite:///a.db"),
        ("journal:a.log", None),
        (None, "http://127.0.0.1:5000"),
        (None, "mlruns"),
        ("postgresql://host/a", "postgresql://host/b"),
        ("postgresql://host/a", "postgresql://other/a"),
        ("postgresql://host/a", "postgresql://host:5433/a"),
        ("postgresql://host/a", "mysql://host:5432/a"),
        ("postgresql://host/a", "https://host/a"),
        ("postgresql://host/a", "postgresql://host/a?options=-csearch_path%3Dmlflow"),
        ("postgresql://host/a", None),
    ],
)
def test_two_databases_are_taken(tmp_path: Path, storage: str | None, tracking: str | None) -> None:
    refuse_shared_database(storage, tracking, tmp_path)


def test_the_refusal_says_what_to_do_and_shows_no_password(tmp_path: Path) -> None:
    url = "postgresql://ann:secret@host/a"
    with pytest.raises(InputError) as caught:
        refuse_shared_database(url, url, tmp_path)
    assert str(caught.value) == (
        "storage: postgresql://ann@host/a and tracking.uri: postgresql://ann@host/a are "
        "the same database, and Optuna and MLflow cannot share one; name a database of its own "
        "for each (`createdb NAME` on PostgreSQL)"
    )
