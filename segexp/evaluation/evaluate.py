"""Scores of a model over a split, in its own label space and in coarser ones."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.data.batches import Batches, SameSize, make_loader
from segexp.data.cache import Dataset
from segexp.data.shard import WHOLE, Shard
from segexp.data.split import Split
from segexp.data.stats import count_labels
from segexp.data.threads import work_ahead
from segexp.evaluation.calibration import (
    Reliability,
    confidence_in,
    count_confidence,
    nothing_counted,
)
from segexp.evaluation.confusions import MAX_PREDICTION_BYTES
from segexp.evaluation.counting import counted_on_void
from segexp.evaluation.decide import decide_at_size
from segexp.evaluation.metrics import METRICS, RULERS, measure
from segexp.evaluation.rulers import Ruler, decide_all
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID
from segexp.training.checkpoint import KeptValidation
from segexp.training.compute import Compute
from segexp.training.loss import Loss
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing, is_finite
from segexp.training.views import ONE_VIEW, Views
from segexp.training.windows import infer

MAX_PIXELS = 1 << 22
"""Of a batch of 16 or fewer: the logits of 19 classes are 320 MB."""

DECODERS = 2
"""Threads that read masks while the model computes."""

# Label indices are left unchanged: rulers map them.
IDENTITY = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class Evaluation:
    """What a model did on the images of a split, by ruler.

    Attributes:
        image_ids: The images, in the order of the matrices.
        loss: Mean loss of the batches, weighted by their images; NaN when none was computed.
        confusions: Ruler -> one matrix per image, rows ground truth: (N, K, K + 1), whose last
            column is *none*.
        predictions: Ruler -> predicted classes of each image, uint8 (H, W), where K is *none*;
            empty unless asked for.
        voids: Ruler -> how often each class and *none* is predicted on the void pixels of each
            image, (N, K + 1); empty when only the matrices were kept, as in a checkpoint.
        reliability: How sure the model was by one ruler, and how often right; None unless asked.
    """

    image_ids: tuple[str, ...]
    loss: float
    confusions: Dict[str, NDArray[np.int64]]
    predictions: Dict[str, Sequence[NDArray[np.uint8]]] = field(default_factory=dict)
    voids: Dict[str, NDArray[np.int64]] = field(default_factory=dict)
    reliability: Reliability | None = None

    def confusion(self, ruler: str) -> NDArray[np.int64]:
        """Return the matrix of the whole split by one ruler, (K, K + 1)."""
        total: NDArray[np.int64] = self.confusions[ruler].sum(axis=0)
        return total

    def measured(self) -> dict[str, dict[str, float]]:
        """Return the metrics of the whole split: ruler -> what `measure` returns."""
        return {ruler: measure(self.confusion(ruler)) for ruler in self.confusions}


def keep(evaluation: Evaluation) -> KeptValidation:
    """Return the part of an evaluation that a checkpoint keeps: ids, loss and matrices."""
    content = {
        "ids": evaluation.image_ids,
        "loss": evaluation.loss,
        "rulers": [*evaluation.confusions],
    }
    return KeptValidation(content, tuple(evaluation.confusions.values()))


def kept_evaluation(kept: KeptValidation) -> Evaluation:
    """Undo `keep`: return the evaluation without predictions and voids."""
    names = kept.content.get("rulers", RULERS)  # version 0.1 did not name its rulers: these
    confusions = dict(zip(names, kept.arrays, strict=True))
    return Evaluation(tuple(kept.content["ids"]), float(kept.content["loss"]), confusions)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    image_ids: Sequence[str],
    rulers: Dict[str, Ruler],
    *,
    preprocessing: Preprocessing,
    compute: Compute,
    views: Views = ONE_VIEW,
    loss: tuple[Loss, Tensor] | None = None,
    keep_predictions: bool = False,
    reliability_by: str | None = None,
) -> Evaluation:
    """Score a model on every image of a split.

    Args:
        model: Gives logits (N, C, H, W); is put into evaluation mode.
        batches: uint8 images (N, 3, H, W) and *label* indices, not classes: each ruler maps them,
            since a class may mix labels that a space scores with labels that it does not. The
            labels are (N, H, W), or at the masks' own size (N, H', W'): the logits are resized to
            that size bilinearly, as for published Cityscapes scores. Sizes may differ from batch to
            batch; images larger than the model sees are seen in windows, see `infer`.
        rulers: The spaces to score in, by name.
        views: Test-time augmentation.
        loss: A loss, and the table from label to class index that it was trained with; the labels
            are then as large as the images.
        keep_predictions: Whether to return the predicted classes: H * W bytes per image and ruler;
            none if all of them together have more than can be read again, MAX_PREDICTION_BYTES.
        reliability_by: The ruler by which it is counted how sure the model is, and how often right.

    Raises:
        NonFiniteLogitsError: When the model gives NaN or infinity; names the images of the batch.
    """
    model.eval()
    counts: dict[str, list[_Counted]] = {name: [] for name in rulers}
    predictions: dict[str, list[NDArray[np.uint8]]] = {name: [] for name in rulers}
    placed = {name: ruler.to(compute.device) for name, ruler in rulers.items()}
    loss = (loss[0], loss[1].to(compute.device)) if loss is not None else None
    losses: list[tuple[Tensor, int]] = []
    reliability = nothing_counted() if reliability_by else None
    seen = pixels = 0
    for images, host_labels in batches:
        logits = infer(model, images, preprocessing, compute, views)
        _refuse_non_finite(logits, image_ids[seen : seen + len(images)])
        labels = host_labels.to(compute.device, non_blocking=True)
        if loss is not None:
            loss_of, table = loss
            losses.append((loss_of(logits, table[labels.long()]), len(images)))
        size = (labels.shape[-2], labels.shape[-1])
        planes = iter(_decided(logits, size, placed, reliability_by))
        for name, decided in zip(placed, planes, strict=False):
            counts[name].append(_count(decided, labels, placed[name]))
            if keep_predictions:
                predictions[name].extend(decided.to(torch.uint8).cpu().numpy())
            if name == reliability_by:
                truth = placed[name].truth[labels.long()]
                is_right = decided == truth
        for confidence in planes:
            assert reliability is not None
            valid = truth != VOID
            reliability += count_confidence(confidence[valid], is_right[valid])
        seen += len(images)
        pixels += labels.numel()
        if pixels * len(rulers) > MAX_PREDICTION_BYTES:
            keep_predictions, predictions = False, {}
    return Evaluation(
        image_ids=tuple(image_ids),
        loss=sum(float(value) * count for value, count in losses) / seen if losses else math.nan,
        confusions={name: np.concatenate([m for m, _ in each]) for name, each in counts.items()},
        voids={name: np.concatenate([void for _, void in each]) for name, each in counts.items()},
        predictions={name: kept for name, kept in predictions.items() if kept},
        reliability=reliability,
    )


def _decided(
    logits: Tensor, size: tuple[int, int], rulers: Dict[str, Ruler], sure_by: str | None
) -> Iterable[Tensor]:
    """Decide by each ruler at a size, (N, H, W) each; then the confidence by one, if named."""

    def by_all(part: Tensor) -> Iterator[Tensor]:
        for name, decided in zip(rulers, decide_all(part, rulers.values()), strict=True):
            yield decided
            if name == sure_by:
                confidence = confidence_in(part, decided, rulers[name])
        if sure_by is not None:
            yield confidence

    if logits.shape[-2:] == size:
        return by_all(logits)
    logits_size = (logits.shape[-2], logits.shape[-1])
    dtype = torch.uint8 if sure_by is None else torch.float32
    masks = [
        decide_at_size([own], logits_size, size, lambda part: torch.cat(list(by_all(part))), dtype)
        for own in logits
    ]
    return torch.stack(masks, dim=1)


def label_batches(split: Split, shard: Shard = WHOLE) -> Batches:
    """Return a split's batches for `evaluate`; keep them where the split is scored repeatedly.

    Args:
        shard: Which of these batches; what a model gives for an image may depend on its batch.
    """
    batch_size = _batch_size(split)
    return make_loader(split, IDENTITY, batch_size=batch_size, shuffle=False, seed=0, shard=shard)


def ids_of(split: Split, shard: Shard) -> tuple[str, ...]:
    """Return the ids of the images in a shard's `label_batches`, in their order."""
    batches = SameSize(split, _batch_size(split), shard)
    return tuple(split.ids[index] for batch in batches for index in batch)


