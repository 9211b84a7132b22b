"""Resizing, in training as in prediction: images by area or bilinear, masks by nearest."""

import cv2
import numpy as np
from numpy.typing import NDArray


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an image, shape (H, W, 3), to ``size`` (height, width); the aspect may change.

    cv2.INTER_AREA where neither side grows (it averages, so that nothing aliases), otherwise
    cv2.INTER_LINEAR.
    """
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    shrinks = size[0] <= height and size[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=method), np.uint8)


def resize_labels(labels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a mask, shape (H, W), to ``size`` (height, width) by nearest neighbour only.

    Pixel centres are aligned, as in torch's ``nearest-exact``: the picked row is
    floor((i + 1/2) * H / height), in whole numbers so that nothing depends on rounding.
    """
    if labels.shape == size:
        return labels
    rows = (2 * np.arange(size[0]) + 1) * labels.shape[0] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * labels.shape[1] // (2 * size[1])
    resized: NDArray[np.uint8] = labels.take(rows, axis=0).take(columns, axis=1)
    return resized
