"""What must be true of a study that was killed again and again, and then run to its end.

Optuna's storage is read with Optuna's own classes and MLflow's database with SQL: nothing that is
checked here is read by the code that is under test.
"""

import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from PIL import Image
from safetensors import safe_open

from harness.crash_study import Study
from segexp.study.attributes import (
    FAILURE,
    INTERRUPTED,
    PROMOTES,
    RESULT,
    RETRY,
    RETRY_OF,
    RUN_ID,
)

STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}

MLFLOWS_OWN = ".artifact.uploading."
"""What MLflow copies beside the place of an artifact, which its lists leave out."""

DATABASES = (".db", ".db-wal", ".db-shm", ".log")


@dataclass(frozen=True)
class Run:
    """A run of MLflow's, with the steps at which each of its metrics has a point."""

    id: str
    status: str
    tags: dict[str, str]
    steps: dict[str, list[int]]


@dataclass
class Faults:
    """What is wrong with a study, by kind.

    Attributes:
        lost: Finished trials that are gone or changed, and trials that should have been tried
            again.
        doubled: Numbers, retries and records that are there twice.
        running_optuna: Trials that are not finished.
        running_mlflow: Runs that have not ended.
        torn: Files that cannot be read, and half-written ones that were left.
        other: The rest.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    running_optuna: list[str] = field(default_factory=list)
    running_mlflow: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Return all of them, each with its kind."""
        return [f"{kind}: {fault}" for kind, faults in vars(self).items() for fault in faults]


def is_counted(trial: FrozenTrial) -> bool:
    """Whether a trial counts towards the budget."""
    return trial.state.is_finished() and not trial.user_attrs.get(INTERRUPTED)


def read_trials(study: Study) -> list[FrozenTrial]:
    """Return the trials of a study; none when it is not there yet."""
    with _optunas_storage(study) as storage:
        if storage is None:
            return []
        try:
            return optuna.load_study(study_name=study.name, storage=storage).get_trials()
        except KeyError:
            return []


def note_lost(before: Sequence[FrozenTrial], now: Sequence[FrozenTrial], faults: Faults) -> None:
    """Note the trials that had finished before and are gone or changed."""
    for trial in before:
        if not trial.state.is_finished():
            continue
        if trial.number >= len(now):
            faults.lost.append(f"trial {trial.number} is gone")
        elif now[trial.number] != trial:
            faults.lost.append(f"trial {trial.number} was {trial} and is {now[trial.number]}")


def check_invariants(study: Study, faults: Faults) -> list[FrozenTrial]:
    """Note everything that is wrong with a study that was run to its end.

    Returns:
        Its trials.
    """
    trials = read_trials(study)
    check_records(study, trials, read_runs(study.project / "mlflow.db", study.name), faults)
    _check_databases(study, faults)
    _check_files(study, trials, faults)
    return trials


def check_records(
    study: Study, trials: Sequence[FrozenTrial], runs: Sequence[Run], faults: Faults
) -> None:
    """Note everything that is wrong with the trials of a study, and with their runs."""
    _check_trials(study, trials, faults)
    _check_retries(trials, faults)
    _check_runs(trials, runs, faults)


def same_trials(trials: Sequence[FrozenTrial], reference: Sequence[FrozenTrial]) -> list[str]:
    """Compare the trials that count with those of a study that nobody killed.

    On a CPU a training that is resumed from a checkpoint gives the same numbers bit for bit.
    Studies are not compared where a trial was killed so often that it failed for good, or between
    the suggestions of two of its params.
    """
    params = max(len(trial.params) for trial in reference)
    if any(
        "given up" in trial.user_attrs.get(FAILURE, "") or 0 < len(trial.params) < params
        for trial in trials
    ):
        return []
    seen, expected = (
        [(t.params, t.state, t.values, t.intermediate_values) for t in some if is_counted(t)]
        for some in (trials, reference)
    )
    return [] if seen == expected else [f"other trials than without a kill: {seen} {expected}"]


