"""A study that is killed, anywhere, and run again: nothing is lost, doubled or left open.

The commands are real ones, forked from a process that has imported segexp; see crash_study.
benchmarks/kills.py does the random part with a count, benchmarks/crowd.py the last one.
"""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from crash_check import (
    Faults,
    check_invariants,
    is_counted,
    note_lost,
    read_trials,
    same_trials,
)
from crash_crowd import run_together
from crash_kills import Ground, kill_at_random
from crash_study import STORAGES, Running, Study, Warm, lay_out, make_template, warm
from optuna.trial import FrozenTrial
from postgres import NotInstalledError, running_server

from segexp import failpoint

KILLED = -signal.SIGKILL

TRIALS = 2

# Where a study is killed, and with which epoch it goes on: a trial has three, and its state is
# saved after the first and the second. The first passage of each failpoint is tried on every
# storage, the later ones on SQLite.
PASSAGES = {
    "study_create:1": 1,
    "after_ask:1": 1,  # the baseline, which was in line
    "after_ask:2": 1,  # a new one
    "run_opened:1": 1,  # the study's
    "run_opened:2": 1,  # the first trial's
    "epoch:1": 1,
    "epoch:2": 2,
    "epoch:4": 1,  # of the second trial
    "mid_checkpoint:1": 1,  # weights of epoch 1
    "mid_checkpoint:2": 1,  # state of epoch 1
    "mid_checkpoint:4": 2,  # state of epoch 2
    "mid_checkpoint:5": 3,  # the confusion matrices
    "before_report:1": 2,
    "before_report:3": 3,
    "mid_artifact:1": 3,
    "before_tell:1": 3,
    "before_tell:2": 3,  # of the second trial
    "after_tell_before_run_close:1": 1,  # of the second trial
    "reconcile:1": 2,
    "after_fail_before_retry:1": 2,
}

FIRST = {passage.partition(":")[0]: passage for passage in reversed(PASSAGES)}

BEFORE = {"reconcile": "epoch:2", "after_fail_before_retry": "epoch:2"}
"""Where a study is to be killed first, so that there is something to reconcile."""

NewStudies = Callable[[Path], dict[str, Study]]


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
    study = Study(tmp_path_factory.mktemp("expected") / "project", STORAGES["journal"], TRIALS)
    lay_out(study.project, template)
    run = process.run(study.tune(), study.project)
    assert run.wait() == 0, run.said()
    faults = Faults()
    trials = check_invariants(study, faults)
    assert faults.all() == []
    return trials


@pytest.fixture(scope="module")
def new_studies(template: Path) -> Iterator[NewStudies]:
    """Lays out a project for each kind of storage; PostgreSQL only where it is installed."""
    with ExitStack() as stack:
        urls: dict[str, Callable[[], str]] = {k: lambda u=u: u for k, u in STORAGES.items()}  # type: ignore[misc]
        with suppress(NotInstalledError):
            urls["postgresql"] = stack.enter_context(running_server()).make_database

        def lay_them_out(directory: Path) -> dict[str, Study]:
            studies = {k: Study(directory / k, url(), TRIALS) for k, url in urls.items()}
            for study in studies.values():
                lay_out(study.project, template)
            return studies

        yield lay_them_out


def run_all(
    process: Warm, studies: dict[str, Study], killed_at: str | None = None, workers: int = 0
) -> dict[str, Running]:
    """Run the studies at the same time, and check how they end."""
    environment = {failpoint.VARIABLE: killed_at} if killed_at else {}
    runs = {
        kind: process.run(study.tune(workers), study.project, environment)
        for kind, study in studies.items()
    }
    codes = {kind: run.wait() for kind, run in runs.items()}
    expected = KILLED if killed_at and not workers else 0
    said = "\n".join(f"{kind}: {run.said()}" for kind, run in runs.items())
    assert codes == dict.fromkeys(studies, expected), said
    return runs


def check(study: Study, before: list[FrozenTrial]) -> list[FrozenTrial]:
    faults = Faults()
    trials = check_invariants(study, faults)
    note_lost(before, trials, faults)
    assert faults.all() == []
    return trials


def test_no_failpoint_is_left_out() -> None:
    assert FIRST.keys() == set(failpoint.NAMES)


@pytest.mark.parametrize(("killed_at", "first_epoch"), PASSAGES.items(), ids=list(PASSAGES))
def test_a_study_that_is_killed_ends_as_one_that_was_not(
    process: Warm,
    new_studies: NewStudies,
    expected: list[FrozenTrial],
    tmp_path: Path,
    killed_at: str,
    first_epoch: int,
) -> None:
    studies = new_studies(tmp_path)
    name = killed_at.partition(":")[0]
    if killed_at != FIRST[name]:
        studies = {"sqlite": studies["sqlite"]}
    if name in BEFORE:
        run_all(process, studies, BEFORE[name])
    run_all(process, studies, killed_at)
    before = {kind: read_trials(study) for kind, study in studies.items()}
    runs = run_all(process, studies)
    for kind, study in studies.items():
        trials = check(study, before[kind])
        assert same_trials(trials, expected) == []
        went_on_with = re.search(r"epoch (\d)/3", runs[kind].said())
        assert went_on_with and int(went_on_with[1]) == first_epoch


@pytest.mark.parametrize(
    ("killed_at", "interrupted"),
    [
        ("run_opened:2", [1]),
        ("epoch:2", [0]),
        ("mid_checkpoint:2", [0]),
        ("before_tell:1", [0]),
        ("after_tell_before_run_close:2", []),
    ],
)
def test_a_worker_that_is_killed_is_replaced_and_the_study_ends_by_itself(
    process: Warm,
    new_studies: NewStudies,
    expected: list[FrozenTrial],
    tmp_path: Path,
    killed_at: str,
    interrupted: list[int],
) -> None:
    studies = {k: s for k, s in new_studies(tmp_path).items() if k in STORAGES}
    runs = run_all(process, studies, killed_at, workers=1)
    for kind, study in studies.items():
        trials = check(study, [])
        assert same_trials(trials, expected) == []
        assert [trial.number for trial in trials if not is_counted(trial)] == interrupted
        # A trial that was told before its worker died has nothing more to be said of.
        assert ("its worker was ended by SIGKILL" in runs[kind].said()) == bool(interrupted)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_study_that_is_killed_at_random_moments_loses_nothing(
    process: Warm, template: Path, tmp_path: Path, storage: str
) -> None:
    ground = Ground(process, tmp_path, template, lambda: STORAGES[storage], budget=4)
    tally = kill_at_random(ground, 5, seed=0)
    assert tally.faults.all() == []
    assert tally.kills == 5


@pytest.mark.parametrize("storage", STORAGES)
def test_eight_processes_that_start_a_study_at_once_share_it(
    process: Warm, tmp_path: Path, storage: str
) -> None:
    study = Study(tmp_path / "project", STORAGES[storage], 12, "crowd")
    assert run_together(process, study, 8).all() == []
