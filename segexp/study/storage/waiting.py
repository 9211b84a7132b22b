"""A storage that does not answer is waited for, and a person is told so."""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from segexp.core.credentials import without_credentials
from segexp.core.errors import AwayError
from segexp.core.lease import note_deafness
from segexp.core.signals import end_if_told, is_interrupted
from segexp.core.wording import time_text

PATIENCE = 600.0
"""For how many seconds a command that runs trials waits, unless it is told otherwise."""

READING_PATIENCE = 60.0
"""The same for a command that only reads."""

SAID_AFTER, SAID_EVERY = 5.0, 60.0
"""After how many seconds it is said that a storage is waited for, and how often from then on."""

_LONGEST_PAUSE = 2.0  # seconds
_AT_THE_END = 5.0  # seconds, once a signal has ended the work

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Patience:
    """Repeats the calls of a storage until it answers, for a limited time.

    The time begins with the first call that is not answered, in whatever thread; the heartbeat and
    a trial wait for the same outage. Once it has passed, each further call is tried only once,
    until one is answered.

    Args:
        name: What to call the storage in messages; never with a password.
        seconds: For how long a call is repeated.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self._away_since: float | None = None  # of `time.monotonic`
        self._next_line = 0.0
        self._is_spent = False

    def until_answered(
        self, attempt: Callable[[bool], _T], why_away: Callable[[Exception], str | None]
    ) -> _T:
        """Call ``attempt`` until it gets through.

        Args:
            attempt: Its argument says whether it was tried before.
            why_away: What an error says if it may be gone in a moment; None if it is an answer.

        Raises:
            AwayError: When the time has passed.
            Interrupted: When a signal is held back or noted meanwhile: the answer may not come.
        """
        began: float | None = None
        pause = 0.0
        while True:
            try:
                result = attempt(began is not None)
            except Exception as error:
                reason = why_away(error)
                if reason is None:
                    self._answered()
                    raise
                now = time.monotonic()
                began = now if began is None else began
                if self._away_since is None:
                    self._away_since, self._next_line = now, SAID_AFTER
                waited = now - min(began, self._away_since)
                if self._is_spent or waited + pause > self._limit():
                    self._is_spent = True
                    raise self._spent(waited, reason) from error
                self._say(waited, reason)
            else:
                self._answered()
                return result
            end_if_told()
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(max(2 * pause, 0.1), _LONGEST_PAUSE)

    def give_up(self) -> None:
        """Do not wait for it: another process of this command has done so in vain."""
        self._is_spent = True

    def _limit(self) -> float:
        return min(self.seconds, _AT_THE_END) if is_interrupted() else self.seconds

    def _spent(self, waited: float, reason: str) -> AwayError:
        # At least the time that was given, of which the last pause is not waited out, or which
        # another process of this command has waited.
        how_long = time_text(max(round(waited), self._limit()))
        return AwayError(
            f"storage: {self.name}: no answer for {how_long}: "
            f"{without_credentials(reason)}; the same command goes on once it answers"
        )

    def _say(self, waited: float, reason: str) -> None:
        if waited < self._next_line:
            return
        is_first = self._next_line == SAID_AFTER
        self._next_line = SAID_EVERY * (1 + waited // SAID_EVERY)
        how_long = time_text(self.seconds)
        if is_first:
            text = f"does not answer; it is waited for, up to {how_long} "
        else:
            minutes = time_text(waited // SAID_EVERY * SAID_EVERY)
            text = f"has not answered for {minutes}; it is waited for, up to {how_long} "
        _log.warning("storage %s %s(%s)", self.name, text, without_credentials(reason))

    def _answered(self) -> None:
        since, self._away_since = self._away_since, None
        self._is_spent = False
        if since is None:
            return
        away = time.monotonic() - since
        note_deafness(away)
        if self._next_line > SAID_AFTER:
            _log.warning("storage %s answers again", self.name)


class _Once(logging.Filter):
    """Leaves out what was said last: the workers of a command all wait for the same storage."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""
        self._only_one = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record, without its reason in parentheses, is not what was logged last."""
        text = record.getMessage().partition(" (")[0]
        with self._only_one:
            is_new, self._last = text != self._last, text
        return is_new


_log.addFilter(_Once())