def _check_trials(study: Study, trials: Sequence[FrozenTrial], faults: Faults) -> None:
    numbers = [trial.number for trial in trials]
    if numbers != list(range(len(trials))):
        faults.doubled.append(f"numbers {numbers}")
    faults.running_optuna += [
        f"trial {t.number} is {t.state.name}" for t in trials if not t.state.is_finished()
    ]
    counted = [trial for trial in trials if is_counted(trial)]
    begun = [trial for trial in counted if PROMOTES not in trial.user_attrs]
    if len(begun) != study.budget:
        faults.other.append(f"{len(begun)} trials are finished, of {study.budget}")
    resumed = Counter(t.user_attrs[PROMOTES] for t in counted if PROMOTES in t.user_attrs)
    faults.doubled += [f"{n} trials resume trial {own}" for own, n in resumed.items() if n > 1]
    for trial in counted:
        epochs = sorted(trial.intermediate_values)  # a server gives them in any order
        steps = list(range(1, len(epochs) + 1))
        is_whole = {
            TrialState.COMPLETE: len(epochs) == study.epochs and RESULT in trial.user_attrs,
            TrialState.PRUNED: 0 < len(epochs) < study.epochs,
            TrialState.FAIL: FAILURE in trial.user_attrs,
        }
        if epochs != steps or not is_whole[trial.state]:
            faults.lost.append(f"trial {trial.number}: {trial.state.name} with epochs {epochs}")
        if trial.state == TrialState.COMPLETE and not (
            trial.value is not None and math.isfinite(trial.value)
        ):
            faults.other.append(f"trial {trial.number}: {trial.value}")


def _check_retries(trials: Sequence[FrozenTrial], faults: Faults) -> None:
    retries = defaultdict(list)
    for trial in trials:
        if RETRY_OF in trial.user_attrs:
            retries[trial.user_attrs[RETRY_OF]].append(trial)
    for trial in trials:
        tried_again = retries.pop(trial.number, [])
        wanted = trial.user_attrs.get(INTERRUPTED)
        if wanted and wanted != RETRY and trial.params:
            faults.lost.append(f"trial {trial.number} has params and is not to be tried again")
        if len(tried_again) != (wanted == RETRY):
            kind = faults.doubled if len(tried_again) > 1 else faults.lost
            kind.append(f"trial {trial.number} is tried again {len(tried_again)} times")
        for retry in tried_again:
            # Where that one was killed, too, a queued one has not been taken yet.
            params = {**retry.system_attrs.get("fixed_params", {}), **retry.params}
            if not trial.params.items() <= params.items():
                faults.lost.append(
                    f"trial {retry.number} has {params}, not those of trial {trial.number}, "
                    f"{trial.params}"
                )
    if retries:
        faults.other.append(f"retries of trials that are not there: {list(retries)}")


def _check_runs(trials: Sequence[FrozenTrial], runs: Sequence[Run], faults: Faults) -> None:
    faults.running_mlflow += [
        f"{run.tags['segexp.kind']} {run.tags.get('segexp.trial', '')} {run.id}"
        for run in runs
        if run.status not in ("FINISHED", "FAILED", "KILLED")
    ]
    parents = [run for run in runs if run.tags["segexp.kind"] == "study"]
    if [run.status for run in parents if run.tags.get("segexp.best_trial")] != ["FINISHED"]:
        faults.other.append(f"runs of the study: {[(r.status, r.tags) for r in parents]}")
    by_trial = defaultdict(list)
    for run in runs:
        if run.tags["segexp.kind"] != "trial":
            continue
        by_trial[int(run.tags["segexp.trial"])].append(run)
        for name, steps in run.steps.items():
            if len(steps) != len(set(steps)):
                faults.doubled.append(f"metric {name} of run {run.id} at steps {steps}")
    for trial in trials:
        own = by_trial.pop(trial.number, [])
        known = trial.user_attrs.get(RUN_ID)
        if len(own) > 1:
            faults.doubled.append(f"trial {trial.number} has {len(own)} runs")
        # Where the server was away, a run is known by what it is tagged with until it is made.
        if known not in (None, *(i for r in own for i in (r.id, r.tags.get("segexp.record")))):
            faults.lost.append(f"trial {trial.number} has no run {known}")
        for run in own:
            _check_record(trial, run, faults)
    if by_trial:
        faults.other.append(f"runs of trials that are not there: {list(by_trial)}")


def _check_record(trial: FrozenTrial, run: Run, faults: Faults) -> None:
    status = "KILLED" if trial.user_attrs.get(INTERRUPTED) else STATUS.get(trial.state)
    seen = (run.status, run.tags.get("segexp.state"), run.tags.get("segexp.failure"))
    failure = trial.user_attrs.get(FAILURE) if trial.state == TrialState.FAIL else None
    if seen != (status, trial.state.name, failure):
        expected = (status, trial.state.name, failure)
        faults.other.append(f"the run of trial {trial.number} is {seen}, not {expected}")
    if is_counted(trial):
        epochs = sorted(trial.intermediate_values)  # a server gives them in any order
        recorded = run.steps.get("val/miou", [])
        # A trial that was given up may have died between storing the two.
        if recorded != epochs and not (
            trial.state == TrialState.FAIL and recorded == epochs[: len(recorded)]
        ):
            faults.lost.append(f"trial {trial.number} has epochs {epochs}, its run {recorded}")


