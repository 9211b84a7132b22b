"""Which files of a study's trials are kept, and which are deleted.

- Checkpoints are kept while their trial runs or waits to be retried, and of pruned trials that
  are resumed next.
- The saved models of the study's best trial, and of others on its front, are kept; MLflow has a
  copy of those of earlier bests. A study that trains a list keeps all of them.
- The other files of a trial are kept with its saved model.
"""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from segexp.core.files import locked
from segexp.study.attributes import INTERRUPTED, RESULT, RETRY, is_interrupted
from segexp.study.best import best_trials
from segexp.study.budget import forerunners, taken
from segexp.study.open import OpenStudy
from segexp.study.plan import ListPlan
from segexp.study.promotion import number_before
from segexp.study.pruners import Promoting
from segexp.study.shared_states import forget_states


def prune_directories(opened: OpenStudy, trials: Sequence[FrozenTrial]) -> list[Path]:
    """Delete what is not kept of a study's trials.

    Args:
        trials: Those of the study. What began or ended since they were read is kept for now.

    Returns:
        The directories that were deleted.
    """
    awaited = _awaited(trials) | _may_be_resumed(opened, trials)
    project, uri = opened.plan.base.project, opened.experiment.uri
    forget_states(project, uri, opened.study, trials, awaited)
    with locked(opened.lock):
        return _prune_directories(opened, trials, awaited)


def _prune_directories(
    opened: OpenStudy, trials: Sequence[FrozenTrial], awaited: Collection[int]
) -> list[Path]:
    best = {trial.number for trial in best_trials(trials)}
    deleted = []
    for directory in sorted(opened.directory(0).parent.glob("trial-*")):
        number = directory.name.removeprefix("trial-")
        if not number.isdecimal() or int(number) >= len(trials):
            continue
        trial = trials[int(number)]
        if not trial.state.is_finished() or trial.number in awaited:
            continue
        result = trial.user_attrs.get(RESULT)
        has_model = result is not None and result["bundle"] is not None
        is_kept = has_model and (trial.number in best or isinstance(opened.plan, ListPlan))
        unwanted = directory / "checkpoints" if is_kept else directory
        if unwanted.is_dir():
            shutil.rmtree(unwanted, ignore_errors=True)
            deleted.append(unwanted)
    return deleted


def _may_be_resumed(opened: OpenStudy, trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the pruned trials that are resumed next, unless the study is over."""
    pruner = opened.study.pruner
    if not isinstance(pruner, Promoting):
        return set()
    has_all = len(taken(trials)) >= opened.plan.base.study.trials
    if has_all and all(t.state.is_finished() for t in trials) and pruner.promotable(trials) is None:
        return set()
    return pruner.next_in_line(trials)


def _awaited(trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the trials whose checkpoints another one is yet to take over."""
    open_trials = [t for t in trials if not t.state.is_finished()]
    retried = {f.number for t in open_trials for f in forerunners(t, trials)}
    taken_over = {number_before(t) for t in trials}
    waiting = {
        t.number
        for t in filter(is_interrupted, trials)
        if t.user_attrs[INTERRUPTED] == RETRY and t.number not in taken_over
    }
    return retried | waiting
