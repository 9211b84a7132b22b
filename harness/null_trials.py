"""Trials that train nothing: what is left of a study is its coordination.

For tests and for benchmarks/scale.py. A null trial is asked for, recorded, judged after each epoch
and ended as any other; only `run_trial` is another.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.results import made_scores
from segexp import tracking
from segexp.evaluation.result import TrialResult
from segexp.study import ask, next_trial, run
from segexp.study import open as open_study
from segexp.study.open import Place
from segexp.study.trial_setup import TrialSetup

EPOCHS = 3


def plant_null_trials(
    put: Callable[[Any, str, Any], None] = setattr, seconds: float = 0.0, epochs: int = EPOCHS
) -> None:
    """Let every trial of this process end without a training.

    Args:
        put: Puts it in place; ``monkeypatch.setattr`` takes it back when the test ends.
        seconds: How long a trial takes, in equal epochs.
        epochs: How many a trial reports.
    """

    def null_trial(
        setup: TrialSetup, record: tracking.Run, directory: Path, **given: Any
    ) -> TrialResult:
        value = 0.0
        for epoch in range(1, epochs + 1):
            time.sleep(seconds / epochs)
            value = _score(setup.config.training.learning_rate, epoch)
            given["report"](epoch, value)
            given["prune"](epoch, value, lambda: None)
        result = TrialResult(value, epochs, 1.0, made_scores(value, value, {}))
        given["is_worth_keeping"](result)
        return result

    put(next_trial, "run_trial", null_trial)


def _score(learning_rate: float, epoch: int) -> float:
    """Rise with the logarithm of the rate and with the epochs, inside 0..1."""
    return min(1.0, max(0.0, 0.8 + math.log10(learning_rate) / 10)) * epoch / (epoch + 1)


def plant_no_records(put: Callable[[Any, str, Any], None] = setattr) -> Place:
    """Let nothing of this process be recorded in MLflow.

    Returns:
        Where studies are to be opened then: nowhere.
    """
    nowhere = tracking.Run(Path(), "", "", "0" * 32)
    put(next_trial, "_start_trial_run", lambda *given: nowhere)
    put(next_trial, "close_record", lambda *given: None)
    for module in (ask, open_study, run):
        put(module, "close_records", lambda *given: None)
    return Place(tracking.Experiment(Path(), "", "", "nowhere"), nowhere)
