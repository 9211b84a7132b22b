"""A database server is opened, or refused in one line."""

import socket
from pathlib import Path

import optuna
import pytest
from sqlalchemy.exc import DBAPIError

from harness.databases import (  # noqa: F401
    DatabaseServer,
    database_server,
    database_url,
    mariadb_server,
    postgres_server,
)
from harness.mariadb import MariadbServer
from harness.postgres import PostgresServer, postgres_url  # noqa: F401
from segexp.core.errors import AwayError, InputError
from segexp.study.storage import server
from segexp.study.storage.database_errors import is_passing
from segexp.study.storage.open import open_storage


def refusal(url: str) -> str:
    with pytest.raises(InputError) as caught:
        open_storage(url, Path())
    assert "secret" not in str(caught.value)
    assert len(caught.value.faults) == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_url_of_no_database_is_refused_with_what_is_expected() -> None:
    message = refusal("nosuchdatabase://ann:secret@localhost/x")
    assert message.startswith("storage: 'nosuchdatabase://localhost/x' cannot be opened (")
    assert "expected an Optuna URL such as sqlite:///" in message


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("postgres", "(there is no postgres://; write it as postgresql://)"),
        ("postgres+psycopg2", "(there is no postgres+psycopg2://; write it as postgresql+psycopg2"),
        ("postgresq", "(there is no postgresq:// (did you mean 'postgresql'?)); expected"),
        ("POSTGRESQL", "(there is no POSTGRESQL:// (did you mean 'postgresql'?)); expected"),
        ("grcp", "(there is no grcp:// (did you mean 'grpc'?)); expected"),
        ("mongodb", "(there is no mongodb://); expected"),
        ("postgresql+nosuch", "Can't load plugin: sqlalchemy.dialects:postgresql.nosuch"),
    ],
)
def test_a_scheme_that_there_is_not_is_told_which_there_are(scheme: str, said: str) -> None:
    message = refusal(f"{scheme}://ann:secret@localhost/x")
    assert said in message
    assert "sqlite:///studies/optuna.db, postgresql://... or mysql://..." in message


def test_a_user_who_may_do_nothing_is_told_what_to_be_granted(
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
) -> None:
    database = postgres_url.rpartition("/")[2]
    user = f"ann_{database}"
    postgres_server.execute(f"CREATE ROLE {user} LOGIN")
    url = postgres_url.replace("postgres@", f"{user}@")

    def follow(message: str) -> None:
        steps = message[message.index("GRANT") :].replace("USER", user)
        postgres_server.execute(steps, database)

    message = refusal(url)
    assert "permission denied for schema public" in message
    open_storage(postgres_url, Path())
    message = refusal(url)
    assert "permission denied for table" in message
    # Who may only read is told when something is written.
    postgres_server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", database)
    with pytest.raises(AwayError) as caught:
        optuna.create_study(storage=open_storage(url, Path()), study_name="a")
    assert message[message.index("permission") :].partition("; ")[2] in str(caught.value)
    follow(message)
    optuna.create_study(storage=open_storage(url, Path()), study_name="a").ask()
    # And where there are none.
    postgres_server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database)
    postgres_server.execute(f"GRANT USAGE ON SCHEMA public TO {user}", database)
    follow(refusal(url))
    optuna.create_study(storage=open_storage(url, Path()), study_name="a").ask()


@pytest.mark.parametrize(
    "url", ["postgresql://ann:secret@localhost:port/x", "redis://:secret@localhost/0"]
)
def test_a_url_that_cannot_be_read_is_refused(url: str) -> None:
    assert "cannot be opened" in refusal(url)


def test_a_server_that_is_not_there_is_refused_with_the_reason() -> None:
    pytest.importorskip("psycopg2")
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        message = refusal(f"postgresql+psycopg2://ann:secret@127.0.0.1:{taken.getsockname()[1]}/x")
    assert "Connection refused" in message


def test_a_database_that_is_not_there_is_refused(database_server: DatabaseServer) -> None:  # noqa: F811
    url = database_server.make_database()
    said = database_server.drop_database(url)
    with_password = url.replace("postgres@", "postgres:secret@")
    assert said in refusal(with_password)


