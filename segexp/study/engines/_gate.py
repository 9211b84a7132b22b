"""Where workers of other hosts come in: listens, and lets in who has the token."""

import json
import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError, Pipe
from multiprocessing.connection import Connection
from typing import TypeVar

from segexp import __version__
from segexp.core.errors import InputError
from segexp.study.engines._link import HANDSHAKE_SECONDS, Address, let_in, show_address

_T = TypeVar("_T")

WELCOME = b"welcome"

_AT_ONCE = 32
"""How many callers may be asked for the token at a time; others wait."""

_LONGEST_GREETING = 4096

_MOST_REFUSALS = 20
"""How many of those that were turned away are told of: who scans ports must not fill a screen."""


@dataclass(frozen=True, eq=False)
class Guest:
    """A worker that has shown the token.

    Attributes:
        name: Its host and process.
    """

    connection: Connection
    name: str


class Gate:
    """Listens on an address from now on.

    Attributes:
        address: Where, with the port that the system chose for port 0.
        bell: Is ready to be read when somebody came, or was turned away.

    Raises:
        InputError: When it cannot listen there.
    """

    def __init__(self, address: Address, token: str, option: str) -> None:
        try:
            self._listening = socket.create_server(
                address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            )
        except OSError as error:
            why = error.strerror or str(error)
            raise InputError(
                f"{option} {show_address(address)}: cannot listen there: {why}; name another port, "
                "or an address of this host"
            ) from None
        self.address: Address = (address[0], self._listening.getsockname()[1])
        self.bell, self._rope = Pipe(duplex=False)
        self._token = token
        self._come: queue.SimpleQueue[Guest] = queue.SimpleQueue()
        self._refused: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._told_of: set[str] = set()
        self._one_at_a_time = threading.Lock()
        self._asked = threading.Semaphore(_AT_ONCE)
        threading.Thread(target=self._accept, name="segexp-gate", daemon=True).start()

    def guests(self) -> list[Guest]:
        """Return who came since."""
        while self.bell.poll():
            self.bell.recv_bytes()
        return _all_of(self._come)

    def refusals(self) -> list[str]:
        """Return who was turned away since, and why; the same only once."""
        return _all_of(self._refused)

    def _accept(self) -> None:
        while True:
            self._asked.acquire()
            try:
                caller, address = self._listening.accept()
            except OSError:
                self._asked.release()
                continue
            threading.Thread(target=self._ask, args=(caller, address[0]), daemon=True).start()

    def _ask(self, caller: socket.socket, host: str) -> None:
        try:
            connection = let_in(caller, self._token)
            if connection is not None and not self._is_greeted(connection, host):
                connection.close()
        except AuthenticationError:
            self._tell_of(f"a worker from {host} was turned away: wrong token")
        finally:
            self._asked.release()

    def _tell_of(self, refusal: str) -> None:
        with self._one_at_a_time:
            if refusal in self._told_of or len(self._told_of) >= _MOST_REFUSALS:
                return
            self._told_of.add(refusal)
        self._refused.put(refusal)
        self._rope.send_bytes(b"!")

    def _is_greeted(self, connection: Connection, host: str) -> bool:
        """Put a worker in line that says what it is; tell one of another version."""
        try:
            if not connection.poll(HANDSHAKE_SECONDS):
                return False
            said = json.loads(connection.recv_bytes(_LONGEST_GREETING))
            version, name = str(said["segexp"])[:80], str(said["name"])[:200]
            if version != __version__:
                refusal = (
                    f"the study runs segexp {__version__}, this host has {version}: install that"
                )
                connection.send_bytes(refusal.encode())
                self._tell_of(
                    f"a worker from {host} was turned away: it has segexp {_printable(version)}, "
                    f"this study runs {__version__}"
                )
                return False
            connection.send_bytes(WELCOME)
        except (OSError, EOFError, ValueError, TypeError, KeyError):
            return False
        self._come.put(Guest(connection, _printable(name)))
        self._rope.send_bytes(b"!")
        return True


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def _all_of(waiting: "queue.SimpleQueue[_T]") -> list[_T]:
    found: list[_T] = []
    with suppress(queue.Empty):
        while True:
            found.append(waiting.get_nowait())
    return found


def greeting(name: str) -> bytes:
    """Return what a worker says first, which is no pickle."""
    return json.dumps({"segexp": __version__, "name": name}).encode()
