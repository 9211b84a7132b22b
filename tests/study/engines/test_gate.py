"""Where workers come in."""

import socket
import time

import pytest

import segexp
from segexp.core.errors import InputError
from segexp.study.engines._gate import WELCOME, Gate, Guest, greeting
from segexp.study.engines._link import call

TOKEN = "a token of some length"


@pytest.fixture
def gate() -> Gate:
    return Gate(("127.0.0.1", 0), TOKEN, "--listen")


def came(gate: Gate, many: int) -> list[Guest]:
    found: list[Guest] = []
    deadline = time.monotonic() + 60
    while len(found) < many:
        assert time.monotonic() < deadline
        gate.bell.poll(1)
        found += gate.guests()
    return found


def test_workers_come_in_by_name_while_another_caller_says_nothing(gate: Gate) -> None:
    with socket.create_connection(gate.address):
        callers = []
        for name in ("one:1", "two:\x1b[2J2"):
            callers.append(call(gate.address, TOKEN))
            callers[-1].send_bytes(greeting(name))
            assert callers[-1].recv_bytes() == WELCOME
        guests = came(gate, 2)
    assert [guest.name for guest in guests] == ["one:1", "two:[2J2"]
    assert not gate.bell.poll()
    guests[1].connection.send("for two")
    assert callers[1].recv() == "for two"
    for connection in (*callers, *(guest.connection for guest in guests)):
        connection.close()


def test_a_worker_of_another_version_is_told_which_to_install(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segexp.study.engines._gate.__version__", "9.9")
    said = greeting("one:1")
    monkeypatch.setattr("segexp.study.engines._gate.__version__", segexp.__version__)
    with call(gate.address, TOKEN) as caller:
        caller.send_bytes(said)
        expected = f"the study runs segexp {segexp.__version__}, this host has 9.9: install that"
        assert caller.recv_bytes().decode().startswith(expected)
    assert gate.bell.poll(60)
    assert gate.guests() == []
    assert gate.refusals() == [
        "a worker from 127.0.0.1 was turned away: it has segexp 9.9, "
        f"this study runs {segexp.__version__}"
    ]


def test_who_has_another_token_is_told_of_once_and_of_many_only_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("segexp.study.engines._gate._AT_ONCE", 1)  # one after the other
    monkeypatch.setattr("segexp.study.engines._gate._MOST_REFUSALS", 2)
    gate = Gate(("127.0.0.1", 0), TOKEN, "--listen")
    for _ in range(2):
        with pytest.raises(InputError, match="the token is not that study's"):
            call(gate.address, "another token of some length")
    own = segexp.__version__.encode()
    for version in (b"9.9", b"9.8"):
        with call(gate.address, TOKEN) as caller:
            caller.send_bytes(greeting("one:1").replace(own, version))
            caller.recv_bytes()
    with call(gate.address, TOKEN) as caller:
        caller.send_bytes(greeting("two:2"))
        came(gate, 1)[0].connection.close()
    assert gate.refusals() == [
        "a worker from 127.0.0.1 was turned away: wrong token",
        "a worker from 127.0.0.1 was turned away: it has segexp 9.9, "
        f"this study runs {segexp.__version__}",
    ]


@pytest.mark.parametrize("said", [b"no json", b"[]", b"{}", b"x" * 5000])
def test_who_greets_otherwise_is_sent_away(gate: Gate, said: bytes) -> None:
    with call(gate.address, TOKEN) as caller:
        caller.send_bytes(said)
        with pytest.raises((EOFError, ConnectionResetError)):
            caller.recv_bytes()
    assert gate.guests() == []


def test_a_port_that_is_taken_is_refused_and_only_the_address_that_was_named_is_used(
    gate: Gate,
) -> None:
    with pytest.raises(InputError, match=r"--listen 127.0.0.1:\d+: cannot listen there: Address"):
        Gate(gate.address, TOKEN, "--listen")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", gate.address[1]))
