"""The same predictions scored by other conventions: a protocol is part of the ruler.

Two papers that report "mIoU" may count absent classes, void pixels and images differently. Here
each convention is one function of the same counts. segexp's own is
``segexp.evaluation.metrics.score``: one matrix over a split, and the mean over the classes that its
truth has.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.result import none_if_nan
from segexp.labels.iou import Floats
from segexp.labels.mapping import Mapping as LabelSpace
from segexp.labels.taxonomy import VOID_NAME

NO_VOID = "the predictions on void pixels are not known"
NO_BACKGROUND = "no class of this space is the background"

_BACKGROUND_NAMES = ("background", "unlabelled", "unlabeled")


@dataclass(frozen=True, eq=False)
class Counts:
    """What one model predicted on the N images of a split, in a space of K classes.

    Attributes:
        matrices: One confusion matrix per image, int64 (N, K, K + 1), rows ground truth; the last
            column is *none*.
        void: How often each class and *none* is predicted on the void pixels of each image, int64
            (N, K + 1); None if unknown.
        background: The class of everything that has no class of its own; None if there is none.
    """

    matrices: NDArray[np.int64]
    void: NDArray[np.int64] | None
    background: int | None = None


@dataclass(frozen=True)
class Protocol:
    """One convention.

    Attributes:
        key: Its name in ``ab_result.json``.
        score: Its mean IoU in 0..1; NaN without any IoU; None if it cannot be computed.
        missing: Why it cannot be computed, where ``score`` returns None.
    """

    key: str
    title: str
    meaning: str
    score: Callable[[Counts], float | None]
    missing: str = ""


def background_of(space: LabelSpace) -> int | None:
    """Return the background class: the one with the unlabelled pixels, or with such a name."""
    holding = [i for i, c in enumerate(space.classes) if VOID_NAME in c.labels]
    called = [i for i, c in enumerate(space.classes) if c.name.lower() in _BACKGROUND_NAMES]
    return next(iter((*holding, *called)), None)


def _of_the_truth(counts: Counts) -> float:
    iou, truth, _ = _ious(counts.matrices.sum(axis=0))
    return _mean(iou[truth > 0])


def _of_truth_or_prediction(counts: Counts) -> float:
    iou, _, _ = _ious(counts.matrices.sum(axis=0))
    return _mean(iou[~np.isnan(iou)])


def _absent_as(value: float) -> Callable[[Counts], float]:
    def score(counts: Counts) -> float:
        iou, _, _ = _ious(counts.matrices.sum(axis=0))
        return _mean(np.where(np.isnan(iou), value, iou))

    return score


def _void_as_error(counts: Counts) -> float | None:
    if counts.void is None:
        return None
    iou, truth, _ = _ious(counts.matrices.sum(axis=0), counts.void.sum(axis=0)[:-1])
    return _mean(iou[truth > 0])


def _void_as_class(counts: Counts) -> float | None:
    if counts.void is None:
        return None
    rows = [counts.matrices.sum(axis=0), counts.void.sum(axis=0)[None]]
    iou, truth, _ = _ious(np.concatenate(rows))
    return _mean(iou[truth > 0])


def _without_background(counts: Counts) -> float | None:
    if counts.background is None:
        return None
    iou, truth, _ = _ious(counts.matrices.sum(axis=0))
    counted = truth > 0
    counted[counts.background] = False
    return _mean(iou[counted])


def _mean_of_images(counts: Counts) -> float:
    iou, truth, _ = _ious(counts.matrices)
    of_images = [_mean(own[there > 0]) for own, there in zip(iou, truth, strict=True)]
    return _mean(np.array([v for v in of_images if not math.isnan(v)]))


def _micro(counts: Counts) -> float:
    _, truth, union = _ious(counts.matrices.sum(axis=0))
    right = int(np.trace(counts.matrices.sum(axis=0)))
    return right / int(union.sum()) if truth.any() else math.nan


def _by_frequency(counts: Counts) -> float:
    iou, truth, _ = _ious(counts.matrices.sum(axis=0))
    there = truth > 0
    return float(iou[there] @ truth[there] / truth.sum()) if there.any() else math.nan


PROTOCOLS = (
    Protocol(
        "segexp",
        "segexp's own",
        "One matrix over all images; the mean over the classes that the truth has; void is left "
        "out.",
        _of_the_truth,
    ),
    Protocol(
        "predicted_too",
        "predicted-only class as 0",
        "A class that is predicted but never true counts as 0; a class in neither is left out "
        "(the NaN-mean of mmsegmentation and others).",
        _of_truth_or_prediction,
    ),
    Protocol(
        "absent_0",
        "absent class as 0",
        "The mean over all classes; a class in neither truth nor prediction counts as 0.",
        _absent_as(0.0),
    ),
    Protocol(
        "absent_1",
        "absent class as 1",
        "The mean over all classes; a class in neither truth nor prediction counts as 1.",
        _absent_as(1.0),
    ),
    Protocol(
        "void_error",
        "void as an error",
        "Whatever is predicted on void pixels is wrong: it adds to the union of its class.",
        _void_as_error,
        NO_VOID,
    ),
    Protocol(
        "void_class",
        "void as a class",
        "Void pixels are one more class, the background; a model that never predicts none has "
        "IoU 0 for it.",
        _void_as_class,
        NO_VOID,
    ),
    Protocol(
        "without_background",
        "background left out",
        "The background class is not in the mean; errors on its pixels still count against the "
        "other classes.",
        _without_background,
        NO_BACKGROUND,
    ),
    Protocol(
        "image_mean",
        "mean of images",
        "The mean over images of each image's mIoU over the classes in it.",
        _mean_of_images,
    ),
    Protocol(
        "micro",
        "micro",
        "The sum of all intersections over the sum of all unions.",
        _micro,
    ),
    Protocol(
        "frequency",
        "weighted by pixels",
        "Each class is weighted by its pixels in the truth (frequency-weighted IoU).",
        _by_frequency,
    ),
)
"""The conventions; the first is segexp's own, by which everything else is scored."""


