"""MLflow's registry of models: a saved model as `mlflow.pyfunc` loads it, under a name."""

import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from segexp import __version__
from segexp.core.errors import InputError, WorkError
from segexp.tracking.client import address_of, is_server, what_is_wrong
from segexp.tracking.store import Experiment

ALIAS = "best"
"""``models:/NAME@best`` is the version that was registered last."""

_PIXELS = np.dtype(np.uint8)
_SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(_PIXELS, (-1, -1, -1, 3))]),
    outputs=Schema([TensorSpec(_PIXELS, (-1, -1, -1))]),
)
_EXAMPLE = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(1, 32, 32, 3)


def register_model(
    experiment: Experiment, run_id: str, files: Path, name: str, loader: str, description: str
) -> int:
    """Register a saved model of a run, and give the version the alias `ALIAS`.

    Nothing is pickled: MLflow's model is a folder with the files as they are, its signature (uint8
    images (N, H, W, 3) -> uint8 masks (N, H, W)), an example, and the name of a module that loads
    them.

    Args:
        experiment: That of the run.
        files: The folder of the saved model.
        name: In the registry; it is made where it is not there yet.
        loader: A module with ``_load_pyfunc``, which gets the folder of the files.
        description: In Markdown.

    Returns:
        The number of the version; the one that has the alias already if it is of the same run.

    Raises:
        InputError: When the registry does not take the name.
        WorkError: When a server does not answer, or the disk is full.
    """
    client = experiment.client
    try:
        if found := _registered(experiment, name, run_id):
            return found
        made = client.create_logged_model(experiment.id, name, run_id)
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory) / "model"
            mlflow.pyfunc.save_model(
                folder,
                loader_module=loader,
                data_path=str(files),
                mlflow_model=Model(run_id=run_id, model_id=made.model_id),
                signature=_SIGNATURE,
                input_example=_EXAMPLE,
                pip_requirements=[f"segexp=={__version__}"],
            )
            client.log_model_artifacts(made.model_id, str(folder))
        client.finalize_logged_model(made.model_id, "READY")
        version = client.create_model_version(
            name,
            made.artifact_location,  # `models:/ID` is looked for in the default store
            run_id,
            description=description[:5000],
            model_id=made.model_id,
        )
        client.set_registered_model_alias(name, ALIAS, version.version)
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise InputError(f"{name!r}: is not registered: {what_is_wrong(error)}") from None
        place = address_of(experiment.uri) if is_server(experiment.uri) else "the MLflow database"
        raise WorkError(f"{place}: {what_is_wrong(error)}") from None
    except OSError as error:
        raise WorkError(f"the model cannot be registered: {error.strerror}") from None
    return int(version.version)


def _registered(experiment: Experiment, name: str, run_id: str) -> int | None:
    """Make the name where it is not there; return its best version if that is of the run."""
    try:
        experiment.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        try:
            best = experiment.client.get_model_version_by_alias(name, ALIAS)
        except MlflowException:  # none has it yet
            return None
        return int(best.version) if best.run_id == run_id else None
    return None
