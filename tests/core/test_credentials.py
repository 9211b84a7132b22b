"""Credentials are taken out of URLs and of messages that quote them."""

import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from segexp.core.credentials import (
    is_same_place,
    url_fault,
    url_without_credentials,
    without_credentials,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:secret@host/a", "postgresql://ann@host/a"),
        ("postgresql+psycopg2://ann:secret@host:5433/a", "postgresql+psycopg2://ann@host:5433/a"),
        ("mysql://ann:se@cret@host/a", "mysql://ann@host/a"),
        ("mysql://ann:s/e:cret@host/a", "mysql://ann@host/a"),
        ("mysql://ann:12/34@host/a", "mysql://ann@host/a"),
        ("mysql://ann:se?cr#et@host/a", "mysql://ann@host/a"),
        ("postgresql://ann:se%40cr%2Fet@host/a", "postgresql://ann@host/a"),
        ("postgresql://:secret@host/a", "postgresql://host/a"),
        ("postgresql://ann:secret@/a?host=/run", "postgresql://ann@/a?host=/run"),
        ("postgresql://ann@host:5432/a", "postgresql://ann@host:5432/a"),
        ("postgresql://host:5432/a", "postgresql://host:5432/a"),
        ("POSTGRESQL://ann:secret@host/a", "POSTGRESQL://ann@host/a"),
        ("postgresql://ann:secret@[::1]:5432/a", "postgresql://ann@[::1]:5432/a"),
        ("postgresql://[::1]:5432/a", "postgresql://[::1]:5432/a"),
        ("postgresql://ann:secret@h1:1,h2:2/a?x=1", "postgresql://ann@h1:1,h2:2/a?x=1"),
        ("postgresql://h1:5432,h2:5433/a", "postgresql://h1:5432,h2:5433/a"),
        ("http://token@host", "http://host"),
        ("https://ann:secret@host:5000/mlflow", "https://host:5000/mlflow"),
        ("http://ann:se@cret@host", "http://host"),
        ("http://ann:se/cret@host", "http://host"),
        ("http://:secret@[::1]:5000", "http://[::1]:5000"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://host:5000/overlays/a@b.png", "http://host:5000/overlays/a@b.png"),
        ("https://host/@team", "https://host/@team"),
        ("redis://ann:secret@host", "redis://host"),
        ("postgresql://ann:se cret@host/a", "postgresql://ann@host/a"),
        ("see http://ann:se cret@host/a and ann@host", "see http://host/a and ann@host"),
    ],
)
def test_everything_before_the_host_is_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://host/a?user=ann&password=secret", "postgresql://host/a?user=ann"),
        ("postgresql://host/a?PASSWORD=secret&x=1", "postgresql://host/a?x=1"),
        ("postgresql://host/a?password=s&sslpassword=e&token=c", "postgresql://host/a"),
        ("postgresql://host/a?b=1&password=se,cr)et&c=2", "postgresql://host/a?b=1&c=2"),
        ("postgresql://host/a?password=se@cret", "postgresql://host/a"),
        ("http://host/?access_token=secret", "http://host/"),
        ("http://host/a?api_key=secret#part", "http://host/a"),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3Dsecret", "mssql+pyodbc:///"),
        ("user=ann;password=secret;host=h", "user=ann;password=***;host=h"),
        ("user=ann password=secret host=h", "user=ann password=*** host=h"),
        ("user=ann password='se cr\\'et' host=h", "user=ann password=*** host=h"),
        ("jdbc:h2?user=ann;PWD=secret", "jdbc:h2?user=ann;PWD=***"),
        ("postgresql://host/a?pass=secret&x=1", "postgresql://host/a?x=1"),
        ("postgresql://host/a?pw=secret", "postgresql://host/a"),
        ("http://host?auth=secret&x=1", "http://host?x=1"),
        ("http://host/a?x=1&sig=secret", "http://host/a?x=1"),
        ("http://host/a?key=secret", "http://host/a"),
        ("postgresql://host/a?x=1&pass%77ord=secret", "postgresql://host/a?x=1"),
        ("postgresql://host/a?PASS%57ORD=secret", "postgresql://host/a"),
        ("postgresql://host/a?options=-c%20password%3Dsecret", "postgresql://host/a"),
        ("postgresql://host/a?options=-c%20password%3Ds&x=1&y=2", "postgresql://host/a?x=1&y=2"),
        ("password = secret", "password = ***"),
        ("{'user': 'ann', 'password': 'se\\'cret'}", "{'user': 'ann', 'password': '***'}"),
        ('{"token": "secret", "x": 1}', '{"token": "***", "x": 1}'),
        ("Authorization: secret", "Authorization: ***"),
        ("{'Authorization': 'secret'}", "{'Authorization': '***'}"),
        ("'Authorization': 'Basic c2VjcmV0'", "'Authorization': 'Basic ***'"),
        ("Authorization: Bearer c2VjcmV0.x", "Authorization: Bearer ***"),
    ],
)
def test_settings_that_are_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no host in 'mysql://ann:secret@host/a' here", "no host in 'mysql://ann@host/a' here"),
        ("http://a:b@h: 2 wait; http://c@i", "http://h: 2 wait; http://i"),
        ("ann@example.org: see http://ann:secret@host.", "ann@example.org: see http://host."),
        ("http://host:5000 does not answer ann@host", "http://host:5000 does not answer ann@host"),
        ("http://h:1/?next=http://ann:secret@i", "http://h:1/?next=http://i"),
        ("'http://h/?token=secret', 'b'", "'http://h/', 'b'"),
        ("first\nhttp://ann:secret@host\nlast ann@x", "first\nhttp://host\nlast ann@x"),
    ],
)
def test_urls_in_a_message_are_found(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///studies/optuna.db",
        "sqlite:////home/ann:x/b@c/a.db",
        "sqlite:///a b@c.db?timeout=5",
        "journal:studies/optuna.log",
        "studies/ann:x@home/optuna.db",
        "C:\\studies\\ann@home.db",
        "file:///home/ann@host/mlruns",
        "databricks://profile:prefix",
        "s3://bucket/a@b",
        "ann@example.org",
        "postgresql://host/a?options=-csearch_path%3Db&sslkey=/home/ann/key",
        "--set key=value: expected key=value; keyboard?key",
        "password authentication failed for user \"ann\"",
        "",
    ],
)  # fmt: skip
def test_paths_and_other_text_stay_as_they_are(text: str) -> None:
    assert without_credentials(text) == text


