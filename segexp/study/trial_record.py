"""What a trial leaves in MLflow: metrics, tables, the confusion matrix, overlays."""

import numpy as np
import torch
from torch import nn

from segexp import tracking
from segexp.data.cache import Split
from segexp.evaluation.confusions import Confusions, Predictions
from segexp.evaluation.evaluate import Evaluation, Ruler, decide
from segexp.evaluation.metrics import confusion_matrices, score
from segexp.evaluation.result import SplitScores, TrialResult
from segexp.evaluation.tables import class_table, confusion_page
from segexp.labels.mapping import Mapping
from segexp.report.pictures import comparison, encode_png
from segexp.tracking import Run
from segexp.training.compute import Compute
from segexp.training.fit import EpochResult
from segexp.training.preprocess import Preprocessing, forward

# The rulers of a trial's evaluations, in this order: the mapping's own space, the common space
# by `sum`, the common space by `argmax`.
OWN, COMMON, COMMON_ARGMAX = 0, 1, 2

OVERLAYS = 4


def epoch_metrics(result: EpochResult[Evaluation], is_best: bool) -> dict[str, float]:
    """Return the metrics that MLflow records after an epoch."""
    own = result.validation.scores(OWN)
    common = result.validation.scores(COMMON)
    by_argmax = result.validation.scores(COMMON_ARGMAX)
    metrics = {
        "train/loss": result.train_loss,
        "train/lr": result.learning_rate,
        "val/loss": result.validation.loss,
        "val/miou": own.miou,
        "val/miou_common": common.miou,
        "val/miou_common_argmax": by_argmax.miou,
        "val/pixel_accuracy": own.pixel_accuracy,
        "time/epoch_s": result.seconds,
        "time/images_per_s": result.images_per_s,
    }
    if is_best:
        metrics |= {
            "best/miou": own.miou,
            "best/miou_common": common.miou,
            "best/epoch": float(result.epoch),
        }
    return metrics


def split_scores(evaluation: Evaluation, mapping: Mapping, common: Mapping) -> SplitScores:
    """Turn an evaluation into the numbers that are stored."""
    own, summed = evaluation.scores(OWN), evaluation.scores(COMMON)
    return SplitScores(
        miou=own.miou,
        classes_in_mean=own.classes_in_mean,
        pixel_accuracy=own.pixel_accuracy,
        miou_common=summed.miou,
        miou_common_argmax=evaluation.scores(COMMON_ARGMAX).miou,
        classes_in_mean_common=summed.classes_in_mean,
        table=class_table(evaluation.confusions[OWN], mapping.names),
        table_common=class_table(evaluation.confusions[COMMON], common.names),
    )


def confusions_of(evaluation: Evaluation) -> Confusions:
    """Name the matrices of an evaluation by the rulers of a trial."""
    matrices = evaluation.confusions
    return Confusions(
        evaluation.image_ids, matrices[OWN], matrices[COMMON], matrices[COMMON_ARGMAX]
    )


def predictions_of(evaluation: Evaluation) -> Predictions:
    """Name the predictions of an evaluation by the rulers of a trial."""
    kept = evaluation.predictions
    return Predictions(evaluation.image_ids, kept[OWN], kept[COMMON], kept[COMMON_ARGMAX])


def bundle_scores(result: TrialResult) -> dict[str, float]:
    """Return the scores that a bundle carries, such as ``val/miou`` and ``heldout/miou_common``."""
    scores = {f"val/{name}": value for name, value in result.val.numbers().items()}
    if result.heldout:
        scores |= {f"heldout/{name}": value for name, value in result.heldout.numbers().items()}
    return scores


def log_result(run: Run, result: TrialResult) -> None:
    """Record the final scores as metrics and MLflow tables."""
    table = result.val.table
    metrics = {
        f"iou/{name}": iou
        for name, iou in zip(table["class"], table["iou"], strict=True)
        if iou is not None
    }
    tracking.log_table(run, table, "iou_table.json")
    tracking.log_table(run, result.val.table_common, "iou_table_common.json")
    if result.heldout:
        metrics["heldout/miou"] = result.heldout.miou
        metrics["heldout/miou_common"] = result.heldout.miou_common
        tracking.log_table(run, result.heldout.table, "iou_table_heldout.json")
    tracking.log_metrics(run, metrics, step=result.best_epoch)


def log_confusion(run: Run, evaluation: Evaluation, mapping: Mapping, split: str) -> None:
    """Record the confusion matrix of a split in the mapping's own space as a page."""
    confusion = evaluation.confusions[OWN].sum(axis=0)
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
) -> None:
    """Record pictures of some images of a split: image, truth, prediction and mistakes."""
    model.eval()
    mapping = ruler.space
    shown = np.linspace(0, len(split) - 1, min(OVERLAYS, len(split))).astype(int)
    images = np.stack([split.image(index) for index in shown])
    logits = forward(model, torch.from_numpy(images).permute(0, 3, 1, 2), preprocessing, compute)
    predictions = decide(logits, ruler).cpu().numpy().astype(np.uint8)
    truths = mapping.lookup()[np.stack([split.label(index) for index in shown])]
    confusions = confusion_matrices(truths, predictions, len(mapping.classes))
    for place, index in enumerate(shown):
        image_id, miou = split.ids[index], score(confusions[place]).miou
        title = f"{split.name} {image_id}   mIoU {miou:.3f}   {mapping.name}"
        picture = comparison(
            images[place],
            truths[place],
            predictions[place],
            mapping.colors,
            mapping.names,
            title,
        )
        tracking.log_bytes(run, encode_png(picture), f"overlays/{image_id}.png")
