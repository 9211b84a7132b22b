"""The final trainings of an A/B study, read from their files: pairs of runs across arms."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from segexp.compare.search import seconds_of
from segexp.compare.statistics.arms import ArmRuns
from segexp.core.config import Config
from segexp.core.errors import WorkError
from segexp.evaluation.confusions import (
    CONFUSIONS_FILE,
    PREDICTIONS_FILE,
    Confusions,
    load_confusions,
)
from segexp.evaluation.metrics import COMMON, COMMON_ARGMAX, OWN
from segexp.evaluation.result import is_scored_otherwise
from segexp.study.attributes import PRECISION, RESULT, RUN_ID
from segexp.study.best import complete_trials
from segexp.study.open import OpenStudy
from segexp.study.plan import ListPlan
from segexp.study.trial_files import directory_of, fetch_files


class TooFewRunsError(WorkError):
    """Fewer than two independent runs are complete in every arm."""


@dataclass(frozen=True, eq=False)
class FinalRuns:
    """The final trainings that every arm has completed; run r has the same seed in all arms.

    Attributes:
        listed: The params of each of the R runs, including ``seed``.
        configs: By arm, the configuration that its trainings share.
        groups: Which configuration each run trains, shape (R,); with a single configuration every
            run is its own group.
        unit: What a group is, for people: ``seeds`` or ``configurations``.
        arms: Their confusion matrices on the held-out images, by arm.
        run_ids: Their MLflow runs, by arm.
        directories: Their directories, by arm.
        seconds: How long each took, by arm.
        caveats: What was left out or scored by older rules, in sentences.
    """

    listed: tuple[Dict[str, Any], ...]
    configs: tuple[Config, ...]
    groups: NDArray[np.int64]
    unit: str
    arms: tuple[ArmRuns, ...]
    run_ids: tuple[tuple[str, ...], ...]
    directories: tuple[tuple[Path, ...], ...]
    seconds: tuple[tuple[float, ...], ...]
    caveats: tuple[str, ...]

    def predictions(self, arm: int, run: int) -> Path:
        """Return the file with the predictions of one run on the held-out images."""
        return self.directories[arm][run] / PREDICTIONS_FILE


def collect_runs(
    finals: Sequence[OpenStudy], names: Sequence[str], say: Callable[[str], None]
) -> FinalRuns:
    """Read the final trainings of all arms, those of other hosts from MLflow's artifacts.

    A training that failed in one arm is left out of all arms: runs are compared in pairs.

    Args:
        finals: Lists of trainings; the r-th of each has the same seed and, but for what an arm
            fixes, the same params.
        names: Those of the arms.

    Raises:
        TooFewRunsError: When fewer than two independent runs are complete in every arm.
        WorkError: When a file of one of them is missing.
    """
    lists = [opened.plan.listed for opened in finals if isinstance(opened.plan, ListPlan)]
    listed = [_put_together(of_arms) for of_arms in zip(*lists, strict=True)]
    done = [
        [_trial_of(opened.study, params) for params in of_arm]
        for opened, of_arm in zip(finals, lists, strict=True)
    ]
    whole = [r for r in range(len(listed)) if all(trials[r] is not None for trials in done)]
    missing = tuple(
        _missing(name, listed, trials) for name, trials in zip(names, done, strict=True)
    )
    groups, unit = groups_of([listed[r] for r in whole])
    if len(np.unique(groups)) < 2:
        raise TooFewRunsError(
            "comparing the arms needs two independent runs that are complete in every arm, but "
            f"there are {len(np.unique(groups))}; {' '.join(filter(None, missing))}".rstrip("; ")
        )
    arms: list[ArmRuns] = []
    run_ids: list[tuple[str, ...]] = []
    directories: list[tuple[Path, ...]] = []
    seconds: list[tuple[float, ...]] = []
    for name, opened, trials in zip(names, finals, done, strict=True):
        chosen = [trial for r in whole if (trial := trials[r]) is not None]
        places = tuple(directory_of(opened.plan.base.project, trial) for trial in chosen)
        arms.append(arm_runs(name, [heldout_of(*_where(opened), trial, say) for trial in chosen]))
        for trial in chosen:
            with suppress(WorkError):  # reported where they are needed
                fetch_files(*_where(opened), trial, PREDICTIONS_FILE, say)
        run_ids.append(tuple(str(trial.user_attrs.get(RUN_ID)) for trial in chosen))
        directories.append(places)
        seconds.append(tuple(map(seconds_of, chosen)))
    return FinalRuns(
        listed=tuple(listed[r] for r in whole),
        configs=tuple(opened.plan.base.config for opened in finals),
        groups=groups,
        unit=unit,
        arms=tuple(arms),
        run_ids=tuple(run_ids),
        directories=tuple(directories),
        seconds=tuple(seconds),
        caveats=tuple(
            filter(
                None,
                (
                    *missing,
                    _scored_before([t for trials in done for t in trials]),
                    _mixed_precision(names, done),
                ),
            )
        ),
    )


def _where(opened: OpenStudy) -> tuple[Path, str]:
    return opened.plan.base.project, opened.experiment.uri


def _trial_of(study: optuna.Study, params: Dict[str, Any]) -> FrozenTrial | None:
    """Return the complete trial with these params; None if it failed."""
    return next((t for t in complete_trials(study) if t.params == dict(params)), None)


def _put_together(params_of_arms: Sequence[Dict[str, Any]]) -> dict[str, Any]:
    """Return the params of one training with those that only some arms search."""
    whole: dict[str, Any] = {}
    for params in params_of_arms:
        whole |= {name: value for name, value in params.items() if name not in whole}
    return whole


def _missing(
    arm: str, listed: Sequence[Dict[str, Any]], trials: Sequence[FrozenTrial | None]
) -> str | None:
    missing = [params for params, trial in zip(listed, trials, strict=True) if trial is None]
    if not missing:
        return None
    shown = "; ".join(", ".join(f"{k}={v}" for k, v in params.items()) for params in missing)
    return (
        f"{len(missing)} of {len(trials)} final trainings of {arm} are not "
        f"complete and are left out of every arm ({shown}), which favours the arm that failed."
    )


def _scored_before(trials: Sequence[FrozenTrial | None]) -> str | None:
    """Return a note if an earlier segexp scored final trainings by its rule ``sum``, else None."""
    found = [trial.user_attrs[RESULT] for trial in trials if trial is not None]
    before = [
        result
        for result in found
        if is_scored_otherwise(result)
        and (result["heldout"] or {}).get("miou_common")
        != (result["heldout"] or {}).get("miou_common_argmax")
    ]
    if not before:
        return None
    return (
        f"{len(before)} of {len(found)} final trainings were scored by the rule sum of an earlier "
        "segexp; another --study-name trains and scores all by the current rule."
    )


def _mixed_precision(
    names: Sequence[str], trials: Sequence[Sequence[FrozenTrial | None]]
) -> str | None:
    """Return a note if the hosts of the final trainings differed in precision, else None."""
    counts = [
        Counter(str(t.user_attrs[PRECISION]) for t in of_arm if t and PRECISION in t.user_attrs)
        for of_arm in trials
    ]
    if len({precision for of_arm in counts for precision in of_arm}) < 2:
        return None
    shown = "; ".join(
        f"{name}: {', '.join(f'{n} in {precision}' for precision, n in sorted(of_arm.items()))}"
        for name, of_arm in zip(names, counts, strict=True)
    )
    return (
        f"The final trainings were computed in mixed precision ({shown}): a part of the difference "
        "may be that of the number formats."
    )


def groups_of(listed: Sequence[Dict[str, Any]]) -> tuple[NDArray[np.int64], str]:
    """Number the configurations of the runs; with one configuration each run is its own group.

    Args:
        listed: The params of each of the R runs, including ``seed``.

    Returns:
        The group of each run, shape (R,), and what a group is: ``seeds`` or ``configurations``.
    """
    # By their params, not in the order of naming: draws go to the groups by number, and another
    # order of the arms names the same candidates in another order.
    keys = [json.dumps(config_of(params), sort_keys=True) for params in listed]
    different = sorted(set(keys))
    if len(different) < 2:
        return np.arange(len(listed), dtype=np.int64), "seeds"
    return np.array([different.index(key) for key in keys], np.int64), "configurations"


def config_of(params: Dict[str, Any]) -> dict[str, Any]:
    """Return the configuration that a listed training trains: its params without the seed."""
    return {name: value for name, value in params.items() if name != "seed"}


def heldout_of(
    project: Path, uri: str | None, trial: FrozenTrial, say: Callable[[str], None]
) -> Confusions:
    """Read what the model of a final training did on each held-out image.

    Raises:
        WorkError: When its file is missing here and in MLflow, or is not what the training left.
    """
    fetch_files(project, uri, trial, CONFUSIONS_FILE, say)
    try:
        directory = directory_of(project, trial)
        return load_confusions(directory / CONFUSIONS_FILE)["heldout"]
    except WorkError as error:
        raise WorkError(
            f"{error}; MLflow has a copy in the artifacts of run {trial.user_attrs.get(RUN_ID)}"
        ) from None


def arm_runs(name: str, runs: Sequence[Confusions]) -> ArmRuns:
    """Put the runs of an arm together; all have the same held-out images."""
    own, common, by_argmax = (
        np.stack([run.by[ruler] for run in runs]) for ruler in (OWN, COMMON, COMMON_ARGMAX)
    )
    return ArmRuns(name, own, common, by_argmax)
