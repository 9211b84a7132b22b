"""Where workers of other hosts come in: listens, and lets in who has the token."""

import json
import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from segexp import __version__
from segexp.core.errors import InputError
from segexp.study.engines._link import HANDSHAKE_SECONDS, Address, let_in, show_address

WELCOME = b"welcome"

_AT_ONCE = 32
"""How many callers may be asked for the token at a time; others wait."""

_LONGEST_GREETING = 4096


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
        bell: Is ready to be read when somebody came.

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
        self._asked = threading.Semaphore(_AT_ONCE)
        threading.Thread(target=self._accept, name="segexp-gate", daemon=True).start()

    def guests(self) -> list[Guest]:
        """Return who came since."""
        while self.bell.poll():
            self.bell.recv_bytes()
        found: list[Guest] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._come.get_nowait())
        return found

    def _accept(self) -> None:
        while True:
            self._asked.acquire()
            try:
                caller, _ = self._listening.accept()
            except OSError:
                self._asked.release()
                continue
            threading.Thread(target=self._ask, args=(caller,), daemon=True).start()

    def _ask(self, caller: socket.socket) -> None:
        try:
            connection = let_in(caller, self._token)
            if connection is not None and not self._is_greeted(connection):
                connection.close()
        finally:
            self._asked.release()

    def _is_greeted(self, connection: Connection) -> bool:
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
                return False
            connection.send_bytes(WELCOME)
        except (OSError, EOFError, ValueError, TypeError, KeyError):
            return False
        self._come.put(Guest(connection, "".join(c for c in name if c.isprintable())))
        self._rope.send_bytes(b"!")
        return True


def greeting(name: str) -> bytes:
    """Return what a worker says first, which is no pickle."""
    return json.dumps({"segexp": __version__, "name": name}).encode()
