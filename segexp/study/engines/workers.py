"""Trials run in worker processes on this machine; one that dies is replaced.

Workers are forked from a process that has loaded torch, optuna and mlflow, so that later ones and
replacements start at once.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import TYPE_CHECKING

from segexp.core.errors import InputError
from segexp.core.lease import is_gone

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.study.display import StudyDisplay
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule

__all__ = ["is_gone", "prepare", "process_context", "run_trials"]

TUNABLES = "GLIBC_TUNABLES"
HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""Has glibc ask Linux for huge pages: a training step on a CPU takes a twentieth less time."""


def process_context() -> SpawnContext | ForkServerContext:
    """Return what starts worker processes.

    Not a plain fork: the threads of torch and MLflow do not survive it.
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")  # forking is not safe on macOS
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["segexp.study.engines._preloaded"])
    return context


def prepare(workers: int | None = None, config: "Config | None" = None) -> None:
    """Start the process that workers are forked from; see `segexp.study.engines.Engine`."""
    if workers == 0:
        raise InputError("--workers 0: the engine 'workers' needs one or more; take --engine here")
    if isinstance(process_context(), ForkServerContext):
        from multiprocessing import (  # noqa: PLC0415 - there is none on Windows
            forkserver,
            resource_tracker,
        )

        resource_tracker.ensure_running()  # it would lift the mask
        # Inherited, and never lifted there: Ctrl-C in a terminal reaches all processes of a
        # command, but the supervisor decides what to do.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        is_set_by_user = TUNABLES in os.environ
        os.environ.setdefault(TUNABLES, HUGE_PAGES)  # glibc reads it when a process starts
        # Newer Pythons repeat the command line in that of the server, where `ps` shows it after
        # this process has ended; it may hold a password.
        arguments, sys.argv = sys.argv, sys.argv[:1]
        try:
            forkserver.ensure_running()
        finally:
            sys.argv = arguments
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if not is_set_by_user:
                del os.environ[TUNABLES]


def run_trials(
    studies: "Sequence[OpenStudy]",
    display: "StudyDisplay",
    *,
    workers: int | None,
    stop: "StopRule",
) -> int:
    """Run trials; a worker that dies fails its trial, which is retried a few times.

    Raises:
        WorkError: Also when workers die before they take a trial.
    """
    from segexp.study.engines._processes import Processes  # noqa: PLC0415 - loads torch
    from segexp.study.engines._supervisor import supervise  # noqa: PLC0415

    return supervise(studies, display, Processes(workers), stop)
