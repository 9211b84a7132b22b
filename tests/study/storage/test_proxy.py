"""The URL of a gRPC proxy, and what it is refused for."""

import socket
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.study.storage import proxy
from segexp.study.storage.open import open_storage, storage_file
from segexp.study.storage.proxy import refuse_as_source
from segexp.study.storage.server import ask_server


def refusal(url: str) -> str:
    with pytest.raises(InputError) as caught:
        open_storage(url, Path())
    (fault,) = caught.value.faults
    assert "secret" not in fault
    return fault


@pytest.mark.parametrize(
    "url", ["grpc://", "grpc://host:port", "grpc://host:1/name", "grpc://host:1?x=1", "grpc://:13"]
)
def test_what_is_no_address_is_told_what_is(url: str) -> None:
    assert "expected grpc://HOST:PORT, such as grpc://127.0.0.1:13000" in refusal(url)


@pytest.mark.parametrize(
    "url", ["grpc://127.0.0.1", "grpc://host:", "grpc://[::1]", "grpc://host:0"]
)
def test_an_address_without_a_port_is_refused_before_anyone_is_asked(url: str) -> None:
    assert "has no port; expected grpc://HOST:PORT, such as grpc://127.0.0.1:13000" in refusal(url)


def test_a_proxy_takes_no_password() -> None:
    assert "knows no users and no passwords" in refusal("grpc://ann:secret@127.0.0.1:13000")


def test_without_grpcio_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "find_spec", lambda name: None)
    assert "pip install 'segexp[grpc]'" in refusal("grpc://127.0.0.1:13000")


def test_a_proxy_that_is_not_there_is_refused_with_how_one_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("grpc")
    monkeypatch.setattr(proxy, "_ANSWERS_WITHIN", 0.2)
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{taken.getsockname()[1]}"
        assert "segexp storage-proxy --storage URL" in refusal(url)
        with pytest.raises(InputError):
            ask_server(url)


def test_a_proxy_is_no_file_and_stands_before_a_database_alone() -> None:
    assert storage_file("grpc://127.0.0.1:13000", Path()) is None
    refuse_as_source(None)
    refuse_as_source("postgresql://host/db")
    with pytest.raises(InputError, match="is a proxy itself"):
        refuse_as_source("grpc://127.0.0.1:13000")
    with pytest.raises(InputError, match="a journal file has no proxy"):
        refuse_as_source("journal:studies/optuna.log")
