"""A PostgreSQL server for the tests, and a fresh database for each test.

A test module takes both with `from postgres import postgres_server, postgres_url  # noqa: F401`.
Tests that use them are skipped where PostgreSQL or a driver is not installed.
"""

import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.server_directory import NotInstalledError, server_directory
from harness.tracking_server import free_port

INITDB_OPTIONS = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")


@dataclass
class PostgresServer:
    """A server that listens on one address alone.

    Attributes:
        options: Of `subprocess`: the directory that its data is in, and the user that it runs as.
    """

    port: int
    options: dict[str, Any]
    address: str = "127.0.0.1"
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@{self.address}:{self.port}/{database}"

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": self.address,
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "off",  # the tests end connections, not the machine
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        directory = self.options["cwd"]
        command = [_program("postgres"), "-D", directory / "data", *arguments]
        with (directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self.options)
        try:
            _wait_until_it_answers(self, self.process, directory / "log")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all connections, and the server."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # as `pg_ctl stop -m fast`
            self.process.wait(timeout=30)
            self.process = None

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg2

        connection = psycopg2.connect(
            host=self.address, port=self.port, user="postgres", dbname=database
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def make_database(self) -> str:
        """Make a database, and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> str:
        """Drop a database with all connections to it; return what is then said of it."""
        database = url.rpartition("/")[2]
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")
        return f'database "{database}" does not exist'

    def connection_id(self, connection: Any) -> int:
        """Return by which number the server knows a connection of the driver."""
        return int(connection.get_backend_pid())

    def end_connection(self, number: int) -> None:
        """End one connection, and wait until it has ended."""
        self.execute(f"SELECT pg_terminate_backend({number})")
        while self.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {number}"):
            pass

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """End the connections to a database, and refuse new ones, while the block runs."""
        database = url.rpartition("/")[2]
        self.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        self.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        try:
            yield
        finally:
            self.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")


@contextmanager
def running_server(address: str = "127.0.0.1") -> Iterator[PostgresServer]:
    """Run a server with its data in a temporary directory while the block runs.

    Args:
        address: Where it listens, and lets in everybody of the same network.
    """
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        raise NotInstalledError("psycopg2 is not installed") from None
    initdb = _program("initdb")
    with server_directory("PostgreSQL") as options:
        data = options["cwd"] / "data"
        subprocess.run(
            [initdb, "--pgdata", data, "--username=postgres", *INITDB_OPTIONS],
            check=True,
            capture_output=True,
            **options,
        )
        with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write("host all all samenet trust\n")
        server = PostgresServer(free_port(), options, address)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server, shared by all tests."""
    try:
        with running_server() as server:
            yield server
    except NotInstalledError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a fresh, empty database."""
    return postgres_server.make_database()


def _program(name: str) -> str:
    found = shutil.which(name)
    # Debian installs the server's programs where only it looks for them.
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not places:
        raise NotInstalledError(f"PostgreSQL's {name} is not installed")
    return found or str(places[-1])


def _wait_until_it_answers(
    server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path
) -> None:
    import psycopg2

    deadline = time.monotonic() + 60
    while True:
        try:
            server.execute("SELECT 1")
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
        time.sleep(0.05)
