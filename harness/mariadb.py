"""A MariaDB server for the tests, as `harness.postgres` has one of PostgreSQL.

Tests that use it are skipped where MariaDB (Debian: mariadb-server-core) or PyMySQL is not
installed.
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


@dataclass
class MariadbServer:
    """A server that listens on 127.0.0.1 alone.

    Attributes:
        options: Of `subprocess`: the directory that its data is in, and the user that it runs as.
    """

    port: int
    options: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        directory = self.options["cwd"]
        settings = {
            "datadir": directory / "data",
            "socket": directory / "socket",
            "pid-file": directory / "pid",
            "port": self.port,
            "bind-address": "127.0.0.1",
            "max-connections": 200,
            "innodb-flush-log-at-trx-commit": 0,  # the tests end connections, not the machine
        }
        arguments = [f"--{key}={value}" for key, value in settings.items()]
        command = [_program("mariadbd"), "--no-defaults", "--skip-name-resolve", *arguments]
        with (directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self.options)
        try:
            self._wait_until_it_answers(directory / "log")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all connections, and the server."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.process = None

    def execute(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        import pymysql

        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def make_database(self) -> str:
        """Make a database, and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.url(name)

    def drop_database(self, url: str) -> str:
        """Drop a database with all connections to it; return what is then said of it."""
        name = url.rpartition("/")[2]
        listed = f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
        for (number,) in self.execute(listed):
            self.end_connection(number)
        self.execute(f"DROP DATABASE {name}")
        return f"Unknown database '{name}'"

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """Stop the server while the block runs."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def connection_id(self, connection: Any) -> int:
        """Return by which number the server knows a connection of the driver."""
        return int(connection.thread_id())

    def end_connection(self, number: int) -> None:
        """End one connection, and wait until it has ended."""
        listed = f"SELECT 1 FROM information_schema.processlist WHERE id = {number}"
        self.execute(f"KILL {number}")
        while self.execute(listed):
            pass

    def _wait_until_it_answers(self, log: Path) -> None:
        import pymysql

        assert self.process is not None
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except pymysql.err.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text()) from None
            time.sleep(0.05)


@contextmanager
def running_server() -> Iterator[MariadbServer]:
    """Run a server with its data in a temporary directory while the block runs."""
    try:
        import pymysql  # noqa: F401
    except ImportError:
        raise NotInstalledError("PyMySQL is not installed") from None
    _program("mariadbd")
    install, _ = _program("mariadb-install-db"), _program("my_print_defaults")
    with server_directory("MariaDB") as options:
        server = MariadbServer(free_port(), options)
        subprocess.run(
            [
                install,
                "--no-defaults",
                f"--datadir={options['cwd']}/data",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            **options,
        )
        server.start()
        try:
            yield server
        finally:
            if server.process is not None:  # it would tidy up what is deleted now
                server.process.kill()
                server.process.wait()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The server, shared by all tests."""
    try:
        with running_server() as server:
            yield server
    except NotInstalledError as error:
        pytest.skip(str(error))


def _program(name: str) -> str:
    # Debian installs the server itself where only root looks for it.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotInstalledError(f"MariaDB's {name} is not installed")
    return found
