"""Per-class tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.metrics import score
from segexp.evaluation.result import none_if_nan


def class_table(confusions: NDArray[np.int64], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the columns class, iou, precision, recall, f1, pixels, images, predicted of a split.

    Args:
        confusions: One matrix per image, (N, K, K) or (N, K, K + 1), rows ground truth.

    Returns:
        Lists of K entries. ``pixels`` and ``images`` count the ground truth; a score without a
        denominator is None. ``predicted`` counts the pixels that are called the class where the
        truth is not void.
    """
    scores = score(confusions.sum(axis=0))
    return {
        "class": list(names),
        "iou": [none_if_nan(v) for v in scores.iou],
        "precision": [none_if_nan(v) for v in scores.precision],
        "recall": [none_if_nan(v) for v in scores.recall],
        "f1": [none_if_nan(v) for v in scores.f1],
        "pixels": [int(v) for v in scores.pixels],
        "images": [int(v) for v in (confusions.sum(axis=2) > 0).sum(axis=0)],
        "predicted": [int(v) for v in confusions.sum(axis=(0, 1))[: len(names)]],
    }
