from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState
from torch import nn

from segexp import tracking
from segexp.core.errors import WorkError
from segexp.labels.files import find_mapping
from segexp.study.attributes import FILES, RESULT, RUN_ID
from segexp.study.recorded_mapping import mapping_of_trial
from segexp.study.trial_files import file_digests
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.preprocess import Preprocessing

PREPROCESSING = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def trial_with_model(project: Path, mapping: str, mlflow_template: Path) -> tuple[FrozenTrial, str]:
    """A trial whose saved model is here and among the artifacts of its run."""
    uri = f"sqlite:///{project}/mlflow.db"
    (project / "mlflow.db").write_bytes(mlflow_template.read_bytes())
    run = tracking.start_run(tracking.open_experiment(project, uri, "streets"), "trial", {}, {})
    directory = project / ".segexp" / "studies" / "streets" / "0000"
    model = nn.Conv2d(3, len(find_mapping(project, mapping).classes), 1)
    bundle = Bundle(
        "Unet", "resnet18", 1.0, find_mapping(project, mapping), PREPROCESSING, {}, {}, model
    )
    save_bundle(directory / "bundle", bundle)
    tracking.log_directory(run, directory / "bundle", "bundle")
    trial = optuna.create_trial(
        state=TrialState.COMPLETE,
        value=0.5,
        params={"x": 0.0},
        distributions={"x": FloatDistribution(0, 1)},
        user_attrs={
            RUN_ID: run.id,
            RESULT: {"bundle": ".segexp/studies/streets/0000/bundle"},
            FILES: file_digests(directory),
        },
    )
    return trial, uri


def test_the_mapping_of_a_model_is_read_here_and_elsewhere_and_only_as_it_was_left(
    project: Path, tmp_path: Path, mlflow_template: Path
) -> None:
    trial, uri = trial_with_model(project, "merged10", mlflow_template)
    expected = find_mapping(project, "merged10")
    assert mapping_of_trial(project, uri, trial) == expected
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert mapping_of_trial(elsewhere, uri, trial) == expected
    trial.set_user_attr(FILES, {"bundle/bundle.json": "0" * 64})
    with pytest.raises(WorkError, match=r"bundle/bundle\.json .* is not what trial -1 left"):
        mapping_of_trial(elsewhere, uri, trial)
