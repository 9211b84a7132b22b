"""A storage that is waited for, by a clock that only waiting moves."""

import logging
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from segexp.core import lease
from segexp.core.errors import AwayError, Interrupted
from segexp.core.lease import is_gone, lease_seconds, this_process
from segexp.core.signals import raise_on_signals, signals_held_back
from segexp.study.storage import waiting
from segexp.study.storage.waiting import Patience


class Clock:
    now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    stands_in = SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep)
    monkeypatch.setattr(waiting, "time", stands_in)
    monkeypatch.setattr(lease, "_deaf_until", 0.0)
    monkeypatch.setattr(waiting._log, "filters", [waiting._Once()])
    return clock


@pytest.fixture
def _signals() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    raise_on_signals()
    yield
    raise_on_signals()  # forgets the one that arrived
    for number, handler in before.items():
        signal.signal(number, handler)


def away_until(clock: Clock, when: float) -> Callable[[bool], str]:
    def attempt(is_repeated: bool) -> str:
        if clock.now < when:
            raise OSError("connection refused by secret:word@host")
        return "answered" if is_repeated else "answered at once"

    return attempt


def why_away(error: Exception) -> str | None:
    return str(error) if isinstance(error, OSError) else None


def test_an_outage_is_said_after_a_while_then_every_minute_and_at_its_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    patience = Patience("postgresql://host/db", 600)
    assert patience.until_answered(away_until(clock, clock.now + 200), why_away) == "answered"
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "storage postgresql://host/db does not answer; it is waited for, up to 10 min",
        "storage postgresql://host/db has not answered for 60 s; it is waited for, up to 10 min",
        "storage postgresql://host/db has not answered for 2 min; it is waited for, up to 10 min",
        "storage postgresql://host/db has not answered for 3 min; it is waited for, up to 10 min",
        "storage postgresql://host/db answers again",
    ]
    assert all("connection refused" in r.getMessage() for r in caplog.records[:4])


def test_a_short_outage_is_not_said(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    patience = Patience("db", 600)
    assert patience.until_answered(away_until(clock, clock.now + 4), why_away) == "answered"
    assert patience.until_answered(away_until(clock, 0), why_away) == "answered at once"
    assert caplog.records == []


def test_what_several_workers_say_of_one_outage_is_shown_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger(waiting.__name__)
    for reason in ("refused", "closed", "refused"):
        log.warning("storage db does not answer; it is waited for, up to 10 min (%s)", reason)
    log.warning("storage db answers again")
    assert len(caplog.records) == 2


def test_once_the_time_has_passed_each_call_is_tried_once_until_one_is_answered(
    clock: Clock,
) -> None:
    patience, begun = Patience("db", 30), clock.now
    for _ in range(3):
        with pytest.raises(AwayError, match=r"no answer for \d+ s: connection refused"):
            patience.until_answered(away_until(clock, begun + 100), why_away)
        assert 20 < clock.now - begun <= 30  # the first has waited, the others have not
    clock.now = begun + 100
    assert patience.until_answered(away_until(clock, 0), why_away) == "answered at once"
    assert patience.until_answered(away_until(clock, clock.now + 20), why_away) == "answered"


@pytest.mark.parametrize(("given", "said"), [(5, "5 s"), (0.5, "0.5 s"), (600, "10 min")])
def test_the_time_that_was_given_is_said_once_it_is_spent(
    clock: Clock, given: float, said: str
) -> None:
    with pytest.raises(AwayError, match=f"^storage: db: no answer for {said}: connection"):
        Patience("db", given).until_answered(away_until(clock, clock.now + 700), why_away)


def test_what_another_process_has_waited_for_in_vain_is_not_waited_for(clock: Clock) -> None:
    patience, begun = Patience("db", 600), clock.now
    patience.give_up()
    with pytest.raises(AwayError):
        patience.until_answered(away_until(clock, begun + 1), why_away)
    assert clock.now == begun


def test_what_is_asked_wrongly_is_no_outage(clock: Clock) -> None:
    patience = Patience("db", 600)

    def attempt(is_repeated: bool) -> None:
        raise KeyError("no such trial")

    with pytest.raises(KeyError):
        patience.until_answered(attempt, why_away)


@pytest.mark.usefixtures("_signals")
def test_a_signal_that_is_held_back_ends_the_waiting(clock: Clock) -> None:
    patience, begun = Patience("db", 600), clock.now

    def attempt(is_repeated: bool) -> None:
        if not is_repeated:
            signal.raise_signal(signal.SIGTERM)
        raise OSError("away")

    with pytest.raises(Interrupted), signals_held_back():
        patience.until_answered(attempt, why_away)
    assert clock.now == begun
    with pytest.raises(AwayError):  # nor does what comes after it wait for long
        patience.until_answered(away_until(clock, begun + 100), why_away)
    assert clock.now - begun <= 5


def test_after_an_outage_a_process_has_a_whole_lease_to_be_heard_of(clock: Clock) -> None:
    import time

    elsewhere = SimpleNamespace(host="elsewhere", boot="elsewhere")
    silent_since = time.time() - lease_seconds() - 100
    patience = Patience("db", 600)
    patience.until_answered(away_until(clock, clock.now + 3), why_away)
    assert is_gone(elsewhere, silent_since)  # it had time for its beats
    patience.until_answered(away_until(clock, clock.now + lease_seconds()), why_away)
    assert not is_gone(elsewhere, silent_since)
    assert not is_gone(this_process(), silent_since)
