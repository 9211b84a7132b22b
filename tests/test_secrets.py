"""Passwords stand where their user put them and nowhere else: not in records, nor in `ps`."""

import base64
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import optuna
import psutil
import pytest
import yaml
from mlflow import MlflowClient

from harness.postgres import PostgresServer, postgres_server  # noqa: F401
from harness.tracking_server import Outage, Proxy, free_port, start_mlflow, stop, wait_until_ready
from segexp.study.attributes import TRACKING
from tests.cli.running import segexp, write_study

# Whatever is written of a password holds one of these: as it is, percent-encoded, or in part.
STORAGE_PASSWORD = "pLaNtEd/pLaNtEd@1"
TRACKING_PASSWORD = "tRaCkInG/tRaCkInG@1"
SSL_PASSWORD = "sSlPlAnTeD"
BASIC = base64.b64encode(f"ann:{TRACKING_PASSWORD}".encode()).decode()
PLANTED = ("pLaNtEd", "tRaCkInG", SSL_PASSWORD, BASIC)

STUDY = """\
name: tiny
sampler: {name: random, seed: 0}
pruner: none
space: {mapping: [cityscapes19, merged10], learning_rate: {low: 1e-4, high: 1e-2, log: true}}
config: {training.epochs: 1}
"""


@dataclass
class Place:
    """A project whose storage and tracking server both ask for a password.

    Attributes:
        storage: Optuna's URL, with the passwords.
        database: The name of its database.
        server: The directory of the MLflow server.
        said: What commands printed, and what stood in their children's command lines.
    """

    project: Path
    postgres: PostgresServer
    database: str
    storage: str
    server: Path
    proxy: Proxy
    said: list[str] = field(default_factory=list)

    @property
    def storage_file(self) -> Path:
        """A file outside the project with the storage's URL in it."""
        return self.project.parent / "storage-url"

    @property
    def tracking(self) -> str:
        """The tracking URI with the password: the @ in it as it is and the / encoded."""
        return f"http://ann:tRaCkInG%2FtRaCkInG@1@127.0.0.1:{self.proxy.port}"

    @property
    def where(self) -> str:
        """The storage's URL as it may be shown."""
        return f"postgresql+psycopg2://ann@127.0.0.1:{self.postgres.port}/{self.database}"

    def run(
        self,
        *words: str,
        when_it_begins: Callable[[], None] = lambda: None,
        **environment: str,
    ) -> tuple[int, str]:
        """Run a command, and call something when its first trial has begun."""
        arguments = [sys.executable, "-m", "segexp", *words]
        process = subprocess.Popen(
            arguments,
            cwd=self.project,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        printed = ""
        assert process.stdout is not None
        with self._watched(process.pid, " ".join(arguments)):
            for line in process.stdout:
                printed += line
                if line.startswith("trial "):
                    when_it_begins()
            code = process.wait()
        self.said.append(printed)
        return code, printed

    @contextmanager
    def _watched(self, command: int, typed: str) -> Iterator[None]:
        """Note the command lines of a command's children, also of those that outlive it.

        Not what the user typed: between fork and exec a child has that, too.
        """
        ended = threading.Event()
        seen: set[str] = set()

        def watch() -> None:
            while not ended.wait(0.05):
                for process in psutil.process_iter():
                    try:
                        if process.pid != command and os.getsid(process.pid) == command:
                            seen.add(" ".join(process.cmdline()))
                    except (OSError, psutil.Error):
                        continue  # it has ended

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()
            self.said.extend(seen - {typed})


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    lay_out_project: Callable[[Path], Path],
    postgres_server: PostgresServer,  # noqa: F811
) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("secrets")
    (server := directory / "server").mkdir()
    port = free_port()
    process = start_mlflow(server, port)
    try:
        project = lay_out_project(directory / "project")
        database = _make_locked_database(postgres_server)
        wait_until_ready(port)
        proxy = Proxy(port)
        proxy.authorization = f"Basic {BASIC}"
        password = quote(STORAGE_PASSWORD, safe="")
        storage = f"postgresql+psycopg2://ann:{password}@127.0.0.1:{postgres_server.port}/"
        storage += f"{database}?sslpassword={SSL_PASSWORD}"
        place = Place(project, postgres_server, database, storage, server, proxy)
        config = yaml.safe_load((project / "config.yaml").read_text())
        config["tracking"]["uri"] = place.tracking
        (project / "config.yaml").write_text(yaml.safe_dump(config))
        write_study(project, STUDY)
        place.storage_file.write_text(f"{storage}\n")
        yield place
        proxy.close()
    finally:
        stop(process, signal.SIGKILL)


