"""Processes that share a study: for tests, and for benchmarks/storage_load.py with more trials."""

import multiprocessing
import os
import warnings
from contextlib import nullcontext
from multiprocessing.synchronize import Barrier
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from segexp.core.files import locked
from segexp.study.storage.open import load_study, open_storage

# Imported once, not by each process; the forkserver of Python 3.11 does not look into tests/.
PRELOADED = ["alembic.command", "numpy", "optuna.storages", "scipy.stats", "segexp.storage"]


def run_together(
    url: str | None, project: Path, processes: int, trials: int, *, ask_locked: bool = True
) -> tuple[list[int | None], list[FrozenTrial]]:
    """Run trials in processes that open the study at the same moment.

    Args:
        url: The storage; there need be nothing yet.
        project: The project directory.
        processes: How many there are.
        trials: How many each of them runs.
        ask_locked: Whether trials are asked for under a lock between processes, as in
            `segexp.study.run`.

    Returns:
        The exit codes, and the trials that are there then.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    start = context.Barrier(processes)
    workers = [
        context.Process(target=_work, args=(url, project, trials, ask_locked, start))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    study = load_study(open_storage(url, project), "load")
    return [worker.exitcode for worker in workers], study.trials


def _work(url: str | None, project: Path, trials: int, ask_locked: bool, start: Barrier) -> None:
    warnings.simplefilter("ignore")
    start.wait()
    study = optuna.create_study(
        storage=open_storage(url, project),
        study_name="load",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(),  # its cost does not grow with the trials
    )
    for _ in range(trials):
        with locked(project / "ask.lock") if ask_locked else nullcontext():
            trial = study.ask()
            trial.set_user_attr("owner", os.getpid())
        value = trial.suggest_float("x", 0, 1)
        for epoch in (1, 2):
            trial.report(value * epoch, epoch)
        study.tell(trial, 2 * value)
