"""SIGKILL at random moments, again and again: for tests/test_crashes.py and benchmarks/kills.py."""

import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from optuna.trial import FrozenTrial

from harness.crash_check import (
    Faults,
    check_invariants,
    is_counted,
    note_lost,
    read_trials,
    same_trials,
)
from harness.crash_study import Running, Study, Warm, lay_out

VICTIMS = ("all", "worker", "supervisor")

FRESH_EVERY = 10
"""Every so many studies one begins in a project without any database or decoded data."""


@dataclass
class Tally:
    """What has happened, and what is wrong.

    Attributes:
        kills: How many processes, or groups of them, were killed.
        runs: How many commands were started.
        studies: How many studies were run to their end.
        finished: How many trials of them count.
        interrupted: How many of their trials were ended by a kill.
        resumed: How many trials were resumed from a checkpoint.
        given_up: How many failed for good, because they were killed again and again.
        hopeless: How many studies ended because this happened to their first trials; these are
            not checked.
        seconds: How long it took.
        faults: What is wrong.
    """

    kills: int = 0
    runs: int = 0
    studies: int = 0
    finished: int = 0
    interrupted: int = 0
    resumed: int = 0
    given_up: int = 0
    hopeless: int = 0
    seconds: float = 0.0
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True)
class Ground:
    """Where studies are run and killed.

    Attributes:
        warm: Starts commands.
        directory: For the projects.
        template: A project to lay them out from.
        storage: Names a storage for the study of a new project.
        workers: How many each command has.
        budget: How many trials a study is to have.
        name: Of the study, in `crash_study.STUDIES`.
    """

    warm: Warm
    directory: Path
    template: Path
    storage: Callable[[], str]
    workers: int = 0
    budget: int = 6
    name: str = "tiny"

    def new_study(self, name: str, *, is_fresh: bool = False) -> Study:
        """Lay out a project for a study; a fresh one has no database and no decoded data."""
        lay_out(self.directory / name, None if is_fresh else self.template)
        return Study(self.directory / name, self.storage(), self.budget, self.name)

    def tune(self, study: Study) -> Running:
        """Start the command that runs a study."""
        return self.warm.run(study.tune(self.workers), study.project)


def kill_at_random(
    ground: Ground,
    kills: int,
    seed: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Run studies, kill them at random moments, run them again, and check what is left.

    The first one is not killed: it shows how long a run takes, and what the others must give.
    """
    rng = random.Random(seed)
    tally = Tally()
    reference = ground.new_study("reference")
    began = time.monotonic()
    run = ground.tune(reference)
    if run.wait() != 0:
        raise RuntimeError(run.said())
    span = time.monotonic() - began
    expected = check_invariants(reference, tally.faults)
    while tally.kills < kills and not tally.faults.all():
        number = tally.studies + tally.hopeless
        is_fresh = number % FRESH_EVERY == FRESH_EVERY - 1
        study = ground.new_study(f"study-{number:04d}", is_fresh=is_fresh)
        here = tally.kills
        # In a part of a run: several kills for each study, and few of them in the same trial.
        part = 1.0 if is_fresh else 2 / 3 if ground.workers else 1 / 3
        is_hopeless = not _run_to_the_end(ground, study, kills, span * part, rng, tally)
        _wait_for_workers(ground.warm)
        if is_hopeless:
            tally.hopeless += 1
            shutil.rmtree(study.project)
            continue
        trials = check_invariants(study, tally.faults)
        if ground.workers == 0:
            tally.faults.other += same_trials(trials, expected)
        _check_best(ground.warm, study, tally.faults)
        _count(trials, tally)
        tally.seconds = time.monotonic() - began
        progress(
            f"study {tally.studies}: {tally.kills - here} kills, {len(trials)} trials; "
            f"{tally.kills}/{kills} kills, {tally.seconds:.0f} s"
        )
        if not tally.faults.all():
            shutil.rmtree(study.project)
    return tally


def _run_to_the_end(
    ground: Ground, study: Study, kills: int, longest: float, rng: random.Random, tally: Tally
) -> bool:
    """Start a study's command again and again, until it has ended by itself.

    Returns:
        False when the study was given up, because its first trials all were.
    """
    before: list[FrozenTrial] = []
    while True:
        run = ground.tune(study)
        tally.runs += 1
        code = None
        while code is None and tally.kills < kills:
            code = run.ended(rng.uniform(0, longest))
            if code is None:
                tally.kills += _kill(run, rng.choice(VICTIMS))
                now = read_trials(study)
                note_lost(before, now, tally.faults)
                before = now
        if code is None:
            code = run.wait()
        said = run.said()
        tally.resumed += len(re.findall("^resuming after epoch ", said, re.MULTILINE))
        if code == 1 and "trials all failed: " in said and "given up after" in said:
            return False
        if "Traceback" in said or code not in (0, -9):
            tally.faults.other.append(f"{study.project}: exit code {code}:\n{said}")
        if code != -9:
            return True


def _kill(run: Running, victim: str) -> bool:
    """Kill what a run consists of, or a part of it; tell whether there was anything to kill."""
    workers = run.warm.workers()
    if victim == "worker" and run.warm.forkserver is not None:
        for pid in workers[:1]:
            psutil.Process(pid).kill()
        return bool(workers)
    run.kill()
    if victim == "all":
        for pid in workers:
            psutil.Process(pid).kill()
    return True


def _wait_for_workers(warm: Warm) -> None:
    """Wait for workers whose supervisor was killed: they end at their next step."""
    deadline = time.monotonic() + 60
    while warm.workers():
        if time.monotonic() > deadline:
            raise TimeoutError("workers outlive their supervisor")
        time.sleep(0.05)


def _check_best(warm: Warm, study: Study, faults: Faults) -> None:
    run = warm.run(["best", study.name, "--storage", study.storage], study.project)
    if run.wait() != 0:
        faults.other.append(f"{study.project}: segexp best: {run.said()}")


def _count(trials: list[FrozenTrial], tally: Tally) -> None:
    counted = sum(map(is_counted, trials))
    tally.studies += 1
    tally.finished += counted
    tally.interrupted += len(trials) - counted
    tally.given_up += sum("given up" in t.user_attrs.get("segexp.failure", "") for t in trials)
