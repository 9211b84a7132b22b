"""``segexp worker``: what is refused before it connects, and what it says at its end."""

import signal
from pathlib import Path

import pytest

from harness.tracking_server import free_port
from segexp.core.errors import Interrupted
from segexp.study.engines import _joined
from segexp.study.engines._gate import Gate
from segexp.study.engines._link import show_address
from tests.cli.running import segexp

TOKEN = "a token of some length"


def test_without_a_token_it_says_where_one_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGEXP_WORKER_TOKEN", raising=False)
    done = segexp(tmp_path, "worker", "--connect", "127.0.0.1:1")
    assert done.code == 2
    assert "no token: set SEGEXP_WORKER_TOKEN to the one that the study printed" in done.err


def test_what_is_wrong_here_is_refused_before_torch_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)
    for options, said in {
        ("--connect", "host"): "--connect 'host': expected HOST:PORT",
        ("--connect", "h:1", "--data", "none"): "--data none: no such folder",
        ("--connect", "h:1", "--token-file", "none"): "--token-file none: cannot be read",
    }.items():
        done = segexp(tmp_path, "worker", *options)
        assert (done.code, said in done.err) == (2, True), done.err
        assert "loading torch" not in done.err
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)  # it was taken out
    monkeypatch.setenv("SEGEXP_DATA", "none")
    done = segexp(tmp_path, "worker", "--connect", "h:1")
    assert done.code == 2
    assert f"SEGEXP_DATA {tmp_path / 'none'}: no such folder" in done.err
    assert "loading torch" not in done.err


def test_where_no_study_listens_it_ends_with_one_before_torch_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)
    done = segexp(tmp_path, "worker", "--connect", f"127.0.0.1:{free_port()}")
    assert done.code == 1
    assert "no study listens there: Connection refused" in done.err
    assert TOKEN not in done.err
    assert "loading torch" not in done.err


def test_another_token_is_refused_before_torch_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(("127.0.0.1", 0), TOKEN, "--listen")
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", "another one of some length")
    done = segexp(tmp_path, "worker", "--connect", show_address(gate.address))
    assert done.code == 2
    assert "the token is not that study's" in done.err
    assert "loading torch" not in done.err
    assert gate.bell.poll(10)
    assert gate.refusals() == ["a worker from 127.0.0.1 was turned away: wrong token"]


def test_one_that_is_told_to_end_says_what_becomes_of_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*values: object) -> None:
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(_joined, "join", interrupted)
    gate = Gate(("127.0.0.1", 0), TOKEN, "--listen")
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)
    done = segexp(tmp_path, "worker", "--connect", show_address(gate.address))
    assert done.code == 143
    assert (gate.guests(), gate.refusals()) == ([], [])  # it only knocked
    assert "interrupted; what was under way here is tried again" in done.err
