"""A registered model, loaded as MLflow loads it."""

import os
from pathlib import Path

import mlflow
import numpy as np
import pytest

import segexp
from segexp import tracking
from segexp.core.errors import InputError
from segexp.core.moved_project import follow_move
from tests.api.conftest import saved  # noqa: F401 - a fixture
from tests.study.test_recorded_bundle import run_in


def registered(project: Path, run_id: str, files: Path, name: str = "streets") -> int:
    experiment = tracking.open_experiment(project, None, "tiny")
    return tracking.register_model(experiment, run_id, files, name, "segexp.api.pyfunc", "# card")


def test_mlflow_loads_what_was_registered_last_and_predicts_as_segexp(
    project: Path,
    saved: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = run_in(project, None)
    assert registered(project, first, saved) == 1
    assert registered(project, first, saved) == 1  # it is the best one already
    assert registered(project, run_in(project, None), saved) == 2
    moved = project.rename(tmp_path / "moved")
    follow_move(moved)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{moved}/mlflow.db")

    model = mlflow.pyfunc.load_model("models:/streets@best")
    batch = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), np.uint8)
    found = model.predict(batch)
    assert (found.dtype, found.shape) == (np.uint8, (2, 40, 50))
    expected = [each.mask for each in segexp.load(saved).predict(list(batch))]
    assert np.array_equal(found, np.stack(expected))
    assert model.predict(batch[:0]).shape == (0, 40, 50)
    with pytest.raises(mlflow.MlflowException, match="schema"):
        model.predict(batch.astype(float))

    files = [name for *_, names in os.walk(moved / "mlruns" / "tiny" / "models") for name in names]
    assert "bundle.json" in files
    assert not [name for name in files if name.endswith((".pkl", ".pt", ".pth", ".bin"))]


def test_a_name_that_mlflow_does_not_take_is_refused(project: Path, saved: Path) -> None:  # noqa: F811
    run_id = run_in(project, None)
    with pytest.raises(InputError, match="'a/b': is not registered"):
        registered(project, run_id, saved, "a/b")
