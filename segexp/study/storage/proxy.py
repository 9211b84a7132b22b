"""Optuna's gRPC proxy: one process that holds the database, for hosts that only ask it.

``grpc://HOST:PORT`` names it. A URL has no password: whoever reaches the port may read and change
the studies, so it listens on this machine alone unless it is told otherwise.
"""

import logging
from importlib.util import find_spec
from urllib.parse import urlsplit

from optuna.storages import BaseStorage, run_grpc_proxy_server

from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError

SCHEME = "grpc://"
DEFAULT_PORT = 13000

SERVED_PATIENCE = 20.0
"""For how many seconds the proxy itself waits for its database; who asks it waits for longer."""

_ANSWERS_WITHIN = 10.0  # seconds


def is_proxy(url: str) -> bool:
    """Whether a storage URL names a gRPC proxy."""
    return url.startswith(SCHEME)


def open_proxy(url: str, patience: float, *, is_known: bool = False) -> BaseStorage:
    """Open the storage behind a proxy.

    Args:
        patience: For how many seconds its calls wait for an answer.
        is_known: Whether it answered before: then it is not asked already here.

    Raises:
        InputError: When the URL is not that of a proxy, `grpcio` is missing, or none answers.
    """
    host, port = _address(url)
    refuse_without_grpc()
    from segexp.study.storage.proxied import ProxiedStorage  # noqa: PLC0415 - grpc is an extra

    storage = ProxiedStorage(host, port, patience)
    if not is_known:
        try:
            storage.wait_server_ready(_ANSWERS_WITHIN)
        except ConnectionError:
            raise InputError(
                f"storage: {url}: no answer for {_ANSWERS_WITHIN:.2g} s; `segexp storage-proxy "
                "--storage URL` starts a proxy, and `--host` says where it listens"
            ) from None
    return storage


def serve(storage: BaseStorage, host: str, port: int) -> None:
    """Answer for a storage until a signal arrives.

    Args:
        storage: Of a database; Optuna's proxy takes no journal file.

    Raises:
        InputError: When the address cannot be listened on.
    """
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # who asks is told what is wrong
    try:
        run_grpc_proxy_server(storage, host=host, port=port)
    except RuntimeError as error:  # of grpc, which tells nothing more
        raise InputError(f"--port {port}: {host}:{port} cannot be listened on") from error


def refuse_without_grpc() -> None:
    """Refuse what needs gRPC where it is not installed.

    Raises:
        InputError: With how it is.
    """
    if find_spec("grpc") is None:
        raise InputError("grpc:// needs grpcio: pip install 'segexp[grpc]'")


def refuse_as_source(url: str | None) -> None:
    """Refuse a storage that a proxy cannot be in front of.

    Raises:
        InputError: With what to take instead.
    """
    if url is not None and is_proxy(url):
        raise InputError(f"storage: {url} is a proxy itself; name the database behind it")
    if url is not None and url.startswith("journal:"):
        raise InputError(
            f"storage: {url}: a journal file has no proxy "
            "(https://github.com/optuna/optuna/issues/6084); take a database"
        )


def _address(url: str) -> tuple[str, int]:
    expected = f"expected {SCHEME}HOST:PORT, such as {SCHEME}127.0.0.1:{DEFAULT_PORT}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    shown = without_credentials(url)
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"storage: {shown!r} is no proxy's address; {expected}")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"storage: {shown!r}: a proxy knows no users and no passwords; {expected}")
    if not port:
        raise InputError(f"storage: {shown!r} has no port; {expected}, the proxy's default")
    return (f"[{host}]" if ":" in host else host), port
