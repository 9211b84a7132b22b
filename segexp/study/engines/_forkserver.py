"""How worker processes are started: forked from a process that has loaded what they need.

Later workers and replacements start at once, since torch, optuna and mlflow are imported only once.
Nothing heavy is imported here.
"""

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerContext, SpawnContext

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


def prepare_workers() -> None:
    """Begin to load what workers need, beside what this process does meanwhile."""
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
