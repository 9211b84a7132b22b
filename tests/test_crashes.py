"""A study that is killed, anywhere, and run again: nothing is lost, doubled or left open.

The commands are real ones, forked from a process that has imported segexp; see crash_study.
benchmarks/kills.py does the random part with a count, benchmarks/crowd.py the last one.
"""

import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from harness.crash_check import (
    Faults,
    check_invariants,
    is_counted,
    note_lost,
    read_trials,
    same_trials,
)
from harness.crash_crowd import run_together
from harness.crash_kills import Ground, kill_at_random
from harness.crash_study import STORAGES, Running, Study, Warm, lay_out, make_template, warm
from harness.postgres import running_server
from harness.server_directory import NotInstalledError
from segexp.core import failpoint

KILLED = -signal.SIGKILL

TRIALS = 2

# Where a study is killed, and with which epoch it goes on: a trial has three, and its state is
# saved after the first and the second.
FIRST_PASSAGES = {
    "study_create:1": 1,
    "after_ask:1": 1,  # the baseline, which was in line
    "run_opened:1": 1,  # the study's
    "epoch:1": 1,
    "mid_checkpoint:1": 1,  # weights of epoch 1
    "before_report:1": 2,
    "mid_artifact:1": 3,
    "before_tell:1": 3,
    "after_tell_before_run_close:1": 1,  # of the second trial
    "reconcile:1": 2,
    "after_fail_before_retry:1": 2,
}
LATER_PASSAGES = {
    "after_ask:2": 1,  # one that was not in line
    "run_opened:2": 1,  # the first trial's
    "epoch:2": 2,
    "epoch:4": 1,  # of the second trial
    "mid_checkpoint:2": 1,  # state of epoch 1
    "mid_checkpoint:4": 2,  # state of epoch 2
    "mid_checkpoint:5": 3,  # the confusion matrices
    "before_report:3": 3,
    "before_tell:2": 3,  # of the second trial
}

BEFORE = {"reconcile:1": "epoch:2", "after_fail_before_retry:1": "epoch:2"}
"""Where a study is to be killed first, so that there is something to reconcile."""

