import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from segexp import tracking
from segexp.data.split import Split
from segexp.evaluation.evaluate import Evaluation
from segexp.evaluation.metrics import METRICS
from segexp.evaluation.result import TrialResult
from segexp.evaluation.rulers import make_ruler
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID, Label, Taxonomy
from segexp.study import trial_record
from segexp.tracking import Run
from segexp.training.compute import Compute
from segexp.training.fit import EpochResult
from segexp.training.preprocess import Preprocessing

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
TAXONOMY = Taxonomy(
    "abc",
    tuple(
        Label(name, color) for name, color in zip("abc", np.eye(3, dtype=int) * 255, strict=True)
    ),
    {"default": {0: 0, 1: 1, 2: 2, 255: VOID}},
)
FINE = Mapping(
    "fine", TAXONOMY, tuple(MappedClass(n, (80 * i, 0, 0), (n,)) for i, n in enumerate("abc"))
)
COARSE = Mapping(
    "coarse",
    TAXONOMY,
    (MappedClass("a+b", (0, 0, 0), ("a", "b")), MappedClass("c", (9, 9, 9), ("c",))),
)

# One image each; the last column is none. Own space: a 6 of 8 right, the others called b; b is
# absent in the truth; c absent in both. Collapsed: everything right by sum, 6 of 8 by argmax.
OWN = np.array([[[6, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
SUM = np.array([[[8, 0, 0], [0, 0, 0]]])
ARGMAX = np.array([[[6, 0, 2], [0, 0, 0]]])
EVALUATION = Evaluation(("x",), 0.5, {"own": OWN, "common": SUM, "common_argmax": ARGMAX})
EPOCH = EpochResult(3, 0.25, 1e-3, EVALUATION, 2.0, 48.0)
COLUMNS = ["class", "iou", "precision", "recall", "f1", "pixels", "images", "predicted"]


@pytest.fixture
def run(project: Path) -> Run:
    experiment = tracking.open_experiment(project, None, "street")
    return tracking.start_run(experiment, "r", {}, {})


def fetch(run: Run, name: str, folder: Path) -> bytes:
    return Path(run.client.download_artifacts(run.id, name, str(folder))).read_bytes()


def test_an_epochs_metrics_have_the_names_of_the_contract():
    metrics = trial_record.epoch_metrics(EPOCH, is_best=False)
    assert (
        metrics.items()
        >= {
            "train/loss": 0.25,
            "train/lr": 1e-3,
            "val/loss": 0.5,
            "val/miou": 0.75,
            "val/miou_common": 1.0,
            "val/miou_common_argmax": 0.75,
            "val/pixel_accuracy": 0.75,
            "val/pixel_accuracy_common": 1.0,
            "val/pixel_accuracy_common_argmax": 0.75,
            "time/epoch_s": 2.0,
            "time/images_per_s": 48.0,
        }.items()
    )
    assert not any(name.startswith("best/") for name in metrics)
    best = trial_record.epoch_metrics(EPOCH, is_best=True)
    assert (
        best.items()
        >= {
            "best/miou": 0.75,
            "best/miou_common": 1.0,
            "best/pixel_accuracy": 0.75,
            "best/pixel_accuracy_common": 1.0,
        }.items()
    )
    assert "best/epoch" not in best  # known at the end


def test_the_stored_scores_are_those_of_the_three_rulers():
    scores = trial_record.split_scores(EVALUATION, FINE, COARSE)
    assert (
        scores.numbers().items()
        >= {
            "miou": 0.75,  # of a; b is predicted only, c is nowhere
            "classes_in_mean": 1,
            "classes_predicted_only": 1,
            "pixel_accuracy": 0.75,
            "miou_common": 1.0,
            "pixel_accuracy_common": 1.0,
            "classes_in_mean_common": 1,
            "classes_predicted_only_common": 0,
            "miou_common_argmax": 0.75,
            "pixel_accuracy_common_argmax": 0.75,
            "classes_in_mean_common_argmax": 1,
            "classes_predicted_only_common_argmax": 0,
        }.items()
    )
    assert scores.tables["own"]["class"] == ["a", "b", "c"]
    assert scores.tables["own"]["iou"] == [0.75, 0.0, None]
    assert scores.tables["common"]["class"] == ["a+b", "c"]
    assert scores.tables["common"]["iou"] == [1.0, None]


def result(heldout: bool) -> TrialResult:
    scores = trial_record.split_scores(EVALUATION, FINE, COARSE)
    return TrialResult(1.0, 3, 2.0, scores, scores if heldout else None)


def test_a_bundles_scores_say_which_split_they_are_of():
    scores = trial_record.bundle_scores(result(heldout=True))
    assert scores["val/miou"] == scores["heldout/miou"] == 0.75
    assert len(scores) == 2 * 3 * (len(METRICS) + 2)  # splits, rulers, and two numbers of classes
    assert {name.partition("/")[0] for name in trial_record.bundle_scores(result(False))} == {"val"}


def test_the_final_scores_are_recorded_at_the_best_epoch(run: Run, tmp_path: Path):
    trial_record.log_result(run, result(heldout=True))
    metrics = run.client.get_run(run.id).data.metrics
    assert (
        metrics.items()
        >= {
            "iou/a": 0.75,
            "iou/b": 0.0,  # and none for c, which is in neither truth nor prediction
            "heldout/miou": 0.75,
            "heldout/miou_common": 1.0,
            "heldout/pixel_accuracy": 0.75,
            "heldout/pixel_accuracy_common": 1.0,
            "best/epoch": 3,
        }.items()
    )
    assert "iou/c" not in metrics
    assert [m.step for m in run.client.get_metric_history(run.id, "iou/a")] == [3]
    for name, classes in (("iou_table", "abc"), ("iou_table_common", ["a+b", "c"])):
        table = json.loads(fetch(run, f"{name}.json", tmp_path))
        assert table["columns"] == COLUMNS
        assert [row[0] for row in table["data"]] == list(classes)
    own = json.loads(fetch(run, "iou_table.json", tmp_path))["data"]
    assert own[0] == ["a", 0.75, 1.0, 0.75, 0.8571, 8, 1, 6]  # f1 is 6/7, with four digits
    assert own[2] == ["c", None, None, None, None, 0, 0, 0]


def test_without_heldout_scores_there_are_none_in_mlflow(run: Run):
    trial_record.log_result(run, result(heldout=False))
    metrics = run.client.get_run(run.id).data.metrics
    assert set(metrics) == {"best/epoch", "iou/a", "iou/b"}
    names = {file.path for file in run.client.list_artifacts(run.id)}
    assert names == {"iou_table.json", "iou_table_common.json"}


def test_the_confusion_page_shows_the_mappings_own_space(run: Run, tmp_path: Path):
    trial_record.log_confusion(run, EVALUATION, FINE, "val")
    page = fetch(run, "confusion_matrix.html", tmp_path).decode()
    assert "Confusion matrix: fine, val" in page
    assert "a predicted as b: 2 pixels" in page


class Reddish(nn.Module):
    """Decides b where the image is bright, else a."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([-images[:, 0], images[:, 0], torch.full_like(images[:, 0], -99)], dim=1)


def make_split(count: int) -> Split:
    images = np.zeros((count, 32, 64, 3), np.uint8)
    images[:, :, 32:] = 255
    labels = np.zeros((count, 32, 64), np.uint8)
    labels[:, :, 48:] = 1  # the third quarter is called b and is a
    labels[0] = VOID
    return Split("val", tuple(f"street {i}" for i in range(count)), images, labels)


@pytest.mark.parametrize(("count", "logged"), [(1, [0]), (3, [0, 1, 2]), (10, [0, 3, 6, 9])])
def test_overlays_of_images_spread_over_the_split_are_recorded(
    run: Run, tmp_path: Path, count: int, logged: list[int]
):
    model = Reddish().train()
    ruler = make_ruler(FINE, FINE)
    trial_record.log_overlays(run, model, make_split(count), ruler, PREPROCESSING, CPU)
    names = sorted(file.path for file in run.client.list_artifacts(run.id, "overlays"))
    assert names == [f"overlays/street {i}.png" for i in logged]
    assert not model.training
    for name in names:
        with Image.open(io.BytesIO(fetch(run, name, tmp_path))) as picture:
            picture.load()
            assert picture.width > 4 * 64


def test_an_overlay_shows_where_the_model_is_wrong(run: Run, tmp_path: Path):
    trial_record.log_overlays(
        run, Reddish(), make_split(2), make_ruler(FINE, FINE), PREPROCESSING, CPU
    )
    with Image.open(io.BytesIO(fetch(run, "overlays/street 1.png", tmp_path))) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 120) & (pixels[..., 2] < 120)
    scale = 4 * 4  # a picture of 64 columns is enlarged four times
    assert red.sum() == pytest.approx(16 * 32 * scale, rel=0.02)


def test_scores_without_a_pixel_are_nan_and_recorded_as_nothing(run: Run):
    nothing = Evaluation(
        ("x",), 0.0, {name: 0 * counts for name, counts in EVALUATION.confusions.items()}
    )
    scores = trial_record.split_scores(nothing, FINE, COARSE)
    assert math.isnan(scores.of("miou"))
    assert scores.of("classes_in_mean") == 0
    epoch = EpochResult(1, 0.25, 1e-3, nothing, 2.0, 48.0)
    tracking.log_metrics(run, trial_record.epoch_metrics(epoch, is_best=True), step=1)
    assert "val/miou" not in run.client.get_run(run.id).data.metrics
