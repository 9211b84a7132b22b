import time
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.tracking.client import (
    address_of,
    answer_within,
    client_of,
    is_server,
    key_of,
    what_is_wrong,
    with_driver,
)


def test_a_server_has_one_address_and_one_key_whoever_signs_in():
    uri = "https://ada:s3cret@Tracking.example.org:8443/mlflow/"
    assert address_of(uri) == "https://tracking.example.org:8443/mlflow"
    assert key_of(uri) == key_of("https://tracking.example.org:8443/mlflow")
    assert key_of(uri) != key_of("https://tracking.example.org:8443/other")
    assert key_of(uri) != key_of("http://tracking.example.org:8443/mlflow")
    assert key_of(uri).startswith("tracking.example.org-8443-")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://host", True),
        ("https://host:5000/x", True),
        ("sqlite:///mlflow.db", False),
        ("postgresql://host/x", False),
        (None, False),
    ],
)
def test_servers_are_known_by_their_uri(uri: str | None, expected: bool):
    assert is_server(uri) == expected


def test_the_cause_of_what_a_call_raised_is_told_without_passwords():
    error = OSError(
        "API request to http://ann:secret@host/api failed with exception "
        "HTTPConnectionPool(host='host', port=80): Max retries exceeded with url: /api (Caused by "
        "NewConnectionError(\"HTTPConnection(host='host', port=80): Failed to establish a new "
        'connection: [Errno 111] Connection refused"))'
    )
    assert what_is_wrong(error) == "[Errno 111] Connection refused"
    assert what_is_wrong(OSError("http://ann:secret@host is away\nmore")) == "http://host is away"


def test_a_process_has_one_client_of_a_store_and_refuses_no_database_unasked(project: Path):
    uri = f"sqlite:///{project}/mlflow.db"
    assert client_of(uri) is client_of(uri)
    assert with_driver(uri) == f"sqlite+pysqlite:///{project}/mlflow.db"
    (project / "other.db").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"other\.db"):
        client_of(f"sqlite:///{project}/other.db")


def test_an_answer_is_awaited_for_so_long_and_errors_pass():
    assert answer_within(10, lambda: 5) == 5
    assert answer_within(0.01, lambda: time.sleep(1)) is None
    with pytest.raises(KeyError):
        answer_within(10, lambda: {}["a"])