_HARD = st.text(
    string.ascii_letters + string.digits + "@:/?#&=%;,!$'()*+[]~\"\\{}|^<>üß", max_size=8
)
_SECRETS = st.tuples(_HARD, st.just("pLaNtEd"), _HARD).map("".join)
_USERS = st.text(string.ascii_lowercase, min_size=1, max_size=5)
_HOSTS = st.sampled_from(
    ["host", "h1:5432,h2:5433", "[::1]:5432", "127.0.0.1:5000", "db.example.org"]
)
_TAILS = st.sampled_from(["", "/", "/a", "/a?timeout=5", "/a?x=1&y=2"])


@given(st.sampled_from(["postgresql+psycopg2", "mysql"]), _USERS, _SECRETS, _HOSTS, _TAILS)
@example("mysql", "ann", "@?k=pLaNtEd&x", "host", "/a")
def test_no_password_of_a_database_is_left_whatever_is_in_it(
    scheme: str, user: str, password: str, host: str, tail: str
) -> None:
    expected = f"{scheme}://{user}@{host}{tail}"
    assert without_credentials(f"{scheme}://{user}:{password}@{host}{tail}") == expected
    assert without_credentials(f"{scheme}://{user}:{quote(password)}@{host}{tail}") == expected


@given(_USERS, _SECRETS, _HOSTS, _TAILS)
@example("", "0:pLaNtEd/", "host", "")
def test_no_password_of_a_server_is_left_whatever_is_in_it(
    user: str, password: str, host: str, tail: str
) -> None:
    shown = without_credentials(f"see http://{user}:{password}@{host}{tail} and ann@host")
    # Of `http://name:5000/rest@host` the 5000 is a port to every library, and `name` the host.
    if not password.partition("/")[0].partition("?")[0].partition("#")[0].isdecimal():
        assert shown == f"see http://{host}{tail} and ann@host"
    token = quote(password, safe="")
    assert without_credentials(f"https://{token}@{host}{tail}") == f"https://{host}{tail}"


