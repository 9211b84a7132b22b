"""Passwords and tokens in URLs: taken out of everything that is stored, shown or passed on."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

# For these a user name alone is not a secret, and with ~/.pgpass and the like it is needed. For
# others, http above all, what stands before the @ may be a token.
_DATABASES = (
    "postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle", "cockroachdb", "redshift",
)  # fmt: skip

_SCHEME = re.compile(r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")

# Names that say what their value is, as in ?sslpassword=..., `PWD=...;` and `--token=...`: what is
# part of one, and what is one as a whole. A whole ODBC string goes: its password stands in it
# percent-encoded. The short ones below are words of any text, and count in a URL alone.
_PARTS = (
    "passw", "passphrase", "pwd", "token", "secret", "apikey", "api_key", "accesskey", "access_key",
    "credential", "signature", "odbc_connect",
)  # fmt: skip
_WHOLE = ("pass", "pw")
_WHOLE_IN_URL = ("auth", "sig", "key")


def _spelled(names: Iterable[str]) -> str:
    """Return a pattern of names, any letter of which may be percent-encoded."""
    return "|".join("".join(f"(?:{c}|%{ord(c):x}|%{ord(c.upper()):x})" for c in n) for n in names)


# The bounds keep it linear in time.
_NAME_WITH = rf"[\w.%-]{{0,80}}(?:{_spelled(_PARTS)})[\w.%-]{{0,80}}"
_VALUE = (
    r"(?P<value>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s&]*?)"
    r"(?=&|;\s*[\w.-]+=|[;,)\]}'\"]{0,9}(?:\s|$))"
)
_BEGIN = r"(?<![\w.%-])"
_IN_TEXT = re.compile(
    rf"{_BEGIN}(?P<key>{_NAME_WITH}|{_spelled(_WHOLE)})(?P<equals>=|\s=\s){_VALUE}", re.IGNORECASE
)
_IN_QUERY = re.compile(
    rf"(?P<before>[?&])(?:{_NAME_WITH}|{_spelled(_WHOLE + _WHOLE_IN_URL)})={_VALUE}"
    r"(?P<after>&|;(?=[\w.-]+=))?",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"(?P<before>[?&])[^?&=\s]{1,80}=(?P<value>[^&\s'\"]*)(?P<after>&)?")
# As Python and JSON write it.
_IN_MAPPING = re.compile(
    rf"(?P<key>(?P<quote>['\"])(?:{_NAME_WITH}|{_spelled(_WHOLE)}|authorization)(?P=quote)\s*:\s*)"
    r"(?!\s*['\"](?:basic|bearer)\s)(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s,}\]]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<key>\bauthorization['\"]?\s*[:=]\s*['\"]?(?:(?:basic|bearer)\s+)?)[^\s'\"]+",
    re.IGNORECASE,
)

# Behind these a path stands, in which an @ and a blank are signs as any other.
_FILES = re.compile(r"(?:sqlite(?:\+\w+)?:///|(?:file|journal):|[.~/](?!/))", re.IGNORECASE)

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
    text = _IN_MAPPING.sub(rf"\g<key>\g<quote>{HIDDEN}\g<quote>", text)
    return _HEADER.sub(rf"\g<key>{HIDDEN}", text)


def url_without_credentials(url: str) -> str:
    """Return what was given as one URL, valid or not, without credentials.

    That it is one URL is known here: also where a blank stands in the password, or the scheme is
    written wrongly, nothing of what is before its last @ is left.
    """
    if "@" not in url or url_fault(url) is None:
        return without_credentials(url)
    return f"{HIDDEN}@{without_credentials(url.rpartition('@')[2])}"


def is_path(url: str) -> bool:
    """Whether it is a path in which an @ is a sign as any other, as in ``sqlite:///a@b.db``."""
    return _FILES.match(url) is not None


def url_fault(url: str) -> str | None:
    """Say why what was given as one URL may show a password to whoever reads it; None when not.

    Libraries take a blank in a password and all programs that look for URLs in a text end there;
    what is written wrongly they quote as a whole.
    """
    before, at, host = url.rpartition("@")
    if is_path(url) or not (at or "://" in url):
        return None
    try:
        urlsplit(host if "://" in host else f"//{host}")
    except ValueError:
        return "is not a URL: its host is written wrongly, such as an IPv6 address without its ]"
    if not at:
        return None
    if _SCHEME.match(url) is None:
        return (
            "is not a URL; expected SCHEME://, such as postgresql://USER@HOST/NAME or http://HOST"
        )
    return _unescaped(before)


def _unescaped(before: str) -> str | None:
    """Say what in a URL before its last @ is to be percent-encoded; None when nothing is."""
    if re.search(r"\s", before):
        return "has a blank before its @; write it as %20 where it is part of a password"
    # Of these a host ends at the first of / ? #, and what is before it would be asked for. A number
    # behind the : is a port, and the @ then in a path.
    if re.match(r"https?://[^\[:/?#]*:(?!\d+[/?#])[^/?#]*[/?#]", before, re.IGNORECASE):
        return "has a /, ? or # in its password; write it as %2F, %3F or %23, and an @ as %40"
    return None


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
    """Whether two URLs differ in their credentials at most; None equals None alone."""
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
    end = address[0].rfind("@") + 1
    if end or re.fullmatch(r"[^:]*:\d*", authority[0]):
        return end
    # What follows the : is not a port but a password with a blank in it.
    beyond = re.match(r"[^\n'\"]{0,200}?@", rest)
    return beyond.end() if beyond else 0


def _without_parameters(text: str) -> str:
    before = None
    while before != text:  # what is left out is what another one would begin behind
        before = text
        text = _IN_QUERY.sub(lambda found: found["before"] if found["after"] else "", text)
    done = 0
    while found := _PARAMETER.search(text, done):
        done = found.end("value")
        # Settings within a parameter, as in ?options=-c%20password%3D...
        if "%" in found["value"] and _IN_TEXT.search(unquote(found["value"])):
            done = found.start()
            text = text[:done] + (found["before"] if found["after"] else "") + text[found.end() :]
    return text


def _hide(found: re.Match[str]) -> str:
    return f"{found['key']}{found['equals']}{HIDDEN}"
