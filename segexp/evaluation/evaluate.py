"""Scores of a model over a split, in its own label space and in coarser ones."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.data.batches import Batches
from segexp.data.cache import Dataset, Split
from segexp.data.device_batches import make_batches
from segexp.data.stats import count_labels
from segexp.evaluation.metrics import Scores, counted_on_void, score
from segexp.labels.mapping import Mapping, collapse_lookup
from segexp.training.checkpoint import KeptValidation
from segexp.training.compute import Compute
from segexp.training.loss import Loss
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing, forward, is_finite
from segexp.training.reading import AS_SOFTMAX, Reading, groups_of

CollapseRule = Literal["argmax", "sum"]


# Label indices as they are: rulers map them.
IDENTITY = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class Ruler:
    """A label space in which a model is scored, and how its predictions get there.

    Attributes:
        space: The label space, with K classes.
        truth: Label index -> class of the space or VOID, shape (256,).
        columns: Class of the model -> class of the space, or K for *none*; shape (C,).
        rule: ``argmax`` decides and then maps; ``sum`` adds the probabilities of the classes
            that fall together and then decides. Each class that falls into *none* competes by
            itself. They are the same where nothing is merged.
        reading: How probabilities are read from the model's logits; ``sum`` alone asks.
    """

    space: Mapping
    truth: Tensor
    columns: Tensor
    rule: CollapseRule
    reading: Reading = AS_SOFTMAX

    @cached_property
    def merges(self) -> bool:
        """Whether any two classes of the model fall into one class here."""
        inside = self.columns[self.columns < len(self.space.classes)]
        return len(torch.unique(inside)) < len(inside)

    @cached_property
    def competitors(self) -> tuple[int, Tensor, Tensor]:
        """What decides by ``sum``: the K classes of the space, then each class outside of it.

        Returns:
            How many there are; the competitor of each class of the model, (C,); what is added to
            the class's log scores before those of a competitor are summed, float32 (C,), see
            `Reading.offsets`.
        """
        columns, none = self.columns.tolist(), len(self.space.classes)
        groups = groups_of(columns, none)
        offsets = torch.from_numpy(self.reading.offsets(groups)).float()
        device = self.columns.device
        count = none + columns.count(none)
        return count, torch.from_numpy(groups).to(device), offsets.to(device)

    def to(self, device: torch.device) -> "Ruler":
        """Return the ruler with its tables on a device, where a batch does not wait for a copy."""
        return replace(self, truth=self.truth.to(device), columns=self.columns.to(device))


@dataclass(frozen=True)
class Evaluation:
    """What a model did on the images of a split.

    Attributes:
        image_ids: The images, in the order of ``confusions``.
        loss: Mean loss per batch, weighted by its images; NaN when none was computed.
        confusions: For each ruler, one matrix per image, rows ground truth: (N, K, K + 1), whose
            last column is *none*.
        predictions: For each ruler the decided classes, uint8 (N, H, W), where K is *none*; empty
            unless they were asked for.
        voids: For each ruler, how often each class and *none* is decided on the void pixels of each
            image, (N, K + 1); empty where only the matrices were kept, as in a checkpoint.
    """

    image_ids: tuple[str, ...]
    loss: float
    confusions: tuple[NDArray[np.int64], ...]
    predictions: tuple[NDArray[np.uint8], ...] = ()
    voids: tuple[NDArray[np.int64], ...] = ()

    def scores(self, ruler: int) -> Scores:
        """Return the scores of the whole split by one of the rulers."""
        return score(self.confusions[ruler].sum(axis=0))


def keep(evaluation: Evaluation) -> KeptValidation:
    """Return what a checkpoint keeps of an evaluation: ids, loss and matrices."""
    content = {"ids": evaluation.image_ids, "loss": evaluation.loss}
    return KeptValidation(content, evaluation.confusions)


def kept_evaluation(kept: KeptValidation) -> Evaluation:
    """Return the evaluation that `keep` was given, without predictions and voids."""
    return Evaluation(tuple(kept.content["ids"]), float(kept.content["loss"]), kept.arrays)


def make_ruler(
    mapping: Mapping, space: Mapping, rule: CollapseRule = "sum", reading: Reading = AS_SOFTMAX
) -> Ruler:
    """Make the ruler that scores a model of ``mapping``, read as ``reading`` says, in ``space``.

    Raises:
        InputError: When ``space`` does not coarsen ``mapping``.
    """
    return Ruler(
        space,
        torch.from_numpy(space.lookup()),
        torch.from_numpy(collapse_lookup(mapping, space)),
        rule,
        reading,
    )


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    image_ids: Sequence[str],
    rulers: Sequence[Ruler],
    *,
    preprocessing: Preprocessing,
    compute: Compute,
    loss: tuple[Loss, Tensor] | None = None,
    keep_predictions: bool = False,
) -> Evaluation:
    """Score a model on every image of a split.

    Args:
        model: Gives logits (N, C, H, W); is put into evaluation mode.
        batches: uint8 images (N, 3, H, W) and *label* indices (N, H, W), not classes: each ruler
            maps them itself, since a class may mix labels that a space scores with some that it
            does not.
        image_ids: The names of the images, in the order of the batches.
        rulers: The spaces to score in.
        preprocessing: What training did to an image.
        compute: The device.
        loss: A loss and the table from label to class index that it was trained with.
        keep_predictions: Whether the decided classes are returned, too: H * W bytes an image and
            ruler.

    Raises:
        NonFiniteLogitsError: When the model gives NaN or infinity, with the images of the batch.
    """
    model.eval()
    counts: list[list[_Counted]] = [[] for _ in rulers]
    predictions: list[list[NDArray[np.uint8]]] = [[] for _ in rulers]
    rulers = [ruler.to(compute.device) for ruler in rulers]
    loss = (loss[0], loss[1].to(compute.device)) if loss is not None else None
    losses: list[tuple[Tensor, int]] = []
    seen = 0
    for images, host_labels in batches:
        logits = forward(model, images, preprocessing, compute)
        _refuse_non_finite(logits, image_ids[seen : seen + len(images)])
        labels = host_labels.to(compute.device, non_blocking=True)
        if loss is not None:
            loss_of, table = loss
            losses.append((loss_of(logits, table[labels.long()]), len(images)))
        decisions = decide_all(logits, rulers)
        for ruler, decided, counted, kept in zip(
            rulers, decisions, counts, predictions, strict=True
        ):
            counted.append(_count(decided, labels, ruler))
            if keep_predictions:
                kept.append(decided.to(torch.uint8).cpu().numpy())
        seen += len(images)
    return Evaluation(
        image_ids=tuple(image_ids),
        loss=sum(float(value) * count for value, count in losses) / seen if losses else math.nan,
        confusions=tuple(np.concatenate([m for m, _ in counted]) for counted in counts),
        voids=tuple(np.concatenate([void for _, void in counted]) for counted in counts),
        predictions=tuple(np.concatenate(kept) for kept in predictions if kept),
    )


def label_batches(split: Split, device: torch.device) -> Batches:
    """Return what `evaluate` takes of a split; to be kept where it is scored again and again."""
    return make_batches(
        split, IDENTITY, batch_size=16, shuffle=False, seed=0, augmentation=0, device=device
    )


def evaluate_split(
    model: nn.Module,
    split: Split,
    rulers: Sequence[Ruler],
    *,
    preprocessing: Preprocessing,
    compute: Compute,
    loss: tuple[Loss, Tensor] | None = None,
    keep_predictions: bool = False,
) -> Evaluation:
    """Score a model on a split of a data set at the data's size; see `evaluate`."""
    return evaluate(
        model,
        label_batches(split, compute.device),
        split.ids,
        rulers,
        preprocessing=preprocessing,
        compute=compute,
        loss=loss,
        keep_predictions=keep_predictions,
    )


