"""What several test modules share: a tiny project, and the environment that tests run in."""

import functools
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from harness.project import PRECISION, ROOT, copy_database

if TYPE_CHECKING:
    import torch

# A process of xdist has it: a console that is made while it is set keeps that width.
os.environ.pop("COLUMNS", None)

TINY = {
    "data": {
        "image_size": [32, 64],
        "synthetic": {"train": 6, "val": 3, "test": 3, "seed": 0},
    },
    "model": {"arch": "Unet", "encoder": "mobilenet_v2", "decoder_width": 0.25},
    "training": {"epochs": 2, "batch_size": 3, "precision": PRECISION},
}


QUICK_ROOMS = ("core", "data", "evaluation", "labels", "report")
"""Rooms whose tests train nothing and start no processes."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Share the quick lane among the cores; anything else runs in this process."""
    is_all = config.args_source is config.ArgsSource.TESTPATHS
    return None if is_all and config.option.markexpr == "not slow" else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes seconds before what takes moments, so that no core waits at the end."""
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] in QUICK_ROOMS)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "torch.device":
    """A device that segexp chooses by itself: the CPU, where no GPU is seen, or a GPU.

    A GPU multiplies in whole float32 then, so that it can be held against a CPU. Processes that a
    test starts do not know of that.
    """
    import torch

    if request.param == "cuda":
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    else:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # workers look themselves
    return torch.device(request.param)


@pytest.fixture(scope="session")
def _migrations_are_read_once() -> Iterator[None]:
    """Half of the time that MLflow takes to open a database it reads 60 files of migrations."""
    from alembic import util

    load = functools.cache(util.load_python_file)

    def load_once(folder: str, name: str) -> object:
        return load.__wrapped__(folder, name) if name == "env.py" else load(folder, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util, "load_python_file", load_once)
        yield


@pytest.fixture(scope="session")
def mlflow_template(
    tmp_path_factory: pytest.TempPathFactory, _migrations_are_read_once: None
) -> Path:
    """A new `mlflow.db`, made as a project makes its own; to migrate one takes seconds.

    It holds one experiment, `template`.
    """
    from segexp.tracking import open_experiment

    project = tmp_path_factory.mktemp("mlflow")
    open_experiment(project, None, "template")
    copy_database(project / "mlflow.db", project / "template.db")
    return project / "template.db"


@pytest.fixture(scope="session")
def model_checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's `models.json` that knows what the shipped study trains at the tests' size."""
    from segexp.core.yaml import read_yaml_mapping
    from segexp.training.network_check import check_pairs

    space = read_yaml_mapping(ROOT / "studies" / "default.yaml")["space"]
    file = tmp_path_factory.mktemp("checks") / "models.json"
    pairs = itertools.product(space["arch"], space["encoder"])
    check_pairs(pairs, TINY["data"]["image_size"], file)
    return file


@pytest.fixture(scope="session")
def lay_out_project(mlflow_template: Path, model_checks: Path) -> Callable[[Path], Path]:
    """Lays out a project as it is shipped, with tiny synthetic data and two epochs.

    It has trained before: neither MLflow's tables nor what is known of models must be made again.
    """

    def lay_out(directory: Path) -> Path:
        directory.mkdir()
        shutil.copytree(ROOT / "mappings", directory / "mappings")
        (directory / "studies").mkdir()
        for study in (ROOT / "studies").glob("*.yaml"):
            shutil.copy(study, directory / "studies")
        config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
        for section, values in TINY.items():
            config[section] |= values
        (directory / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        copy_database(mlflow_template, directory / "mlflow.db")
        (directory / ".segexp").mkdir()
        shutil.copy(model_checks, directory / ".segexp")
        return directory

    return lay_out


@pytest.fixture
def project(tmp_path: Path, lay_out_project: Callable[[Path], Path]) -> Path:
    """A tiny project directory of the test's own."""
    return lay_out_project(tmp_path / "project")
