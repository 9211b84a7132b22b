"""What a terminal shows below the lines of a study."""

import io
import math

import pytest
from rich.console import Console

from segexp.cli.bars import Bar, Studies, drawn, left_text
from segexp.study.so_far import SoFar

TITLE = "trial 12 (13/50) epoch 15/30"
BAR = Bar(TITLE, "trial 12 epoch 15/30", "loss 0.312  mIoU 0.418  97 images/s", "mIoU 0.418",
          done=150, total=300, begun=100.0)  # fmt: skip


def studies(*so_far: SoFar, ended: int = 0, until: float = math.inf) -> Studies:
    """Studies whose first trial of this command began at 100 s."""
    return Studies({each.study: each for each in so_far}, ended, 100.0, until)


def test_a_study_is_its_trials_its_best_and_what_is_left() -> None:
    """Four trials in 50 s leave 38 x 12.5 s = 475 s, which are about 8 minutes."""
    found = studies(SoFar("tiny", 12, 50, 20, 0.43149), ended=4)
    assert found.line([], now=150.0) == "study 12/50 · best 0.431 (trial 20) · about 8 min left"


def test_nothing_is_foretold_before_something_was_done() -> None:
    found = studies(SoFar("tiny", 0, 50))
    assert found.line([], now=150.0) == "study 0/50"


def test_the_part_of_a_trial_that_is_under_way_counts() -> None:
    """Half a trial in 60 s leaves 1.5 trials of 120 s; what another trial had done is not ours."""
    found = studies(SoFar("tiny", 0, 2))
    assert found.line([BAR], now=160.0) == "study 0/2 · about 3 min left"
    resumed = Bar(TITLE, "", "", "", done=150, total=300, begun=100.0, done_before=150)
    assert found.line([resumed], now=160.0) == "study 0/2"


def test_no_more_is_foretold_than_the_command_may_take() -> None:
    found = studies(SoFar("tiny", 12, 50), ended=4, until=270.0)
    assert found.line([], now=150.0) == "study 12/50 · about 2 min left"


def test_a_study_that_has_all_its_trials_has_nothing_left() -> None:
    found = studies(SoFar("tiny", 50, 50, 1, 0.5), ended=4)
    assert found.line([], now=150.0) == "study 50/50 · best 0.500 (trial 1)"


def test_several_studies_are_counted_together_and_have_no_common_best() -> None:
    found = studies(SoFar("ab-a", 3, 10, 0, 0.5), SoFar("ab-b", 2, 10, 1, 0.4), ended=5)
    assert found.line([], now=150.0) == "5/20 trials of 2 studies · about 2 min left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute left"),
        (59, "less than a minute left"),
        (475, "about 8 min left"),
        (89 * 60, "about 89 min left"),
        (3 * 3600, "about 3 h left"),
        (72 * 3600, "about 3 days left"),
    ],
)
def test_times_are_said_in_a_unit_that_fits(seconds: float, text: str) -> None:
    assert left_text(seconds) == text


@pytest.mark.parametrize("width", [80, 99, 100, 120])
def test_every_bar_is_one_line_which_is_short_in_a_narrow_terminal(width: int) -> None:
    out = io.StringIO()
    found = studies(SoFar("tiny", 12, 50, 20, 0.43149), ended=4)
    Console(file=out, width=width).print(drawn([BAR, BAR], found, width, now=160.0))
    head, *bars = [line.rstrip() for line in out.getvalue().splitlines()]
    assert head.startswith("study 12/50")
    assert len(bars) == 2 and max(map(len, bars)) < width
    title, end = (TITLE, "97 images/s") if width >= 100 else (BAR.short, "mIoU 0.418")
    assert all(bar.startswith(title) for bar in bars)
    assert all(bar.endswith(f"{end} 0:01:00 ETA 0:01:00") for bar in bars)
