"""Progress of trainings and studies: bars in a terminal, plain lines elsewhere."""

import io
import re
from types import SimpleNamespace

import pytest
from rich.color import ColorSystem

from segexp.cli.console import console
from segexp.cli.live import LiveDisplay
from segexp.study.so_far import SoFar
from segexp.training.fit import Step


def test_among_other_trials_a_line_names_its_own(screen: io.StringIO) -> None:
    with LiveDisplay(quiet=False) as display:
        other = display.beside()
        for own, mapping in ((display, "cityscapes19"), (other, "merged10")):
            own.trial_started(0, 1, 2, {"mapping": mapping, "loss": "focal"})
        other.trial_ended(0, "COMPLETE", "val/miou_common 0.2000")
    assert "trial 0 (1/2) merged10  COMPLETE  val/miou_common 0.2000" in screen.getvalue()


def test_a_trial_whose_number_is_not_its_place_says_what_the_place_is_of(
    screen: io.StringIO,
) -> None:
    with LiveDisplay(quiet=False) as display:
        display.trial_started(42, 43, 50, {})
        display.trial_started(44, 43, 50, {})
    assert "trial 42 (43/50)" in screen.getvalue()
    assert "trial 44 (configuration 43/50)" in screen.getvalue()


def watched(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[float, int, int]]
) -> list[str | None]:
    """The ends of the bar after steps of 8 images, each at a time, of an epoch, with a number."""
    now = [0.0]
    monkeypatch.setattr("segexp.cli.live.time", SimpleNamespace(monotonic=lambda: now[0]))
    seen: list[str | None] = []
    with LiveDisplay(quiet=False) as display:
        for now[0], epoch, step in steps:
            display.step(Step(epoch, step, 9, 8 * step, 0.5), total_epochs=2)
            bars = display._screen.bars
            seen.append(bars[display].detail.rpartition("  ")[2] if bars else None)
    return seen


def test_the_first_step_of_an_epoch_has_no_speed_and_the_next_one_has_its_own(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch, [(10.0, 1, 1), (12.0, 1, 2), (20.0, 2, 1)])
    speeds = ["- images/s", "4 images/s", "- images/s"]
    assert seen == (speeds if console.is_terminal else [None] * 3)


def test_steps_that_arrive_at_once_have_no_speed(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A microsecond apart, they would be of 8000000 images/s."""
    monkeypatch.setattr(console, "_force_terminal", True)
    seen = watched(monkeypatch, [(10.0, 1, 1), (10.000001, 1, 2), (20.0, 2, 1), (20.6, 2, 2)])
    assert seen == ["- images/s"] * 3 + ["13 images/s"]


def test_in_a_terminal_the_ends_of_trials_have_colours_and_the_best_is_named(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    if console.is_terminal:
        monkeypatch.setattr(console, "_color_system", ColorSystem.STANDARD)
    with LiveDisplay(quiet=False) as display:
        for number, best, state in ((0, 0, "COMPLETE"), (1, 0, "PRUNED"), (2, 0, "COMPLETE")):
            display.studied(SoFar("tiny", number + 1, 3, best, 0.2))
            display.trial_ended(number, state, f"of {number}")
    shown = screen.getvalue()
    if console.is_terminal:
        assert "\x1b[1;32m  COMPLETE  of 0  best so far\x1b[0m" in shown
        assert "\x1b[33m  PRUNED  of 1\x1b[0m" in shown
        assert "\x1b[32m  COMPLETE  of 2\x1b[0m" in shown
    else:
        assert shown == "  COMPLETE  of 0\n  PRUNED  of 1\n  COMPLETE  of 2\n"


def test_in_a_terminal_long_lines_end_at_words(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 24)
    with LiveDisplay(quiet=False) as display:
        display.say("trial 0 (1/2)  loss=focal  epochs=30")
    shown = re.sub(r"\x1b\[[^a-z]*[a-z]", "", screen.getvalue())  # the cursor is hidden
    lines = [line.strip() for line in shown.splitlines()]
    broken = ["trial 0 (1/2)", "loss=focal  epochs=30"]
    assert lines == (broken if console.is_terminal else ["  ".join(broken)])


def test_a_terminal_shows_how_far_the_study_is(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_interactive", console.is_terminal)
    with LiveDisplay(quiet=False) as display:
        display.studied(SoFar("tiny", 12, 50, 20, 0.43149))
        display._live.refresh()
    expected = "study 12/50 · best 0.431 (trial 20)"
    assert (expected in screen.getvalue()) == console.is_terminal


def test_a_trial_that_is_scored_or_written_says_so_in_its_bar_and_in_no_line(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("segexp.cli.live.time", SimpleNamespace(monotonic=lambda: now[0]))
    seen: list[tuple[str, str, str]] = []

    def look(display: LiveDisplay) -> None:
        for bar in display._screen.bars.values():
            seen.append((bar.detail, bar.short_detail, bar.times(now[0])))

    with LiveDisplay(quiet=False) as display:
        for now[0], step in ((10.0, 1), (10.1, 2)):  # the last one, soon after the one before
            display.step(Step(1, step, 2, 8 * step, 0.5), total_epochs=1)
        look(display)
        for now[0], what in ((12.0, "scoring"), (13.0, "writing")):
            display.doing(what)
            look(display)
    assert seen == (
        [
            ("loss 0.500  mIoU -  scoring", "mIoU -  scoring", "0:00:00"),
            ("scoring", "scoring", "0:00:02"),
            ("writing", "writing", "0:00:03"),
        ]
        if console.is_terminal
        else []
    )
    if not console.is_terminal:
        assert screen.getvalue() == ""