def _check_databases(study: Study, faults: Faults) -> None:
    path = storage_file(study)
    databases = [study.project / "mlflow.db"]
    if path is not None and study.storage.startswith("sqlite:"):
        databases.append(path)
    for database in databases:
        with closing(sqlite3.connect(database)) as connection:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        if answer != "ok":
            faults.torn.append(f"{database}: {answer}")
    if path is not None and study.storage.startswith("journal:"):
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            faults.torn.append(f"{path}: its last line is cut off")
        for number, line in enumerate(content.splitlines(), start=1):
            if not isinstance(_parsed(json.loads, line), dict):
                faults.torn.append(f"{path}, line {number}")


def _check_files(study: Study, trials: Sequence[FrozenTrial], faults: Faults) -> None:
    for path in study.project.rglob("*"):
        if path.name in {".segexp", ".gitignore"} or path.suffix in (".lock", *DATABASES):
            continue
        if path.name.startswith(MLFLOWS_OWN):
            continue
        if path.name.startswith("."):
            faults.torn.append(f"{path} was left half-written")
        elif path.is_file() and _parsed(_read, path) is None:
            faults.torn.append(f"{path} cannot be read")
    for directory in (study.project / ".segexp" / "studies").glob(f"{study.name}-*"):
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        best = max((t.value for t in complete if t.value is not None), default=None)
        kept = {f"trial-{t.number:04d}" for t in complete if t.value == best}
        # `pictures` are small copies for trials.html, of the trials' overlays.
        found = {path.name for path in directory.iterdir()} - {"pictures"}
        if not found <= kept or len(found) != 1:
            faults.other.append(f"{directory} has {sorted(found)}, and is to have {sorted(kept)}")
        for name in found & kept:
            files = {path.name for path in (directory / name).iterdir()}
            if files != {"bundle", "confusions.npz", "overlays"}:
                faults.other.append(f"{directory / name} has {sorted(files)}")


def read_runs(database: Path, study: str) -> list[Run]:
    """Return the runs of a study and of its trials, as they are in MLflow's SQLite file."""
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    steps: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with closing(sqlite3.connect(database)) as connection:
        runs = connection.execute(
            "SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active'"
        ).fetchall()
        for run, key, value in connection.execute("SELECT run_uuid, key, value FROM tags"):
            tags[run][key] = value
        query = "SELECT run_uuid, key, step FROM metrics ORDER BY step"
        for run, key, step in connection.execute(query):
            steps[run][key].append(step)
    return [
        Run(run, status, tags[run], dict(steps[run]))
        for run, status in runs
        if tags[run].get("segexp.study") == study
    ]


def storage_file(study: Study) -> Path | None:
    """Return the file of a SQLite or journal storage."""
    kind, _, path = study.storage.partition(":")
    return study.project / path.lstrip("/") if kind in ("sqlite", "journal") else None


@contextmanager
def _optunas_storage(study: Study) -> Iterator[BaseStorage | None]:
    path = storage_file(study)
    if path is not None and not path.exists():
        yield None
    elif path is not None and study.storage.startswith("journal:"):
        yield JournalStorage(JournalFileBackend(str(path)))
    else:
        url = study.storage if path is None else f"sqlite:///{path}"
        storage = RDBStorage(url, engine_kwargs={"connect_args": {}})
        try:
            yield storage
        finally:
            storage.engine.dispose()


def _read(path: Path) -> object:
    """Read a file whole, as what its name says."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name].shape for name in arrays}
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False).shape
    if path.suffix == ".png":
        with Image.open(path) as image:
            image.load()
            return image.size
    text = path.read_text(encoding="utf-8")
    if path.suffix in {".html", ".csv", ".md"}:
        return text.endswith("</html>" if path.suffix == ".html" else "\n") or None
    read: dict[str, Callable[[str], object]] = {".json": json.loads, ".yaml": yaml.safe_load}
    return read[path.suffix](text)


def _parsed(read: Callable[[Any], object], content: object) -> object:
    try:
        return read(content)
    except Exception:  # what is torn can raise anything
        return None
