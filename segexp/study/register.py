"""The best trial's model in MLflow's registry, where `mlflow.pyfunc` finds it."""

from collections.abc import Callable
from pathlib import Path

import optuna

from segexp import tracking
from segexp.core.errors import WorkError
from segexp.study.best import BestTrial
from segexp.study.recorded_bundle import bundle_of_best
from segexp.study.recorded_place import recorded_uri
from segexp.training.model_card import CARD_FILE

LOADER = "segexp.api.pyfunc"
"""The module that MLflow loads a registered model with: part of the file, like a format."""


def register_best(
    project: Path,
    study: optuna.Study,
    found: BestTrial,
    uri: str | None,
    name: str | None,
    say: Callable[[str], None],
) -> str:
    """Register the model of a trial; registering it again changes nothing.

    Args:
        uri: The tracking URI of the configuration.
        name: In the registry; None for the study's.

    Returns:
        The URI that `mlflow.pyfunc.load_model` takes, such as ``models:/default@best``.

    Raises:
        InputError: When MLflow does not take the name, or has no run of the trial.
        WorkError: When the trial keeps no model, or its run or the server cannot be reached.
    """
    bundle = bundle_of_best(project, study, found, uri, say)
    place = recorded_uri(project, study.user_attrs, uri)
    run_id = str(found.run_id)
    if tracking.is_token(run_id):
        run_id = tracking.look_up_id(project, place, run_id) or ""
    experiment_id = tracking.experiment_of_run(project, place, run_id)
    if experiment_id is None:
        raise WorkError(
            f"the run of trial {found.number} is not in MLflow, or its server does not answer; "
            "`segexp sync` sends what waits"
        )
    name = name or found.study
    card = bundle / CARD_FILE
    version = tracking.register_model(
        tracking.open_experiment(project, place, found.study, experiment_id),
        run_id,
        bundle,
        name,
        LOADER,
        card.read_text(encoding="utf-8") if card.is_file() else "",
    )
    say(f"version {version} of {name}: trial {found.number} of study {found.study}")
    return f"models:/{name}@{tracking.ALIAS}"
