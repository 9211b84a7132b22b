"""What a trial records in MLflow: metrics, tables, the confusion matrix, overlays."""

import math
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segexp import tracking
from segexp.core.files import inside, write_atomic
from segexp.data.cache import Dataset
from segexp.data.split import Split
from segexp.evaluation.confusions import (
    CONFUSIONS_FILE,
    PREDICTIONS_FILE,
    Confusions,
    Predictions,
    save_confusions,
    save_predictions,
)
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.evaluate import Evaluation
from segexp.evaluation.metrics import COMMON, OWN, RULERS, flat, metric_of, miou
from segexp.evaluation.result import SplitScores, TrialResult
from segexp.evaluation.rulers import Ruler, decide
from segexp.evaluation.statistics.clusters import make_clusters
from segexp.evaluation.statistics.intervals import lower_ious, split_interval
from segexp.evaluation.tables import class_table
from segexp.labels.mapping import Mapping
from segexp.report.confusion_page import confusion_page
from segexp.report.pictures import at_most_wide, comparison, encode_png
from segexp.tracking import Run
from segexp.training.compute import Compute
from segexp.training.cost import Cost
from segexp.training.fit import EpochResult
from segexp.training.preprocess import Preprocessing
from segexp.training.windows import infer

OVERLAYS = 4

MAX_WIDTH_ON_PAGES = 1600
"""Of those pictures, in pixels."""


def epoch_metrics(result: EpochResult[Evaluation], is_best: bool) -> dict[str, float]:
    """Return the metrics that MLflow records after an epoch."""
    evaluation = result.validation
    scores = evaluation.measured()
    metrics = {
        "train/loss": result.train_loss,
        "train/lr": result.learning_rate,
        "val/loss": evaluation.loss,
        "time/epoch_s": result.seconds,
        "time/images_per_s": result.images_per_s,
    }
    metrics |= {f"val/{name}": value for name, value in flat(scores, RULERS).items()}
    return metrics | (_named("best", scores) if is_best else {})


def final_metrics(result: TrialResult) -> dict[str, float]:
    """Return what is known of a best epoch at the end: its number, and its held-out scores."""
    heldout = _named("heldout", result.heldout.scores) if result.heldout else {}
    return {"best/epoch": float(result.best_epoch), **heldout}


def study_metrics(result: TrialResult) -> dict[str, float]:
    """Return the metrics of a study, which are those of its best trial."""
    return _named("best", result.val.scores) | final_metrics(result)


def _named(kind: str, scores: Dict[str, Dict[str, float]]) -> dict[str, float]:
    return {f"{kind}/{name}": value for name, value in flat(scores, (OWN, COMMON)).items()}


def split_scores(evaluation: Evaluation, mapping: Mapping, common: Mapping) -> SplitScores:
    """Turn an evaluation into the numbers that are stored."""
    spaces = {OWN: mapping, COMMON: common}
    return SplitScores(
        evaluation.measured(),
        {
            ruler: class_table(evaluation.confusions[ruler], space.names)
            for ruler, space in spaces.items()
        },
    )


def lower_iou(
    val: Evaluation, common: Mapping, wanted: Sequence[str], data_format: str
) -> dict[str, float] | None:
    """Return the lower ends of IoUs that a study requires; None where it requires none.

    A class whose interval would say nothing is left out; see `lower_ious`.

    Args:
        wanted: Classes of the common space.
        data_format: The name of the data's layout, by which images are told to belong together.
    """
    if not wanted or len(val.image_ids) < 2:
        return None
    clusters = make_clusters("auto", val.image_ids, data_format)
    lower = dict(zip(common.names, lower_ious(val.confusions[COMMON], clusters), strict=True))
    return {name: lower[name] for name in wanted if not math.isnan(lower[name])}


def bundle_scores(result: TrialResult) -> dict[str, float]:
    """Return the scores for a bundle, such as ``val/miou`` and ``heldout/miou_common``."""
    scores = {f"val/{name}": value for name, value in result.val.numbers().items()}
    if result.heldout:
        scores |= {f"heldout/{name}": value for name, value in result.heldout.numbers().items()}
    return scores


def miou_ends(dataset: Dataset, val: Evaluation, heldout: Evaluation | None) -> dict[str, float]:
    """Return the ends of each mIoU's 95% interval over the images, for a bundle's scores.

    Such as ``heldout/miou_low`` and ``heldout/miou_high``; none for fewer than two images.
    """
    ends: dict[str, float] = {}
    for evaluation, split in ((val, dataset.val), (heldout, dataset.heldout)):
        found = evaluation and split_interval(evaluation.confusions[OWN], split, dataset)
        if found:
            name = "heldout" if split is dataset.heldout else "val"
            ends |= {f"{name}/miou_{end}": found[end] for end in ("low", "high")}
    return ends


