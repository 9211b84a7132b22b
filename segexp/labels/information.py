"""What a mapping discards: the entropy of its labels, in bits per pixel.

A mapping with fewer classes is easier to score well on because it says less. Entropy measures how
much less (Cover & Thomas, Elements of Information Theory, chapter 2).
"""

import numpy as np
from numpy.typing import NDArray

from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID


def entropy_bits(pixels: NDArray[np.int64]) -> float:
    """Return the entropy of a histogram in bits per pixel, 0..log2(L); NaN without a pixel.

    Args:
        pixels: Counts, shape (L,), none negative. An empty cell adds nothing.

    Example:
        >>> entropy_bits(np.array([2, 1, 1, 0]))
        1.5
    """
    total = pixels.sum()
    if total == 0:
        return float("nan")
    share = pixels[pixels > 0] / total
    return float(-(share * np.log2(share)).sum()) + 0.0  # -0.0 for a histogram of one cell


def bits_kept(mapping: Mapping, pixels: NDArray[np.int64]) -> float:
    """Return what the mapping keeps of a labelled pixel: P(scored) H(class | scored).

    A pixel whose label the mapping leaves void keeps nothing: no model is trained on it.

    Args:
        mapping: The mapping.
        pixels: Pixels of each label index, shape (256,). Entry ``VOID`` = 255, the unlabelled
            pixels, is not read, whether the mapping makes them a class or not.

    Returns:
        Bits per labelled pixel, 0..``entropy_bits(labels)``; NaN without a labelled pixel.

    Raises:
        ValueError: Another shape, or pixels at an index that is not a label of the taxonomy.
    """
    labels = _labelled(mapping, pixels)
    if labels.sum() == 0:
        return float("nan")
    table = mapping.lookup()[: len(labels)]
    classes = np.bincount(table, weights=labels, minlength=VOID + 1)[: len(mapping.classes)]
    scored = classes.sum()
    return float(scored / labels.sum() * entropy_bits(classes)) if scored else 0.0


def bits_lost(mapping: Mapping, pixels: NDArray[np.int64]) -> float:
    """Return what the mapping discards of a labelled pixel: H(label) - ``bits_kept``.

    Args and errors are those of ``bits_kept``. 0 for a mapping that keeps every label apart, and
    H(label) for one that scores a single class.
    """
    lost = entropy_bits(_labelled(mapping, pixels)) - bits_kept(mapping, pixels)
    return float(np.maximum(lost, 0.0))  # rounding must not give -1e-16; NaN stays NaN


def _labelled(mapping: Mapping, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    if pixels.shape != (VOID + 1,):
        raise ValueError(f"pixels of each label index have shape (256,), got {pixels.shape}")
    known = len(mapping.taxonomy.labels)
    unknown = np.flatnonzero(pixels[known:VOID]) + known
    if len(unknown):
        raise ValueError(
            f"pixels at label indices {unknown.tolist()}: {mapping.taxonomy.name} has "
            f"{known} labels, 0..{known - 1}"
        )
    return pixels[:known]