def _make_locked_database(server: PostgresServer) -> str:
    """Make a database of the user ann, who has to give her password."""
    database = server.make_database().rpartition("/")[2]
    server.execute(f"CREATE ROLE ann LOGIN PASSWORD '{STORAGE_PASSWORD}'")
    server.execute(f"ALTER DATABASE {database} OWNER TO ann")
    [(directory,)] = server.execute("SHOW data_directory")
    rules = "VALUES ('host all ann all scram-sha-256'), ('host all all all trust')"
    server.execute(f"COPY ({rules}) TO '{directory}/pg_hba.conf'")
    server.execute("SELECT pg_reload_conf()")
    return database


def leaks_in(where: str, content: bytes) -> list[str]:
    return [f"{where}: {secret}" for secret in PLANTED if secret.encode() in content]


def leaks_below(directory: Path) -> list[str]:
    """Look through all files and, of databases, through their rows as well."""
    leaks: list[str] = []
    for path in sorted(directory.rglob("*")):
        leaks += leaks_in(str(path.parent), path.name.encode())
        if not path.is_file() or (path.name == "config.yaml" and path.parent == directory):
            continue
        leaks += leaks_in(str(path), path.read_bytes())
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as connection:
                leaks += leaks_in(f"rows of {path}", "\n".join(connection.iterdump()).encode())
    return leaks


def rows_of(server: PostgresServer, database: str) -> bytes:
    tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
    rows = [server.execute(f"SELECT t::text FROM {table} t", database) for (table,) in tables]
    assert sum(map(len, rows)) > 20
    return repr(rows).encode()


@pytest.mark.slow
def test_no_password_is_left_by_studies_crashes_outages_and_an_ab_study(place: Place) -> None:
    project, tune = place.project, ("tune", "tiny", "--workers", "1")
    # A worker dies, and its trial is tried again.
    code, printed = place.run(
        *tune, "--trials", "2", "--storage", place.storage, SEGEXP_FAILPOINT="epoch:1"
    )
    assert (code, "it is tried again" in printed) == (0, True), printed
    assert f"segexp best tiny --storage {place.where}\n" in printed

    # As the version before wrote it down.
    optuna.load_study(study_name="tiny", storage=place.storage).set_user_attr(
        TRACKING, [place.tracking, "tiny"]
    )

    # The server goes away, and records wait for it.
    def end_service() -> None:
        place.proxy.outage = Outage.ERRORS

    code, printed = place.run(
        *tune, "--trials", "3", when_it_begins=end_service, SEGEXP_STORAGE=place.storage
    )
    assert (code, "records wait" in printed) == (0, True), printed
    leaks = leaks_below(project)
    spooled = list((project / ".segexp" / "spool").rglob("*.json"))
    assert len(spooled) > 10
    assert {path.stat().st_mode & 0o777 for path in spooled} == {0o600}
    (spool,) = (project / ".segexp" / "spool").iterdir()
    assert spool.stat().st_mode & 0o777 == 0o700
    assert place.run("sync", "--debug")[0] == 1
    place.proxy.outage = Outage.NONE
    # It asks for the password, which is in config.yaml alone.
    assert place.run("sync")[0] == 0

    # The whole command dies, and another one closes what it left.
    storage_file = ("--storage-file", str(place.storage_file))
    words = ("tune", "tiny", "--workers", "0", "--trials", "4", *storage_file)
    assert place.run(*words, SEGEXP_FAILPOINT="before_tell:1")[0] == -signal.SIGKILL
    code, printed = place.run("best", "tiny", *storage_file)
    assert (code, "of tiny was left" in printed, "stay open" in printed) == (0, True, False)
    words = ("ab", "cityscapes19", "merged10", "--study", "tiny", "--matched", "--configs", "1")
    code, printed = place.run(*words, "--seeds", "2", "--workers", "1", *storage_file)
    assert code == 0, printed
    assert place.run("train")[0] == 0

    leaks += leaks_below(project) + leaks_below(place.server)
    leaks += leaks_in("PostgreSQL", rows_of(place.postgres, place.database))
    leaks += leaks_in("console and process list", "\n".join(place.said).encode())
    assert leaks == []
    # They are left out of what is recorded, and the rest of it is there.
    client = MlflowClient(f"sqlite:///{place.server}/server.db")
    (study,) = client.search_experiments(filter_string="name = 'tiny'")
    runs = client.search_runs([study.experiment_id], "tags.segexp.kind = 'trial'")
    assert {run.data.params["storage"] for run in runs} == {place.where}
    assert {run.data.params["uri"] for run in runs} == {place.proxy.uri}


