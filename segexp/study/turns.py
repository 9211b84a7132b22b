"""Studies that take turns, in whatever process their trials run."""

from collections.abc import Sequence

from segexp.core.errors import AwayError
from segexp.core.lease import Owner
from segexp.core.signals import signals_held_back
from segexp.study.ask import trials_left
from segexp.study.display import StudyDisplay
from segexp.study.gave_up import note_giving_up
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy
from segexp.study.reconcile import close_of, close_records
from segexp.study.stop import StopRule


def run_next(studies: Sequence[OpenStudy], display: StudyDisplay) -> bool:
    """Run the next trial of the study that has the most left.

    However it is interrupted, no study is more than a trial ahead.

    Returns:
        Whether there was one.
    """
    in_turn = studies
    if len(studies) > 1:  # all of them have as many trials
        in_turn = sorted(studies, key=lambda s: trials_left(s.plan, s.study), reverse=True)
    return any(run_next_trial(opened, display) for opened in in_turn)


def is_stopped(studies: Sequence[OpenStudy], stop: StopRule) -> bool:
    """Whether no further trial is to be begun, though there may be some left."""
    return any(stop.reason(opened.study) is not None for opened in studies)


def close_trials(
    studies: Sequence[OpenStudy], owner: Owner, reason: str, *, crashed: bool
) -> list[tuple[OpenStudy, int]]:
    """Close the trials that a process has open, so that they are tried again.

    Args:
        crashed: Whether the process died in them.

    Returns:
        The study and the number of each.

    Raises:
        AwayError: When the storage does not answer; whoever closes them then counts no crash.
    """
    closed: list[tuple[OpenStudy, int]] = []
    try:
        for opened in studies:
            with opened.deciding(), signals_held_back():
                numbers = close_of(opened.study, owner, reason, crashed=crashed)
                if numbers:
                    close_records(opened.study, opened.parent)
            closed += [(opened, number) for number in numbers]
    except AwayError:
        if not crashed:
            note_giving_up(studies[0].plan.base.project, owner)
        raise
    return closed