def protocol_scores(runs: Sequence[Counts]) -> dict[str, float | None]:
    """Score the runs of one model by every protocol.

    Returns:
        Protocol key -> mean over the runs in 0..1; None where a run has no such score.
    """
    found: dict[str, float | None] = {}
    for protocol in PROTOCOLS:
        scores = [protocol.score(counts) for counts in runs]
        known = [score for score in scores if score is not None]
        whole = len(known) == len(scores) > 0
        found[protocol.key] = none_if_nan(float(np.mean(known))) if whole else None
    return found


def protocol_rows(scores: Mapping[str, Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Return a table of protocols, as JSON holds it.

    Args:
        scores: For each column, such as a model, what `protocol_scores` returned.

    Returns:
        Rows of ``key``, ``title``, ``meaning``, ``scores`` by column, and ``missing``: why no
        column has a score, else None. Protocols about the background are left out when no column
        has one.
    """
    rows = []
    for protocol in PROTOCOLS:
        found = {column: by_key[protocol.key] for column, by_key in scores.items()}
        unknown = all(value is None for value in found.values())
        if unknown and protocol.missing == NO_BACKGROUND:
            continue
        rows.append(
            {
                "key": protocol.key,
                "title": protocol.title,
                "meaning": protocol.meaning,
                "scores": found,
                "missing": (protocol.missing or "no pixel is scored") if unknown else None,
            }
        )
    return rows


def protocol_answer(
    own: Mapping[str, Mapping[str, float | None]],
    common: Mapping[str, Mapping[str, float | None]],
    missing: Sequence[str],
) -> dict[str, Any]:
    """Return the object under ``protocols`` in ``ab_result.json``.

    Args:
        own: What `protocol_scores` returned for each model in its own space.
        common: The same in the common space, the only space in which models may be ranked.
        missing: What else cannot be computed, in sentences.
    """
    rows = protocol_rows(common)
    return {
        "own": protocol_rows(own),
        "common": rows,
        "sentence": ranked_differently(rows),
        "missing": list(missing),
    }


def ranked_differently(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a sentence if two protocols rank two columns differently, else None.

    A difference counts if it shows in three decimals. Of several contradictions those with
    segexp's own protocol come first, then the largest.

    Args:
        rows: From `protocol_rows`, all of one space.
    """
    found: list[tuple[tuple[bool, float], str]] = []
    for one, other in combinations(rows, 2):
        for a, b in combinations(one["scores"], 2):
            first, second = _shown_gap(one, a, b), _shown_gap(other, a, b)
            if first * second >= 0:
                continue
            ahead, behind = (b, a) if first > 0 else (a, b)
            text = (
                f"By {one['title']!r} {ahead} scores {abs(first):.3f} higher than {behind}, by "
                f"{other['title']!r} {abs(second):.3f} lower: which is ahead depends on the "
                "protocol."
            )
            strength = min(abs(first), abs(second))
            found.append(((one["key"] == PROTOCOLS[0].key, strength), text))
    return max(found)[1] if found else None


def _shown_gap(row: Mapping[str, Any], a: str, b: str) -> float:
    """Return column b minus column a to three decimals; 0 where one has no score."""
    first, second = row["scores"][a], row["scores"][b]
    if first is None or second is None:
        return 0.0
    return float(round(round(second, 3) - round(first, 3), 3))


def _ious(
    confusion: NDArray[np.int64], predicted_on_void: NDArray[np.int64] | int = 0
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return IoU (NaN without a union), pixels of the truth, and the union, each (..., R).

    Args:
        confusion: (..., R, C) with R <= C: R classes, and columns that are not classes.
        predicted_on_void: Void pixels predicted as each class, added to its union, shape (R,).
    """
    classes = confusion.shape[-2]
    right = np.diagonal(confusion, axis1=-2, axis2=-1)[..., :classes]
    truth = confusion.sum(axis=-1)
    union = truth + confusion[..., :classes].sum(axis=-2) + predicted_on_void - right
    iou = np.full(right.shape, np.nan)
    np.divide(right, union, out=iou, where=union > 0)
    return iou, truth, union


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