def test_no_password_is_in_what_a_command_says_is_wrong(place: Place) -> None:
    password = quote(STORAGE_PASSWORD, safe="")
    port, closed = place.postgres.port, free_port()
    server = f"http://ann:{quote(TRACKING_PASSWORD, safe='')}"
    unescaped = f"postgresql://ann:{STORAGE_PASSWORD}@127.0.0.1:{port}/{place.database}"
    commands = [
        ("tune", "tiny", "--debug", "--storage", unescaped),
        ("best", "--storage", f"postgresql://ann:{password}@127.0.0.1:{closed}/a"),
        ("best", "--debug", "--storage", f"postgresql://ann:{password}2@127.0.0.1:{port}/a"),
        ("best", "--storage", f"postgresql://ann:{password}@127.0.0.1:x/a"),
        ("best", "--storage", f"nosuchdatabase://ann:{password}@127.0.0.1/a"),
        ("best", "--storage", f"postgresql://127.0.0.1:{port}/a?nosuch=1&password={password}"),
        ("best", place.storage),
        ("best", "tiny", place.storage),
        ("tune", "tiny", "--set", place.storage),
        ("tune", "tiny", "--set", f"storage=[{place.storage}]"),
        ("tune", "tiny", "--set", f"tracking.uri=[{server}@host]"),
        ("tune", "tiny", "--set", f"tracking.url={server}@host"),
        ("tune", "tiny", "--debug", "--set", f"tracking.uri={server}@127.0.0.1:{closed}"),
        ("tune", "tiny", "--debug", "--set", f"tracking.uri={server}@127.0.0.1:x"),
        ("train", "--debug", "--set", f"tracking.uri={server}2@127.0.0.1:{place.proxy.port}"),
        ("train", "--debug", "--set", f"tracking.uri={unescaped}"),
        (
            "train",
            "--debug",
            "--set",
            f"tracking.uri=postgresql://ann:1@{SSL_PASSWORD}@127.0.0.1/a",
        ),
        ("best", "--debug", "--storage", f"postgresql://ann:1@{SSL_PASSWORD}@127.0.0.1/a"),
        ("train", "--debug", "--set", f"tracking.uri=nosuch://ann:{password}@host"),
        ("best", "--storage", f"postgresql://ann:a {SSL_PASSWORD}@127.0.0.1:{port}/a"),
        ("best", "--storage", f"postgresql:/ann:{SSL_PASSWORD}@127.0.0.1/a"),
        ("best", "--storage", f"ann:{SSL_PASSWORD}@127.0.0.1:{port}/a"),
        ("tune", "--set", f"tracking.uri=http://ann:a {SSL_PASSWORD}@127.0.0.1"),
        ("tune", "--set", f"tracking.uri=[http://ann:1 {SSL_PASSWORD}@127.0.0.1]"),
        ("tune", "--set", f"tracking.uri=http:/ann:{SSL_PASSWORD}@127.0.0.1"),
        ("tune", "--set", f"ann:a {SSL_PASSWORD}@127.0.0.1"),
    ]
    for words in commands:
        outcome = segexp(place.project, *words)
        assert outcome.code in (1, 2), words
        assert outcome.err, words
        assert leaks_in(" ".join(words), (outcome.out + outcome.err).encode()) == []


@pytest.mark.slow
def test_passwords_come_from_the_environment_and_from_pgpass(place: Place) -> None:
    passwords = place.project.parent / "pgpass"
    passwords.write_text(f"127.0.0.1:*:*:ann:{STORAGE_PASSWORD}\n")
    passwords.chmod(0o600)
    write_study(place.project, STUDY.replace("tiny", "from-environment"), "from-environment")
    words = ("tune", "from-environment", "--trials", "1", "--workers", "1")
    code, printed = place.run(
        *words,
        "--set",
        f"tracking.uri={place.proxy.uri}",
        PGPASSFILE=str(passwords),
        SEGEXP_STORAGE=place.where,
        MLFLOW_TRACKING_USERNAME="ann",
        MLFLOW_TRACKING_PASSWORD=TRACKING_PASSWORD,
    )
    assert code == 0, printed
    client = MlflowClient(f"sqlite:///{place.server}/server.db")
    assert client.get_experiment_by_name("from-environment") is not None
