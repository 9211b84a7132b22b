"""MLflow clients, one for each store and process, and calls that do not wait forever."""

import atexit
import hashlib
import queue
import re
import threading
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

from mlflow import MlflowClient

from segexp.core.credentials import without_credentials
from segexp.core.errors import first_line
from segexp.tracking.schema import is_database, open_database

T = TypeVar("T")


def with_driver(uri: str) -> str:
    """Return a tracking URI as MLflow is given it."""
    # With the plain name MLflow makes the file's folder, and takes escapes such as %20 literally.
    return uri.replace("sqlite:", "sqlite+pysqlite:", 1)


@cache
def client_of(uri: str) -> MlflowClient:
    """Return this process's client of a tracking store; a server is not asked yet.

    Args:
        uri: An MLflow tracking URI; the path of a SQLite file is absolute.

    Raises:
        InputError: When it is a database of another MLflow; see `segexp.tracking.schema`.
    """
    if not is_database(uri):
        return MlflowClient(tracking_uri=uri)
    client = open_database(with_driver(uri))
    if uri.startswith("sqlite"):
        # So that SQLite moves what is in its log into the file, as in `segexp.study.storage.open`.
        atexit.register(client._tracking_client.store.engine.dispose)
    return client


def is_server(uri: str | None) -> bool:
    """Whether a tracking URI names a server and not a database."""
    return uri is not None and uri.startswith(("http://", "https://"))


def address_of(uri: str) -> str:
    """Return a server's URI in a normal form, without credentials."""
    parts = urlsplit(without_credentials(uri))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def key_of(uri: str) -> str:
    """Return a file name for a server, the same whoever signs in to it."""
    address = address_of(uri)
    readable = re.sub(r"[^a-z0-9.]+", "-", urlsplit(address).netloc)
    return f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def what_is_wrong(error: Exception) -> str:
    """Return the first line of what a call to a server raised, or its cause if it names one.

    Of ``... (Caused by NewConnectionError("...: [Errno 111] Connection refused"))`` that is
    ``[Errno 111] Connection refused``.
    """
    line = without_credentials(first_line(error))
    _, found, cause = line.rpartition("(Caused by ")
    if not found:
        return line
    return cause.rstrip("\"')").rpartition(": ")[2].partition(". (")[0][:200]


def answer_within(seconds: float, ask: Callable[[], T]) -> T | None:
    """Return what a call returns, or None when that takes longer.

    The call itself continues in a thread until its own time-out.

    Raises:
        Exception: What the call raises in time.
    """
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=work, name="segexp-ask", daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        return None
    if error is not None:
        raise error
    return answer