@pytest.mark.slow
def test_a_password_that_is_refused_by_mariadb_is_not_shown(
    mariadb_server: MariadbServer,  # noqa: F811
) -> None:
    url = mariadb_server.make_database().replace("root@", "root:secret@")
    assert "Access denied for user 'root'@'127.0.0.1'" in refusal(url)


def test_a_url_without_a_driver_takes_one_that_is_installed(database_url: str) -> None:  # noqa: F811
    dialect, _, rest = database_url.partition("+")
    plain = f"{dialect}:{rest.partition(':')[2]}"
    optuna.create_study(storage=open_storage(plain, Path()), study_name="a")
    assert optuna.get_all_study_names(database_url) == ["a"]


@pytest.mark.slow
def test_a_mariadb_url_is_that_of_a_mysql_to_optuna(mariadb_server: MariadbServer) -> None:  # noqa: F811
    url = mariadb_server.make_database()
    named = url.replace("mysql+pymysql", "mariadb")
    optuna.create_study(storage=open_storage(named, Path()), study_name="a")
    assert optuna.get_all_study_names(url) == ["a"]


@pytest.mark.slow
def test_numbers_are_unique_also_where_mariadb_takes_snapshots_early(
    mariadb_server: MariadbServer,  # noqa: F811
) -> None:
    storage = open_storage(mariadb_server.make_database(), Path())
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        shown = connection.exec_driver_sql("SELECT @@tx_isolation").scalar_one()
    assert shown == "READ-COMMITTED"


def test_numbers_are_unique_also_on_a_server_that_takes_snapshots_early(
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
) -> None:
    # With Optuna's own storage, trials made at once get the same number here.
    database = postgres_url.rpartition("/")[2]
    level = "SET default_transaction_isolation = 'repeatable read'"
    postgres_server.execute(f"ALTER DATABASE {database} {level}")
    storage = open_storage(postgres_url, Path())
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        shown = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
    assert shown == "read committed"


def test_options_in_the_url_win_over_ours(postgres_url: str) -> None:  # noqa: F811
    storage = open_storage(f"{postgres_url}?keepalives_idle=7", Path())
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        parameters = connection.connection.driver_connection.get_dsn_parameters()
    assert parameters["keepalives_idle"] == "7"
    assert parameters["connect_timeout"] == "10"
    assert parameters["tcp_user_timeout"] == "60000"


def test_a_host_that_is_frozen_in_a_transaction_holds_its_rows_for_a_while_only(
    database_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 1)
    frozen = open_storage(database_url, Path())
    optuna.create_study(storage=frozen, study_name="one")
    # One that waits in vain is to fail here, and not to wait forever.
    wait = "options=-c%20lock_timeout%3D20s"
    if "mysql" in database_url:
        wait = "init_command=SET%20innodb_lock_wait_timeout%3D20"
    other = open_storage(f"{database_url}?{wait}", Path(), patience=1)
    row = "SELECT 1 FROM studies WHERE study_name = 'one' FOR UPDATE"
    with frozen._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql(row)
        optuna.load_study(storage=other, study_name="one").ask()
        with pytest.raises(DBAPIError) as lost:
            connection.exec_driver_sql(row)
    assert is_passing(lost.value)
    optuna.load_study(storage=frozen, study_name="one").ask()
    assert [t.number for t in other.get_all_trials(other.get_study_id_from_name("one"))] == [0, 1]


def test_the_server_notices_that_a_host_is_gone(postgres_url: str) -> None:  # noqa: F811
    storage = open_storage(postgres_url, Path())
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        idle, timeout = (
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("tcp_keepalives_idle", "tcp_user_timeout")
        )
    assert (idle, timeout) == ("30", "60000")  # where it is not told, 7200 and 0


def test_a_server_that_is_known_is_waited_for_unless_it_lets_this_user_not_in(
    postgres_url: str,  # noqa: F811
) -> None:
    with pytest.raises(InputError, match=r'cannot be opened: .* role "ann" does not exist'):
        open_storage(postgres_url.replace("postgres@", "ann@"), Path(), 1, is_known=True)
    with socket.socket() as taken:  # bound and not listening
        taken.bind(("127.0.0.1", 0))
        away = f"postgresql+psycopg2://ann@127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(AwayError, match="Connection refused"):
            open_storage(away, Path(), 1, is_known=True)