@given(st.sampled_from(["password", "sslpassword", "Token", "PWD"]), _SECRETS, _TAILS)
def test_no_parameter_that_is_a_secret_is_left(name: str, secret: str, tail: str) -> None:
    query = "&" if "?" in tail else "?"
    url = f"postgresql://ann@host{tail}{query}{name}={quote(secret, safe='')}"
    assert without_credentials(url) == f"postgresql://ann@host{tail}"


@given(st.text(string.ascii_letters + ":/@?&= '.;0", max_size=40))
def test_a_text_without_credentials_stays_so(text: str) -> None:
    once = without_credentials(text)
    assert without_credentials(once) == once


@given(_USERS, _SECRETS, st.sampled_from(["", "a", "a/b"]))
def test_the_host_is_the_one_that_sqlalchemy_connects_to(
    user: str, password: str, database: str
) -> None:
    url = f"postgresql://{user}:{quote(password, safe='')}@host:5432/{database}?timeout=5"
    before, after = make_url(url), make_url(without_credentials(url))
    assert before.password == password
    assert after == before._replace(password=None)


def test_two_urls_are_of_one_place_when_their_credentials_alone_differ() -> None:
    assert is_same_place("http://ann:x@host:5000", "http://host:5000")
    assert is_same_place("postgresql://ann:x@host/a", "postgresql://bob@host/a")
    assert is_same_place("sqlite:///a.db", "sqlite:///a.db")
    assert is_same_place(None, None)
    assert not is_same_place(None, "http://host")
    assert not is_same_place("http://ann@host", "http://ann@other")
    assert not is_same_place("postgresql://host/a", "postgresql://host/b")


@pytest.mark.parametrize(
    ("url", "shown", "fault"),
    [
        ("postgresql://ann:my secret@host/a", "***@host/a", "%20"),
        ("postgresql://ann:12 secret@host/a", "***@host/a", "%20"),
        ("http://ann:se cr et@host", "***@host", "%20"),
        ("postgresql:/ann:secret@host/a", "***@host/a", "is not a URL"),
        ("postgresql//ann:secret@host/a", "***@host/a", "is not a URL"),
        ("http:/ann:secret@host", "***@host", "is not a URL"),
        ("ann:secret@127.0.0.1:5432/a", "***@127.0.0.1:5432/a", "is not a URL"),
        ("postgresql://ann:my%20secret@host/a", "postgresql://ann@host/a", None),
        ("sqlite:////home/ann b@c/a.db", "sqlite:////home/ann b@c/a.db", None),
        ("journal:studies/a b@c.log", "journal:studies/a b@c.log", None),
        ("/home/ann@corp.com/mlruns", "/home/ann@corp.com/mlruns", None),
        ("//ann:secret@host/a", "***@host/a", "is not a URL"),
        ("nonsense", "nonsense", None),
        ("http://ann:secret@[::1", "***@[::1", "without its ]"),
        ("http://[::1", "http://[::1", "without its ]"),
        ("http://ann:s[cret@[::1]:5000/a", "http://[::1]:5000/a", None),
        ("http://ann:se@cr/et@host:5000", "***@host:5000", "%2F"),
        ("HTTPS://ann:se#cret@host/a", "***@host/a", "%23"),
        ("http://ann:se?cret@host", "***@host", "%3F"),
        ("http://ann:se@cret@host:5000/a", "http://host:5000/a", None),  # as it is meant
        ("http://host:5000/a@b", "http://host:5000/a@b", None),
        ("http://[::1]:5000/a@b", "http://[::1]:5000/a@b", None),
        ("https://host/@team", "https://host/@team", None),
    ],
)
def test_what_was_given_as_a_url_is_shown_without_all_before_its_host(
    url: str, shown: str, fault: str | None
) -> None:
    assert url_without_credentials(url) == shown
    found = url_fault(url)
    assert found is None if fault is None else found is not None and fault in found


@given(st.sampled_from(["postgresql://", "http:/", "mysql//", ""]), _USERS, _SECRETS, _SECRETS)
def test_no_part_of_a_password_with_a_blank_is_left(
    scheme: str, user: str, password: str, more: str
) -> None:
    assert "pLaNtEd" not in url_without_credentials(f"{scheme}{user}:{password} {more}@host/a")
