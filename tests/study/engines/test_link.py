"""Connections between hosts: who has the token comes in, and nobody else is listened to."""

import pickle
import socket
import threading
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from segexp.core.errors import InputError, WorkError
from segexp.study.engines import _link as link
from segexp.study.engines._link import (
    Address,
    call,
    let_in,
    new_token,
    read_address,
    show_address,
    token_of_environment,
    token_of_file,
)

Found = list[Connection | AuthenticationError | None]
TOKEN = "a token of some length"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server: socket.socket) -> Address:
    return ("127.0.0.1", server.getsockname()[1])


def asked(server: socket.socket, token: str, found: Found) -> threading.Thread:
    def ask() -> None:
        caller, _ = server.accept()
        try:
            found.append(let_in(caller, token))
        except AuthenticationError as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_who_has_the_token_comes_in_and_both_sides_know(listening: socket.socket) -> None:
    found: Found = []
    thread = asked(listening, TOKEN, found)
    with call(address_of(listening), TOKEN) as own:
        thread.join()
        (other,) = found
        assert isinstance(other, Connection)
        with other:
            other.send(("hello", 1))
            assert own.recv() == ("hello", 1)


def test_who_has_another_token_is_refused_on_both_sides(listening: socket.socket) -> None:
    found: Found = []
    thread = asked(listening, TOKEN, found)
    with pytest.raises(InputError, match=r"the token is not that study's; set SEGEXP_WORKER_TOKEN"):
        call(address_of(listening), TOKEN + "?")
    thread.join()
    assert isinstance(found[0], AuthenticationError)


class Planted:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_of_who_has_not_shown_the_token(
    listening: socket.socket, tmp_path: Path
) -> None:
    found: Found = []
    thread = asked(listening, TOKEN, found)
    with Connection(socket.create_connection(address_of(listening)).detach()) as own:
        own.recv_bytes()  # the challenge
        own.send_bytes(pickle.dumps(Planted(tmp_path / "planted")))
        thread.join()
    assert isinstance(found[0], AuthenticationError)
    assert not (tmp_path / "planted").exists()
    pickle.loads(pickle.dumps(Planted(tmp_path / "planted")))
    assert (tmp_path / "planted").exists()


def test_who_says_nothing_or_something_else_is_sent_away(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "HANDSHAKE_SECONDS", 0.3)
    for said in (b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n"):
        found: Found = []
        thread = asked(listening, TOKEN, found)
        with socket.create_connection(address_of(listening)) as silent:
            silent.sendall(said)
            thread.join()
        assert found == [None]


def test_a_worker_is_told_when_what_listens_there_is_no_study(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "HANDSHAKE_SECONDS", 0.3)
    address = address_of(listening)
    with pytest.raises(WorkError, match=rf"^127.0.0.1:{address[1]}: what listens there is no"):
        call(address, TOKEN)
    listening.close()
    with pytest.raises(WorkError, match=rf"^127.0.0.1:{address[1]}: no study listens there: "):
        call(address, TOKEN)


def test_the_system_asks_whether_a_silent_host_is_there(listening: socket.socket) -> None:
    found: Found = []
    thread = asked(listening, TOKEN, found)
    with call(address_of(listening), TOKEN) as own:
        thread.join()
        for connection in (own, *found):
            assert connection is not None
            with socket.socket(fileno=connection.fileno()) as seen:
                assert seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                seen.detach()
        assert found[0] is not None
        found[0].close()


def test_addresses_are_read_and_written() -> None:
    for text, address in {
        "127.0.0.1:8765": ("127.0.0.1", 8765),
        "[::1]:80": ("::1", 80),
        "host.example:0": ("host.example", 0),
    }.items():
        assert read_address(text, "--listen") == address
        assert show_address(address) == text
    for text in ("8765", "host", "host:", ":80", "host:65536", "host:-1", "host:²"):
        with pytest.raises(InputError, match=r"--listen .*: expected HOST:PORT, such as 127"):
            read_address(text, "--listen")


def test_a_token_is_long_and_comes_from_the_environment_or_a_file_of_its_owners(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SEGEXP_WORKER_TOKEN", raising=False)
    assert token_of_environment() is None
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)
    assert token_of_environment() == TOKEN
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", "guess-me")
    with pytest.raises(InputError, match="SEGEXP_WORKER_TOKEN: a token of 8 characters") as caught:
        token_of_environment()
    assert "guess-me" not in str(caught.value)
    assert len({new_token() for _ in range(9)}) == 9
    assert len(new_token()) >= 32

    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    assert token_of_file(file) == TOKEN
    file.chmod(0o640)
    with pytest.raises(InputError, match=r"others can read it \(mode 0640\); chmod 600") as caught:
        token_of_file(file)
    assert TOKEN not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        token_of_file(tmp_path / "none")