@torch.inference_mode()
def evaluate_full_size(
    model: nn.Module,
    samples: Iterable[tuple[Tensor, Tensor]],
    image_ids: Sequence[str],
    rulers: Sequence[Ruler],
    *,
    preprocessing: Preprocessing,
    compute: Compute,
) -> Evaluation:
    """Score a model at the masks' own size, as Cityscapes scores are given.

    Args:
        model: As for `evaluate`.
        samples: One image at a time: uint8 (3, H, W) at the model's size, and its label indices
            (H', W') at the mask's own size. The logits are resized bilinearly to that.
        image_ids: The names of the images, in the order of the samples.
        rulers: The spaces to score in.
        preprocessing: What training did to an image.
        compute: The device.

    Raises:
        NonFiniteLogitsError: When the model gives NaN or infinity, with the image.
    """
    model.eval()
    counts: list[list[_Counted]] = [[] for _ in rulers]
    for place, (image, labels) in enumerate(samples):
        logits = forward(model, image[None], preprocessing, compute)
        _refuse_non_finite(logits, image_ids[place : place + 1])
        size = (labels.shape[0], labels.shape[1])
        logits = F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
        own = labels[None].to(compute.device)
        decisions = decide_all(logits, rulers)
        for ruler, decided, counted in zip(rulers, decisions, counts, strict=True):
            counted.append(_count(decided, own, ruler))
    return Evaluation(
        image_ids=tuple(image_ids),
        loss=math.nan,
        confusions=tuple(np.concatenate([m for m, _ in counted]) for counted in counts),
        voids=tuple(np.concatenate([void for _, void in counted]) for counted in counts),
    )


