"""Passwords and tokens in URLs: taken out of everything that is stored, shown or passed on."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

# A user name alone is no secret to these, and with ~/.pgpass and the like it has to stand there. To
# others, http above all, what stands before the @ may be a token.
_DATABASES = (
    "postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle", "cockroachdb", "redshift",
)  # fmt: skip

_SCHEME = re.compile(r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")

# A name that says what its value is, as in ?sslpassword=..., `PWD=...;` and `--token=...`. A whole
# ODBC string goes: its password stands in it percent-encoded. The bounds keep it linear in time.
_SETTING = (
    r"(?<![\w.-])(?P<key>[\w.-]{0,80}(?:passw|passphrase|pwd|token|secret|api_?key|access_?key"
    r"|credential|signature|odbc_connect)[\w.-]{0,80})"
    r"=(?P<value>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s&]*?)"
    r"(?=&|;\s*[\w.-]+=|[;,)\]}'\"]{0,9}(?:\s|$))"
)
_IN_QUERY = re.compile(rf"(?P<before>[?&]){_SETTING}(?P<after>&|;(?=[\w.-]+=))?", re.IGNORECASE)
_IN_TEXT = re.compile(_SETTING, re.IGNORECASE)
_HEADER = re.compile(
    r"(?P<key>authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\"]+", re.IGNORECASE
)

HIDDEN = "***"

T = TypeVar("T")


def without_credentials(text: str) -> str:
    """Return a URL, or a message that quotes some, without credentials.

    A URL loses what stands before its @, but for the user name in that of a database, and its
    parameters that are secrets: it still names the same place, and works where the credentials
    come from elsewhere. Passwords may hold ``@``, ``:``, ``/`` and ``?`` as they are: the last @
    before a blank counts, so that rather too much is left out of a URL than too little. Other
    settings, as in ``user=ann;password=...``, keep their names with ``***`` behind them.
    """
    text = _IN_TEXT.sub(_hide, _without_parameters(_without_user_info(text)))
    return _HEADER.sub(rf"\g<key>{HIDDEN}", text)


def all_without_credentials(content: T) -> T:
    """Return plain values, nested as they are, with each text in them without credentials."""
    found: Any = content
    if isinstance(found, str):
        found = without_credentials(found)
    elif isinstance(found, Mapping):
        found = {key: all_without_credentials(value) for key, value in found.items()}
    elif isinstance(found, list | tuple):
        found = [all_without_credentials(value) for value in found]
    return cast(T, found)


def with_credentials(recorded: str | None, configured: str | None) -> str | None:
    """Return a recorded URL as it is configured, where that is the same place.

    What is recorded has no credentials; who reads it takes them from where the user puts them now.
    """
    return configured if is_same_place(recorded, configured) else recorded


def is_same_place(url: str | None, other: str | None) -> bool:
    """Whether two URLs differ in their credentials at most; None is a default of its own."""
    if url is None or other is None:
        return url is other
    return _place(url) == _place(other)


def _place(url: str) -> str:
    return re.sub(r"(?<=://)[^/?@]*@", "", without_credentials(url))


def _without_user_info(text: str) -> str:
    parts: list[str] = []
    done = 0
    while url := _SCHEME.search(text, done):
        parts.append(text[done : url.end()])
        done = url.end()
        end = _end_of_user_info(url["scheme"].lower(), text[done:])
        if end:
            user = re.split("[:@]", text[done : done + end])[0]
            is_name = url["scheme"].lower().partition("+")[0] in _DATABASES
            parts.append(f"{user}@" if user and is_name else "")
            done += end
    return "".join([*parts, text[done:]])


def _end_of_user_info(scheme: str, rest: str) -> int:
    """Return how many characters after ``scheme://`` are credentials, with the @ behind them."""
    address = re.match(r"\S*", rest)
    assert address is not None
    authority = re.match(r"[^/?#\s]*", rest)
    assert authority is not None
    before_at, at, _ = authority[0].partition("@")
    if not at:
        # Only a password can have the / or ? in it behind which an @ follows.
        if ":" not in before_at or before_at.startswith("["):
            return 0
        if scheme in ("http", "https") and re.fullmatch(r"[^:]*:\d+", before_at):
            return 0  # a host and its port
    return address[0].rfind("@") + 1


def _without_parameters(text: str) -> str:
    before = None
    while before != text:  # what is left out is what another one would begin behind
        before = text
        text = _IN_QUERY.sub(lambda found: found["before"] if found["after"] else "", text)
    return text


def _hide(found: re.Match[str]) -> str:
    return f"{found['key']}={HIDDEN}"
