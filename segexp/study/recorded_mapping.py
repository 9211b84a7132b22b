"""The mapping of a trial's model, with its taxonomy: here, or read from MLflow."""

from pathlib import Path

from optuna.trial import FrozenTrial

from segexp.core.errors import InputError
from segexp.labels.mapping import Mapping
from segexp.study.attributes import FILES, RUN_ID, host_of
from segexp.study.trial_files import directory_of, read_checked
from segexp.training.bundle_files import JSON_FILE
from segexp.training.bundle_json import mapping_in, parse_content


def mapping_of_trial(project: Path, uri: str | None, trial: FrozenTrial) -> Mapping:
    """Read the mapping that a saved model has, whatever mapping files the project has.

    Of ``A+B`` it is A, which the model predicts.

    Args:
        uri: Where the trial is recorded.
        trial: One that kept its model.

    Raises:
        InputError: When the model's description is not one.
        WorkError: When it is neither here nor in MLflow, or is not what the trial left.
    """
    name = f"bundle/{JSON_FILE}"
    path = directory_of(project, trial) / name
    if path.is_file():
        content = path.read_bytes()
    else:
        content = read_checked(
            project,
            uri,
            str(trial.user_attrs.get(RUN_ID)),
            name,
            digest=trial.user_attrs.get(FILES, {}).get(name),
            left_by=f"trial {trial.number}",
            host=host_of(trial),
        )
    mapping, faults = mapping_in(parse_content(path, content), path)
    if faults:
        raise InputError(faults)
    return mapping