def decide(logits: Tensor, ruler: Ruler) -> Tensor:
    """Decide the class of each pixel in a ruler's space, from logits (N, C, H, W).

    Returns:
        int64 (N, H, W), 0..K, where K is *none*.
    """
    return next(decide_all(logits, [ruler]))


def decide_all(logits: Tensor, rulers: Iterable[Ruler]) -> Iterator[Tensor]:
    """Decide in the spaces of several rulers in turn, as `decide` does for one of them."""
    best: Tensor | None = None
    for ruler in rulers:
        columns = ruler.columns.to(logits.device)
        if ruler.rule == "sum" and ruler.merges:
            # On a CPU one image at a time, which fits its cache.
            parts = torch.split(logits, 1 if logits.device.type == "cpu" else len(logits))
            yield torch.cat([_decide_by_sum(part, ruler) for part in parts])
        else:
            best = logits.argmax(dim=1) if best is None else best
            yield columns[best]


def _decide_by_sum(logits: Tensor, ruler: Ruler) -> Tensor:
    count, groups, offsets = ruler.competitors
    # A sum over classes is one of whole planes where the classes do not lie innermost, as they do
    # in channels_last; argmax wants the opposite.
    scores = ruler.reading.log_scores(logits.contiguous())
    if ruler.reading.prior is not None:
        scores = scores + offsets.to(logits.device)[:, None, None]
    probabilities = scores.softmax(dim=1)
    n, _, h, w = logits.shape
    summed = probabilities.new_zeros(n, count, h, w)
    summed.index_add_(1, groups.to(logits.device), probabilities)
    winner = summed.contiguous(memory_format=torch.channels_last).argmax(dim=1)
    return winner.clamp_max_(len(ruler.space.classes))


def _refuse_non_finite(logits: Tensor, image_ids: Sequence[str]) -> None:
    if not is_finite(logits):
        broken = [name for name, own in zip(image_ids, logits, strict=False) if not is_finite(own)]
        raise NonFiniteLogitsError(
            f"the model gives NaN or infinite logits for {', '.join(broken[:3]) or 'an image'}"
            f"{f' and {len(broken) - 3} more' if len(broken) > 3 else ''}: its weights or the "
            "channel statistics are broken, or bf16 overflowed"
        )


_Counted = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Of a batch: a matrix for each image, and what is decided on its void pixels."""


def _count(decided: Tensor, labels: Tensor, ruler: Ruler) -> _Counted:
    num_classes = len(ruler.space.classes)
    truth = ruler.truth.to(labels.device)[labels.long()]
    return counted_on_void(truth, decided, num_classes, num_classes + 1)


def constant_miou(dataset: Dataset, space: Mapping) -> dict[str, Any]:
    """Score the predictor that says the most frequent class of the train split everywhere.

    Returns:
        ``class``, and its mIoU in ``space`` on ``val`` and on ``heldout``: the floor that any
        model must beat.
    """
    num_classes = len(space.classes)
    table = space.lookup()
    constant = int(count_labels(dataset.train, num_classes, table).pixels.argmax())

    def miou(split: Split) -> float:
        pixels = count_labels(split, num_classes, table).pixels
        confusion = np.zeros((num_classes, num_classes), np.int64)
        confusion[:, constant] = pixels
        return score(confusion).miou

    return {
        "class": space.names[constant],
        "val": miou(dataset.val),
        "heldout": miou(dataset.heldout),
    }
