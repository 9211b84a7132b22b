"""How far a model's probabilities hold: how sure it is, against how often it is right."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segexp.evaluation.rulers import Ruler

BINS = 15
"""Of equal width over 0..1, as Guo et al. 2017 have."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Pixels by how sure a model was of what it decided there.

    The confidence of a pixel is the probability, in the data, of the class that was decided. The
    first bin begins at 0; bin m of M holds confidences above m / M, up to (m + 1) / M.

    Attributes:
        pixels: In each bin, int64 (BINS,); void is left out.
        right: Those that were decided right, int64 (BINS,).
        confidence: The sum of their confidences, float64 (BINS,).
    """

    pixels: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            self.pixels + other.pixels,
            self.right + other.right,
            self.confidence + other.confidence,
        )

    @property
    def ece(self) -> float:
        """The expected calibration error, 0..1; NaN without pixels.

        The mean over all pixels of the difference, in their bin, between the share that is right
        and the mean confidence (Guo et al. 2017, On calibration of modern neural networks, eq. 3).
        """
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum() / total) if total else math.nan

    def table(self) -> dict[str, list[Any]]:
        """Return the bins that have pixels, for JSON and people, as columns.

        Returns:
            ``from`` and ``to``, the confidences of a bin; ``pixels``; ``right``, the share that is
            right; ``confidence``, its mean.
        """
        used = np.flatnonzero(self.pixels)
        pixels = self.pixels[used]
        return {
            "from": (used / BINS).tolist(),
            "to": ((used + 1) / BINS).tolist(),
            "pixels": pixels.tolist(),
            "right": (self.right[used] / pixels).tolist(),
            "confidence": (self.confidence[used] / pixels).tolist(),
        }


def nothing_counted() -> Reliability:
    """Return the reliability of no pixels."""
    none = np.zeros(BINS, np.int64)
    return Reliability(none, none, np.zeros(BINS))


def count_confidence(confidence: Tensor, is_right: Tensor) -> Reliability:
    """Sort pixels into bins.

    Args:
        confidence: Of pixels that are not void, 0..1, shape (P,).
        is_right: Whether they were decided right, bool (P,).
    """
    sure = confidence.double().cpu().numpy()
    right = is_right.cpu().numpy()
    bins = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return Reliability(
        np.bincount(bins, minlength=BINS),
        np.bincount(bins[right], minlength=BINS),
        np.bincount(bins, sure, minlength=BINS).astype(np.float64),
    )


def confidence_in(logits: Tensor, decided: Tensor, ruler: Ruler) -> Tensor:
    """Return how probable, in the data, what was decided is, in a ruler's space.

    Where classes of the model merge, their probabilities are added; those of all classes outside of
    the space are the confidence of *none*. A loss with class weights shifts decisions to rare
    classes on purpose: the confidence in them may then be low.

    Args:
        logits: Shape (N, C, H, W).
        decided: Classes of the ruler's space, K for *none*, shape (N, H, W).

    Returns:
        float32 (N, H, W), 0..1.
    """
    columns = ruler.columns.to(logits.device)
    found = []
    for own, classes in zip(logits, decided, strict=True):  # one image at a time bounds the memory
        every = ruler.reading.probabilities(own[None])[0]
        summed = every.new_zeros(len(ruler.space.classes) + 1, *every.shape[1:])
        summed.index_add_(0, columns, every)
        found.append(summed.gather(0, classes[None].long())[0].clamp_(max=1))
    return torch.stack(found)
