"""Trials run in this process, one after the other."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from segexp.core.errors import InputError
from segexp.core.lease import is_gone, this_process
from segexp.core.signals import signals_held_back

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.study.display import StudyDisplay
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule

__all__ = ["is_gone", "prepare", "run_trials"]


def prepare(workers: int | None, config: "Config | None" = None) -> None:
    """Refuse to run more than one trial at a time."""
    if workers:
        raise InputError(
            f"--workers {workers}: the engine 'here' runs trials in this process; "
            "take --engine workers, or leave --workers out"
        )


def run_trials(
    studies: "Sequence[OpenStudy]",
    display: "StudyDisplay",
    *,
    workers: int | None,
    stop: "StopRule",
) -> int:
    """Run trials; see `segexp.study.engines.Engine`."""
    from segexp.study.turns import close_trials, is_stopped, run_next  # noqa: PLC0415 - loads torch

    ran = 0
    try:
        while not is_stopped(studies, stop) and run_next(studies, display):
            ran += 1
    except BaseException as error:
        is_signal = not isinstance(error, Exception)
        reason = "interrupted by a signal" if is_signal else "its process failed"
        # The first error matters more; if the storage is away, the next start closes the trial.
        with suppress(Exception), signals_held_back():
            close_trials(studies, this_process(), reason, crashed=False)
        raise
    return ran
