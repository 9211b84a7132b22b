"""Mean and standard deviation of the channels of images."""

import numpy as np
from numpy.typing import NDArray


def channel_mean_std(
    images: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and population standard deviation of each channel, in 0..1; both of shape (3,).

    Counted in whole numbers, one image at a time, so that the sums are exact whatever the
    number of pixels.

    Args:
        images: uint8 (N, H, W, 3).
    """
    counts = np.zeros((3, 256), np.int64)
    for image in images:
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(variance)
