"""The two ways in which a command can fail, and what is said of an unknown word."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from segexp.core.credentials import without_credentials

T = TypeVar("T")

SHOWN_CHARACTERS = 80
"""How much of a value an error quotes."""

QUOTED_FROM = 8192
"""How much of a value is examined for that; a file from a stranger may be one long value."""

MAX_LISTED = 50
"""How many faults of one kind are listed; a file from a stranger may have thousands."""


NEWER = "a newer segexp wrote it; upgrade this one (pip install --upgrade segexp)"
"""The advice for a file or a result of a version that this segexp does not know yet."""


OTHERS_RUN = 3
"""The exit code of a command that stopped while other processes run the rest of its study."""


class InputError(Exception):
    """The input is wrong: command line, YAML, data, mapping or study (exit code 2).

    Carries every fault that was found, not only the first, so that a person can fix them in one go.

    Args:
        faults: One line each, saying where, what (with the value) and what would be right.
    """

    def __init__(self, faults: Sequence[str] | str) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class NoProjectError(InputError):
    """There is no project where one was looked for; some commands need none."""


class WorkError(Exception):
    """The input is right, but the work itself failed (exit code 1): one line that says why."""


class AwayError(WorkError):
    """What every trial needs does not answer, or takes nothing: the storage, MLflow's database.

    No failure of the trial that was under way: the next start tries it again, and does not count
    it.
    """


class Interrupted(BaseException):
    """A signal asked the process to stop. Derives from BaseException as KeyboardInterrupt does.

    Args:
        signal_number: The signal, 15 for SIGTERM; the exit code is 128 plus it.

    Attributes:
        leaves: What is there of the work and what can be done with it, to be said to a person;
            empty where nothing was begun.
    """

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        self.leaves = ""
        super().__init__(f"interrupted by signal {signal_number}")


@contextmanager
def collected(faults: list[str]) -> Iterator[None]:
    """Add the faults of an `InputError` that the block raises to a list: there may be more."""
    try:
        yield
    except InputError as error:
        faults += error.faults


def first_line(error: BaseException) -> str:
    """Return the first line of what a library raised, or its type where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def shown(value: object) -> str:
    """Return a value as an error quotes it: its ``repr``, without credentials, and cut if long."""
    text = without_credentials(repr(value)[:QUOTED_FROM])
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def named(key: object) -> str:
    """Return a key as an error names it: as it is, or quoted where it is long or unprintable."""
    text = str(key)
    return text if text.isprintable() and len(text) <= SHOWN_CHARACTERS else shown(text)


def at_most(items: Sequence[T], where: str) -> tuple[Sequence[T], list[str]]:
    """Return the first MAX_LISTED of what is wrong in one way, and a line if there is more."""
    more = len(items) - MAX_LISTED
    return items[:MAX_LISTED], [f"{where}: and {more} more like these"] if more > 0 else []


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known word nearest to ``word``, else ``""``."""
    by_lower_case = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(str(word).lower(), by_lower_case, n=1, cutoff=0.6)
    return f" (did you mean {by_lower_case[matches[0]]!r}?)" if matches else ""
