"""A connection between hosts: authenticated before anything is read, and noticed when it is gone.

What is sent afterwards is pickled, which executes code where it is read: whoever has the token may
do with supervisor and workers whatever their users may. Nothing is encrypted.
"""

import os
import secrets
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

from segexp.core.errors import InputError, WorkError

TOKEN_VARIABLE = "SEGEXP_WORKER_TOKEN"

HANDSHAKE_SECONDS = 10.0
"""How long who connects may take to show that it has the token."""

SILENCE_SECONDS = 60
"""How long a host may not answer before its connection ends: less than a lease of a trial."""

_SHORTEST = 16  # whoever hears a handshake can try tokens by himself

Address = tuple[str, int]


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


def token_of_environment() -> str | None:
    """Return the token in SEGEXP_WORKER_TOKEN; None where there is none.

    Raises:
        InputError: When it is short enough to be guessed.
    """
    return _long_enough(os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE)


def token_of_file(path: Path) -> str | None:
    """Return the token in a file that only its owner can read.

    Raises:
        InputError: When others can read it, or no token is in it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(4096).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise InputError(f"--token-file {path}: cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & 0o077:
        raise InputError(
            f"--token-file {path}: others can read it (mode {mode:04o}); chmod 600 {path}"
        )
    return _long_enough(text, f"--token-file {path}")


def _long_enough(token: str, where: str) -> str | None:
    if not token:
        return None
    if len(token) < _SHORTEST:
        raise InputError(
            f"{where}: a token of {len(token)} characters can be guessed; take {_SHORTEST} or "
            'more, such as of `python -c "import secrets; print(secrets.token_urlsafe())"`'
        )
    return token


def read_address(text: str, option: str) -> Address:
    """Read ``HOST:PORT``; an IPv6 address stands in brackets.

    Raises:
        InputError: When it is none.
    """
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise InputError(
            f"{option} {text!r}: expected HOST:PORT, such as 127.0.0.1:8765, a port up to 65535"
        )
    return host, int(port)


def show_address(address: Address) -> str:
    """Write an address as `read_address` reads it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def call(address: Address, token: str) -> Connection:
    """Connect to a study that listens there.

    Raises:
        WorkError: When nobody answers.
        InputError: When it has another token.
    """
    shown = show_address(address)
    try:
        found = socket.create_connection(address, timeout=HANDSHAKE_SECONDS)
    except OSError as error:
        why = error.strerror or str(error)
        raise WorkError(f"{shown}: no study listens there: {why}") from None
    found.settimeout(None)
    _notice_silence(found)
    with _ended_in_time(found):
        connection = Connection(found.detach())
        try:
            answer_challenge(connection, token.encode())
            deliver_challenge(connection, token.encode())
        except AuthenticationError:
            connection.close()
            raise InputError(
                f"{shown}: the token is not that study's; set {TOKEN_VARIABLE} to the one that it "
                "printed when it began"
            ) from None
        except (OSError, EOFError, AssertionError):
            connection.close()
            raise WorkError(f"{shown}: what listens there is no study of segexp") from None
    return connection


def let_in(found: socket.socket, token: str) -> Connection | None:
    """Return the connection of who called; nothing he sends is read before he has the token.

    Returns:
        None for who says nothing that a worker would.

    Raises:
        AuthenticationError: When he has another token.
    """
    _notice_silence(found)
    with _ended_in_time(found):
        connection = Connection(found.detach())
        try:
            deliver_challenge(connection, token.encode())
            answer_challenge(connection, token.encode())
        except AuthenticationError:
            connection.close()
            raise
        except (OSError, EOFError, AssertionError):
            connection.close()
            return None
    return connection


@contextmanager
def _ended_in_time(found: socket.socket) -> Iterator[None]:
    """End a connection during the block if the other side takes too long in it."""
    guard = found.dup()

    def end() -> None:
        with suppress(OSError):
            guard.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(HANDSHAKE_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it must not close what has another use by then
        guard.close()


def _notice_silence(found: socket.socket) -> None:
    """Let the system ask whether the other host is still there, and end the connection if not."""
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (  # tcp(7); other systems lack some
        ("TCP_KEEPIDLE", SILENCE_SECONDS // 4),
        ("TCP_KEEPINTVL", SILENCE_SECONDS // 4),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 1000 * SILENCE_SECONDS),
    ):
        if hasattr(socket, option):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
