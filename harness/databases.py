"""The database servers that the storage is tested on, and a fresh database for each test.

A test module takes what it needs of `database_server`, `database_url`, `mariadb_server` and
`postgres_server` from here. Tests are skipped on servers that are not installed. Those on MariaDB
are among the long tests.
"""

from contextlib import AbstractContextManager
from typing import Any, Protocol

import pytest

from harness.mariadb import mariadb_server
from harness.postgres import postgres_server

__all__ = ["DatabaseServer", "database_server", "database_url", "mariadb_server", "postgres_server"]


class DatabaseServer(Protocol):
    """What `harness.postgres` and `harness.mariadb` both have."""

    port: int

    def url(self, database: str) -> str: ...

    def execute(self, statement: str) -> list[tuple[Any, ...]]: ...

    def make_database(self) -> str: ...

    def drop_database(self, url: str) -> str: ...

    def away(self, url: str) -> AbstractContextManager[None]: ...

    def connection_id(self, connection: Any) -> int: ...

    def end_connection(self, number: int) -> None: ...


@pytest.fixture(params=["postgres", pytest.param("mariadb", marks=pytest.mark.slow)])
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """One server after the other."""
    server: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def database_url(database_server: DatabaseServer) -> str:
    """The URL of a fresh, empty database."""
    return database_server.make_database()
