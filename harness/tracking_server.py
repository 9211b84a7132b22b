"""A real MLflow server for tests, and a proxy before it that can be as bad as a network."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

READY_WITHIN = 120.0  # seconds; it takes 3 to 15


class Outage(Enum):
    """What is wrong with a server."""

    NONE = "none"
    REFUSED = "refused"  # nothing listens
    HANGING = "hanging"  # connections are taken, and nothing is answered
    ERRORS = "errors"  # everything is answered with 500
    CUT = "cut"  # everything is passed on and done, but the answer is lost


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def start_mlflow(directory: Path, port: int, address: str = "127.0.0.1") -> subprocess.Popen[bytes]:
    """Start MLflow's server with one worker on an address, its records in a directory.

    This is what `mlflow server` starts, without the 6 s that its command line takes to be imported.
    """
    words = [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--workers", "1"]
    words += ["--host", address, "--port", str(port)]
    settings = {
        "FILE_STORE": f"sqlite:///{directory}/server.db",
        "ARTIFACT_ROOT": "mlflow-artifacts:/",
        "ARTIFACT_DESTINATION": f"{directory}/artifacts",
        "SERVE_ARTIFACTS": "true",
    }
    env = os.environ | {f"_MLFLOW_SERVER_{name}": value for name, value in settings.items()}
    with (directory / "server.log").open("ab") as log:
        # Its own session: the server may be several processes, which `stop` ends together.
        return subprocess.Popen(
            words, cwd=directory, stdout=log, stderr=log, start_new_session=True, env=env
        )


def wait_until_ready(port: int, address: str = "127.0.0.1") -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://{address}:{port}/health", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no MLflow server on port {port} after {READY_WITHIN:.0f} s")


def stop(server: subprocess.Popen[bytes], signal_number: int) -> None:
    """End a server with all of its processes."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal_number)
    server.wait()


class Proxy:
    """A TCP proxy on 127.0.0.1: passes requests on, or shows an outage.

    Each connection carries one request: answers are passed on with ``Connection: close``.

    Attributes:
        port: Where it listens, and stays whatever the outage.
        outage: What is wrong now.
        cut_only: With `Outage.CUT`: cut only requests whose first line has this in it.
        seen: The first lines of the requests that reached the server.
        authorization: What requests must say after ``Authorization:``; others are answered
            with 401. None lets everybody in.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = free_port()
        self.outage = Outage.NONE
        self.cut_only = ""
        self.seen: list[str] = []
        self.authorization: str | None = None
        self._hanging: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def uri(self) -> str:
        """The tracking URI."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def showing(self, outage: Outage, cut_only: str = "") -> Iterator[None]:
        """Show an outage while the block runs."""
        self.cut_only, self.outage = cut_only, outage
        if outage is Outage.REFUSED:
            self.close()
        try:
            yield
        finally:
            self.outage = Outage.NONE
            if outage is Outage.REFUSED:
                self._listen()
            while self._hanging:
                self._hanging.pop().close()

    def close(self) -> None:
        """Listen no longer."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        outage = self.outage
        if outage is Outage.HANGING:
            self._hanging.append(client)
            return
        with client, suppress(OSError):
            request = _read_message(client)
            if not request:
                return
            if outage is Outage.ERRORS:
                client.sendall(_empty_answer(b"500 Internal Server Error"))
                return
            wanted = f"\r\nAuthorization: {self.authorization}\r\n".encode()
            if self.authorization is not None and wanted not in request:
                client.sendall(_empty_answer(b"401 Unauthorized"))
                return
            first_line = request.partition(b"\r\n")[0].decode("latin-1")
            self.seen.append(first_line)
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(_closing(request))
                answer = b"".join(iter(lambda: server.recv(65536), b""))
            if outage is Outage.CUT and self.cut_only in first_line:
                return
            client.sendall(answer)


def _empty_answer(status: bytes) -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _closing(request: bytes) -> bytes:
    """Ask for one answer and then the end of the connection."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [x for x in head.split(b"\r\n") if not x.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body


def _read_message(client: socket.socket) -> bytes:
    """Read one request: its head, and a body of the length that the head says."""
    content = b""
    while b"\r\n\r\n" not in content:
        part = client.recv(65536)
        if not part:
            return b""
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        part = client.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body
