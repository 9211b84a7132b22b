"""Images whose values lie in another range than their type says."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.source import SampleFault


def refuse_unscaled(path: Path, image: NDArray[np.uint8]) -> None:
    """Refuse an 8-bit image of nothing but 0 and 1: floats in 0..1 that were cut off, or a mask.

    An image of zeros is black and allowed.

    Args:
        path: The image's file.
        image: uint8.

    Raises:
        SampleFault: With what may have happened.
    """
    if image.max() == 1:
        raise SampleFault(
            f"{path}: no value above 1 of 255: floats in 0..1 that were saved as whole numbers, "
            "or a mask; save an image with values in 0..255"
        )