def heldout_interval(
    dataset: Dataset, heldout: Evaluation | None, objective: str
) -> tuple[float, float] | None:
    """Return the ends of the objective's 95% interval over the held-out images.

    None where it is no mIoU, or there are fewer than two images.
    """
    metric, ruler = metric_of(objective)
    if heldout is None or metric != miou.__name__:
        return None
    found = split_interval(heldout.confusions[ruler], dataset.heldout, dataset)
    return (found["low"], found["high"]) if found else None


def log_cost(run: Run, cost: Cost) -> None:
    """Record what a model costs to run, and as a tag where its latency was measured."""
    figures = {"parameters": cost.parameters, "macs": cost.macs, "latency_ms": cost.latency_ms}
    tracking.log_metrics(run, {f"cost/{name}": float(value) for name, value in figures.items()})
    tracking.set_tags(run, {"segexp.measured_on": cost.measured_on})


def save_evaluations(
    directory: Path, val: Evaluation, heldout: Evaluation | None, run: Run
) -> None:
    """Save the confusion matrix of every image, locally and as artifacts of the run."""
    splits = {"val": val} | ({"heldout": heldout} if heldout else {})
    confusions = {
        name: Confusions(split.image_ids, split.confusions) for name, split in splits.items()
    }
    save_confusions(directory / CONFUSIONS_FILE, confusions)
    tracking.log_file(run, directory / CONFUSIONS_FILE)
    if heldout and heldout.predictions:
        predictions = Predictions(heldout.image_ids, heldout.predictions)
        save_predictions(directory / PREDICTIONS_FILE, predictions)
        tracking.log_file(run, directory / PREDICTIONS_FILE)


def log_result(run: Run, result: TrialResult) -> None:
    """Record the final scores as metrics and MLflow tables."""
    table = result.val.tables[OWN]
    metrics = final_metrics(result) | {
        f"iou/{name}": iou
        for name, iou in zip(table["class"], table["iou"], strict=True)
        if iou is not None
    }
    tracking.log_table(run, table, "iou_table.json")
    tracking.log_table(run, result.val.tables[COMMON], "iou_table_common.json")
    if result.heldout:
        tracking.log_table(run, result.heldout.tables[OWN], "iou_table_heldout.json")
    tracking.log_metrics(run, metrics, step=result.best_epoch)


def log_confusion(run: Run, evaluation: Evaluation, mapping: Mapping, split: str) -> None:
    """Record the confusion matrix of a split, in the mapping's own space, as a page."""
    confusion = evaluation.confusion(OWN)
    page = confusion_page(confusion, mapping.names, f"Confusion matrix: {mapping.name}, {split}")
    tracking.log_text(run, page, "confusion_matrix.html")


@torch.inference_mode()
def log_overlays(
    run: Run,
    model: nn.Module,
    split: Split,
    ruler: Ruler,
    preprocessing: Preprocessing,
    compute: Compute,
    *,
    keep_in: Path | None = None,
) -> None:
    """Record pictures of some images of a split: image, truth, prediction and mistakes.

    Args:
        keep_in: Where copies for the study's page are written, if anywhere.
    """
    model.eval()
    mapping = ruler.space
    shown = np.linspace(0, len(split) - 1, min(OVERLAYS, len(split))).astype(int)
    for index in shown:
        image, truth = split.image(index), mapping.lookup()[split.label(index)]
        batch = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        logits = infer(model, batch, preprocessing, compute)
        prediction = decide(logits, ruler).cpu().numpy().astype(np.uint8)
        (confusion,) = confusion_matrices(truth[None], prediction, len(mapping.classes))
        image_id = split.ids[index]
        title = f"{split.name} {image_id}   mIoU {miou(confusion):.3f}   {mapping.name}"
        picture = comparison(
            image,
            truth,
            prediction[0],
            mapping.colors,
            mapping.names,
            title,
        )
        tracking.log_bytes(run, encode_png(picture), f"overlays/{image_id}.png")
        if keep_in is not None:
            shown_small = encode_png(at_most_wide(picture, MAX_WIDTH_ON_PAGES))
            write_atomic(inside(keep_in, f"{image_id}.png"), shown_small)
