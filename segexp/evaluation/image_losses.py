"""Which images a model loses most on, by the confusion matrix of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.confusions import CONFUSIONS_FILE, Confusions, load_confusions
from segexp.evaluation.metrics import OWN


@dataclass(frozen=True, eq=False)
class ImageLoss:
    """What a model loses on one image.

    Attributes:
        pixels: Those that are not void.
        wrong: The share of them that is wrong, 0..1.
        missed: By class, pixels of it that were decided otherwise (false negatives), int64 (K,).
        false: By class, pixels that were wrongly decided for it (false positives), int64 (K,).
    """

    image: str
    pixels: int
    wrong: float
    missed: NDArray[np.int64]
    false: NDArray[np.int64]

    @property
    def lost(self) -> NDArray[np.int64]:
        """The pixels that each class loses: missed and false ones, int64 (K,)."""
        return self.missed + self.false


def image_losses(image_ids: Sequence[str], matrices: NDArray[np.int64]) -> list[ImageLoss]:
    """Return what is lost on each image that has pixels that are not void.

    Args:
        image_ids: The N images.
        matrices: Rows ground truth, columns prediction, the last of them *none*: (N, K, K + 1).

    Example:
        >>> (loss,) = image_losses(["a"], np.array([[[2, 1, 0], [3, 4, 0]]]))
        >>> loss.wrong, loss.missed.tolist(), loss.false.tolist()
        (0.4, [1, 3], [3, 1])
    """
    found = []
    for image, matrix in zip(image_ids, matrices, strict=True):
        right = np.diagonal(matrix)
        missed = matrix.sum(axis=1) - right
        false = matrix.sum(axis=0)[:-1] - right
        if pixels := int(matrix.sum()):
            found.append(ImageLoss(image, pixels, int(missed.sum()) / pixels, missed, false))
    return found


def worst(losses: Sequence[ImageLoss], count: int, of_class: int | None = None) -> list[ImageLoss]:
    """Return the images on which most is lost, the worst first; of equals the earlier one.

    Args:
        of_class: Goes by the pixels that this class loses; None: by the share that is wrong. Images
            on which nothing is lost are left out.
    """

    def loss(found: ImageLoss) -> float:
        return found.wrong if of_class is None else float(found.lost[of_class])

    return sorted((found for found in losses if loss(found)), key=loss, reverse=True)[:count]


def stored_confusions(bundle: Path, split: str, classes: int) -> Confusions | None:
    """Return the matrices that a trial left beside its bundle; None where there are none.

    Args:
        split: ``val`` or ``heldout``; of others none are stored.
        classes: How many the model has: matrices of another number are of another model.

    Raises:
        WorkError: When the file is damaged.
    """
    path = bundle.parent / CONFUSIONS_FILE
    found = load_confusions(path).get(split) if path.is_file() else None
    return found if found and found.by[OWN].shape[1] == classes else None
