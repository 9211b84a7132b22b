"""What hosts leave of a study: counted in Optuna's storage and in MLflow.

For benchmarks/hosts.py and benchmarks/remote_workers.py.
"""

from collections import Counter
from pathlib import Path

import optuna
from mlflow import MlflowClient
from optuna.trial import FrozenTrial

from harness.place import Place
from segexp.study.attributes import INTERRUPTED
from segexp.study.budget import counts_towards_budget
from segexp.study.promotion import is_promotion
from segexp.study.storage.open import open_storage

BASELINE = {"learning_rate": 1e-3, "augmentation": 0.3}  # of config.yaml
COLUMNS = (
    "finished", "baselines", "interrupted", "promoted", "same params twice", "study runs",
    "trial runs below it", "open runs",
)  # fmt: skip


def read_trials(url: str, project: Path) -> list[FrozenTrial]:
    """Return the trials of the study `hosts`; none while there is no study."""
    try:
        study = optuna.load_study(study_name="hosts", storage=open_storage(url, project))
    except KeyError:
        return []
    return study.get_trials(deepcopy=False)


def count_trials(place: Place) -> dict[str, int]:
    """Return how many trials each study has, with those that were interrupted."""
    storage = open_storage(place.url, place.directory)
    return {
        summary.study_name: summary.n_trials for summary in optuna.get_all_study_summaries(storage)
    }


def what_is_left(place: Place, trials: int) -> tuple[list[object], list[str]]:
    """Count what is left of a study that has ended.

    Args:
        trials: How many it was to have.

    Returns:
        The values of `COLUMNS`, and what is wrong.
    """
    every = read_trials(place.url, place.directory)
    own = [t for t in every if counts_towards_budget(t)]
    params = Counter(tuple(sorted(t.params.items())) for t in own)
    twice = sum(n - 1 for n in params.values())
    client = MlflowClient(place.uri)
    experiment = client.get_experiment_by_name("hosts")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    studies = [r for r in runs if r.data.tags.get("segexp.kind") == "study"]
    below = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == studies[0].info.run_id]
    of_trials = [r for r in runs if r.data.tags.get("segexp.kind") == "trial"]
    open_runs = [r for r in runs if r.info.status == "RUNNING"]
    open_trials = [t for t in every if not t.state.is_finished()]
    baselines = [t for t in own if t.params.items() <= BASELINE.items()]
    faults = {
        f"{len(own)} trials, not {trials}": len(own) != trials,
        f"{len(baselines)} baselines": len(baselines) != 1,
        f"{twice} configurations twice": twice > 0,
        f"{len(studies)} study runs": len(studies) != 1,
        f"{len(below)} of {len(of_trials)} runs below it": len(below) != len(of_trials),
        f"{len(open_runs)} open runs, {len(open_trials)} open trials": open_runs or open_trials,
    }
    row = [
        len(own),
        len(baselines),
        sum(INTERRUPTED in t.user_attrs for t in every),
        sum(map(is_promotion, every)),
        twice,
        len(studies),
        f"{len(below)} of {len(of_trials)}",
        len(open_runs),
    ]
    return row, [fault for fault, is_so in faults.items() if is_so]