def _batch_size(split: Split) -> int:
    largest = max((math.prod(split.size(index)) for index in range(len(split))), default=1)
    return max(1, min(16, MAX_PIXELS // largest))


def merged(parts: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation of a split that was evaluated in parts, in their order.

    Args:
        parts: By the same rulers, without predictions. Of none: no images, and a loss of 0.
    """
    if len(parts) == 1:
        return parts[0]
    seen = sum(len(part.image_ids) for part in parts)
    rulers = parts[0].confusions if parts else {}
    return Evaluation(
        image_ids=tuple(name for part in parts for name in part.image_ids),
        loss=sum(part.loss * len(part.image_ids) for part in parts) / max(seen, 1),
        confusions={by: np.concatenate([part.confusions[by] for part in parts]) for by in rulers},
        voids={by: np.concatenate([part.voids[by] for part in parts]) for by in rulers},
    )


def evaluate_split(
    model: nn.Module,
    split: Split,
    rulers: Dict[str, Ruler],
    *,
    preprocessing: Preprocessing,
    compute: Compute,
    own_labels: Callable[[int], NDArray[np.uint8]] | None = None,
    views: Views = ONE_VIEW,
    keep_predictions: bool = False,
    reliability_by: str | None = None,
) -> Evaluation:
    """Score a model on a split of a data set; see `evaluate`.

    Args:
        own_labels: From an image's place to its label indices at the mask's own size, to score at
            that; None to score as the images are resized.
    """
    return evaluate(
        model,
        label_batches(split) if own_labels is None else _own_batches(split, own_labels),
        split.ids,
        rulers,
        preprocessing=preprocessing,
        compute=compute,
        views=views,
        keep_predictions=keep_predictions,
        reliability_by=reliability_by,
    )


def _own_batches(
    split: Split, own_labels: Callable[[int], NDArray[np.uint8]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each image from the cache, uint8 (1, 3, H, W), and its label indices, (1, H', W')."""
    for index, labels in enumerate(work_ahead(own_labels, range(len(split)), DECODERS)):
        image = torch.from_numpy(np.array(split.image(index))).permute(2, 0, 1)
        yield image[None], torch.from_numpy(labels)[None]


def _refuse_non_finite(logits: Tensor, image_ids: Sequence[str]) -> None:
    if not is_finite(logits):
        broken = [name for name, own in zip(image_ids, logits, strict=False) if not is_finite(own)]
        raise NonFiniteLogitsError(
            f"the model gives NaN or infinite logits for {', '.join(broken[:3]) or 'an image'}"
            f"{f' and {len(broken) - 3} more' if len(broken) > 3 else ''}: its weights or the "
            "channel statistics are broken, or bf16 overflowed"
        )


_Counted = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Of a batch: a matrix per image, and the counts of what is predicted on its void pixels."""


def _count(decided: Tensor, labels: Tensor, ruler: Ruler) -> _Counted:
    num_classes = len(ruler.space.classes)
    truth = ruler.truth.to(labels.device)[labels.long()]
    return counted_on_void(truth, decided, num_classes, num_classes + 1)


def constant_scores(dataset: Dataset, space: Mapping, metric: str) -> dict[str, Any]:
    """Score the predictor that gives the most frequent class of the train split everywhere.

    Returns:
        ``class``, and its scores by a metric in ``space`` on ``val`` and ``heldout``: the floor
        that any model must beat.
    """
    num_classes = len(space.classes)
    table = space.lookup()
    constant = int(count_labels(dataset.train, num_classes, table).pixels.argmax())

    def of(split: Split) -> float:
        confusion = np.zeros((num_classes, num_classes), np.int64)
        confusion[:, constant] = count_labels(split, num_classes, table).pixels
        return METRICS[metric].of(confusion)

    return {
        "class": space.names[constant],
        "val": of(dataset.val),
        "heldout": of(dataset.heldout),
    }