# Where a worker is killed, and which trials this interrupts.
WORKERS_PASSAGES: dict[str, list[int]] = {
    "run_opened:2": [1],
    "epoch:2": [0],
    "mid_checkpoint:2": [0],
    "before_tell:1": [0],
    "after_tell_before_run_close:2": [],
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    with warm(tmp_path_factory.mktemp("warm"), with_workers=True) as process:
        yield process


@pytest.fixture(scope="module")
def template(process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("template") / "project"
    make_template(project, process)
    return project


@pytest.fixture(scope="module")
def expected(
    process: Warm, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[FrozenTrial]:
    """The trials of a study that nobody kills."""
    study = laid_out(tmp_path_factory.mktemp("expected") / "project", template, STORAGES["journal"])
    run_all(process, {"expected": study})
    return check(study, [])


@pytest.fixture(scope="module")
def new_storages() -> Iterator[Callable[[], dict[str, str]]]:
    """Names one of each kind for a new project; PostgreSQL only where it is installed."""
    with ExitStack() as stack:
        make_database = None
        with suppress(NotInstalledError):
            make_database = stack.enter_context(running_server()).make_database
        yield lambda: STORAGES | ({"postgresql": make_database()} if make_database else {})


def laid_out(project: Path, template: Path, storage: str) -> Study:
    lay_out(project, template)
    return Study(project, storage, TRIALS)


def one_for_each(passages: Iterable[str], directory: Path, template: Path) -> dict[str, Study]:
    """Lay out a study on SQLite for each passage."""
    return {
        passage: laid_out(directory / passage.replace(":", "-"), template, STORAGES["sqlite"])
        for passage in passages
    }


def run_all(
    process: Warm,
    studies: Mapping[str, Study],
    killed_at: Mapping[str, str] | None = None,
    *,
    workers: int = 0,
) -> dict[str, Running]:
    """Run studies at the same time until all have ended, each killed where it is said."""
    runs = {}
    for name, study in studies.items():
        environment = {failpoint.VARIABLE: killed_at[name]} if killed_at else {}
        runs[name] = process.run(study.tune(workers), study.project, environment)
    codes = {name: run.wait() for name, run in runs.items()}
    # With a worker it is the worker that is killed.
    wanted = dict.fromkeys(studies, KILLED if killed_at and not workers else 0)
    assert codes == wanted, "\n".join(f"{name}: {run.said()}" for name, run in runs.items())
    return runs


def check(study: Study, before: list[FrozenTrial]) -> list[FrozenTrial]:
    faults = Faults()
    trials = check_invariants(study, faults)
    note_lost(before, trials, faults)
    assert faults.all() == []
    return trials


def kill_and_run_again(
    process: Warm, studies: Mapping[str, Study], killed_at: Mapping[str, str]
) -> tuple[dict[str, list[FrozenTrial]], dict[str, int]]:
    """Kill studies, run them to the end and check them.

    Returns:
        The trials of each, and the first epoch that was trained after the kill.
    """
    run_all(process, studies, killed_at)
    before = {name: read_trials(study) for name, study in studies.items()}
    runs = run_all(process, studies)
    epochs = {name: re.findall(r"epoch (\d)/3", run.said()) for name, run in runs.items()}
    trials = {name: check(study, before[name]) for name, study in studies.items()}
    return trials, {name: int(numbers[0]) for name, numbers in epochs.items()}


def test_no_failpoint_is_left_out() -> None:
    assert {passage.partition(":")[0] for passage in FIRST_PASSAGES} == set(failpoint.NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", FIRST_PASSAGES)
def test_a_study_that_is_killed_ends_as_one_that_was_not(
    process: Warm,
    template: Path,
    new_storages: Callable[[], dict[str, str]],
    expected: list[FrozenTrial],
    tmp_path: Path,
    killed_at: str,
) -> None:
    studies = {
        kind: laid_out(tmp_path / kind, template, url) for kind, url in new_storages().items()
    }
    if killed_at in BEFORE:
        run_all(process, studies, dict.fromkeys(studies, BEFORE[killed_at]))
    trials, epochs = kill_and_run_again(process, studies, dict.fromkeys(studies, killed_at))
    for kind in studies:
        assert same_trials(trials[kind], expected) == [], kind
    assert epochs == dict.fromkeys(studies, FIRST_PASSAGES[killed_at])


@pytest.mark.slow
def test_so_does_one_that_is_killed_at_a_later_passage(
    process: Warm, template: Path, expected: list[FrozenTrial], tmp_path: Path
) -> None:
    studies = one_for_each(LATER_PASSAGES, tmp_path, template)
    trials, epochs = kill_and_run_again(process, studies, {name: name for name in studies})
    for passage in studies:
        assert same_trials(trials[passage], expected) == [], passage
    assert epochs == LATER_PASSAGES


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_the_study_ends_by_itself(
    process: Warm, template: Path, expected: list[FrozenTrial], tmp_path: Path
) -> None:
    studies = one_for_each(WORKERS_PASSAGES, tmp_path, template)
    runs = run_all(process, studies, {name: name for name in studies}, workers=1)
    for passage, study in studies.items():
        trials = check(study, [])
        assert same_trials(trials, expected) == [], passage
        interrupted = [trial.number for trial in trials if not is_counted(trial)]
        assert interrupted == WORKERS_PASSAGES[passage], passage
        # Of a trial that was told before its worker died there is nothing more to say.
        said_so = "its worker was ended by SIGKILL" in runs[passage].said()
        assert said_so == bool(interrupted), passage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("storage", "name", "budget"),
    [("sqlite", "tiny", 4), ("journal", "tiny", 4), ("journal", "promotion", 8)],
)
def test_a_study_that_is_killed_at_random_moments_loses_nothing(
    process: Warm, template: Path, tmp_path: Path, storage: str, name: str, budget: int
) -> None:
    ground = Ground(
        process, tmp_path, template, lambda: STORAGES[storage], budget=budget, name=name
    )
    tally = kill_at_random(ground, 5, seed=0)
    assert tally.faults.all() == []
    assert tally.kills == 5


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES)
def test_eight_processes_that_start_a_study_at_once_share_it(
    process: Warm, tmp_path: Path, storage: str
) -> None:
    study = Study(tmp_path / "project", STORAGES[storage], 12, "crowd")
    assert run_together(process, study, 8).all() == []
