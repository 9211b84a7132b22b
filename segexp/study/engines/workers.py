"""Trials run in worker processes on this machine; one that dies is replaced."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segexp.core.errors import InputError
from segexp.core.lease import is_gone
from segexp.study.engines._forkserver import prepare_workers

if TYPE_CHECKING:
    from segexp.study.display import StudyDisplay
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule

__all__ = ["is_gone", "prepare", "run_trials"]


def prepare(workers: int | None) -> None:
    """Start the process that workers are forked from."""
    if workers == 0:
        raise InputError("--workers 0: the engine 'workers' needs one or more; take --engine here")
    prepare_workers()


def run_trials(
    studies: "Sequence[OpenStudy]",
    display: "StudyDisplay",
    *,
    workers: int | None,
    stop: "StopRule",
) -> int:
    """Run trials; see `segexp.study.engines.Engine`.

    A worker that dies fails its trial, which is tried again a few times, and is replaced.

    Raises:
        WorkError: Also when workers die before they begin.
    """
    from segexp.study.engines._supervisor import supervise  # noqa: PLC0415 - loads torch

    return supervise(studies, display, workers, stop)
