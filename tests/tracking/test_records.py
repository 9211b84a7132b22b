import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from segexp import tracking
from segexp.core.config import Config
from segexp.report.pictures import encode_png
from segexp.tracking import Experiment, Run


def artifacts(run: Run, path: str | None = None) -> set[str]:
    return {file.path for file in run.client.list_artifacts(run.id, path)}


def download(run: Run, name: str, tmp_path: Path) -> Path:
    return Path(run.client.download_artifacts(run.id, name, str(tmp_path)))


def test_metrics_have_their_step_and_those_without_a_value_are_left_out(run: Run):
    for step, miou in ((1, 0.25), (2, 0.5), (3, float("nan"))):
        tracking.log_metrics(run, {"val/miou": miou, "val/loss": float("inf")}, step=step)
    history = run.client.get_metric_history(run.id, "val/miou")
    assert [(m.step, m.value) for m in history] == [(1, 0.25), (2, 0.5)]
    assert "val/loss" not in run.client.get_run(run.id).data.metrics


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("iou/traffic light", "iou/traffic light"),
        ("iou/wall+fence", "iou/wall_fence"),
        ("iou/straße", "iou/straße"),
        ("iou/道路", "iou/道路"),
        ("iou/a=b\t?", "iou/a_b__"),
        ("iou/car/", "iou/car/_"),
        ("iou/a//b", "iou/a/_/b"),
        ("iou/..", "iou/_"),
        ("iou/" + "a" * 300, "iou/" + "a" * 246),
    ],
)
def test_any_class_name_can_be_part_of_a_metrics_name(run: Run, name: str, recorded: str):
    tracking.log_metrics(run, {name: 0.5})
    assert run.client.get_run(run.id).data.metrics == {recorded: 0.5}


def test_a_table_is_one_that_mlflow_reads(
    project: Path, experiment: Experiment, run: Run, monkeypatch: pytest.MonkeyPatch
):
    tracking.log_table(run, {"class": ["road", "sky"], "iou": [0.5, None]}, "iou_table.json")
    monkeypatch.chdir(project)  # whatever client it is called on, it reads the default store
    frame = MlflowClient().load_table(experiment.id, "iou_table.json", [run.id])
    assert frame["class"].tolist() == ["road", "sky"]
    np.testing.assert_equal(frame["iou"].to_numpy(float), [0.5, np.nan])
    tags = run.client.get_run(run.id).data.tags
    assert json.loads(tags["mlflow.loggedArtifacts"]) == [
        {"path": "iou_table.json", "type": "table"}  # what its UI looks for
    ]


def test_files_of_every_kind_become_artifacts(run: Run, tmp_path: Path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    png = encode_png(np.zeros((2, 3, 3), np.uint8))
    tracking.log_text(run, "<p>straße</p>", "confusion_matrix.html")
    tracking.log_yaml(run, {"name": "straße", "classes": [1, 2]}, "mapping.yaml")
    tracking.log_bytes(run, png, "overlays/a b.png")
    tracking.log_bytes(run, b"1", "top.bin")
    tracking.log_directory(run, tmp_path / "bundle", "bundle")
    assert artifacts(run) == {
        "confusion_matrix.html",
        "mapping.yaml",
        "overlays",
        "top.bin",
        "bundle",
    }
    assert artifacts(run, "overlays") == {"overlays/a b.png"}
    assert artifacts(run, "bundle") == {"bundle/bundle.json"}
    assert download(run, "overlays/a b.png", tmp_path).read_bytes() == png
    assert download(run, "confusion_matrix.html", tmp_path).read_text("utf-8") == "<p>straße</p>"
    content = yaml.safe_load(download(run, "mapping.yaml", tmp_path).read_text("utf-8"))
    assert content == {"name": "straße", "classes": [1, 2]}


def test_params_are_named_as_optuna_names_them():
    params = tracking.config_params(Config())
    assert params["learning_rate"] == 1e-3
    assert params["encoder"] == "mobilenet_v2"
    assert params["mapping"] == "cityscapes19"
    # `seed` alone is the training's; the generator's keeps its whole name.
    assert params["seed"] == 0
    assert params["data.synthetic.seed"] == 0
    assert len(params) == len(set(params))
