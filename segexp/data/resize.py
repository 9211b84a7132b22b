"""Resizing, in training as in prediction: images by area or bilinear, masks by nearest."""

from collections import Counter
from collections.abc import Mapping
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.core.data_config import Resize, ShortSide


def resized_size(
    rule: Resize, own: tuple[int, int], image_size: tuple[int, int]
) -> tuple[int, int]:
    """Return the height and width to which an image is brought, at least 1 each.

    - ``stretch``: ``image_size``; the shape may change.
    - ``fit``: as large as fits into ``image_size`` in its own shape.
    - ``none``: its own size.
    - ``short_side``: its shorter side has so many pixels, in its own shape.
    - ``factor``: both sides are multiplied by it.

    Sides are rounded to whole pixels, halves up. What is smaller than ``image_size`` is padded with
    void when it is seen, and what is larger is seen in parts.

    Args:
        rule: ``data.resize``.
        own: Height and width of the image.
        image_size: ``data.image_size``, the largest part that the network sees at once.
    """
    height, width = own
    if rule == "stretch":
        return image_size
    if rule == "none":
        return own
    if rule == "fit":
        if height * image_size[1] >= width * image_size[0]:  # its height decides
            return image_size[0], _scaled(width, image_size[0], height)
        return _scaled(height, image_size[1], width), image_size[1]
    if isinstance(rule, ShortSide):
        shorter = min(own)
        return _scaled(height, rule.short_side, shorter), _scaled(width, rule.short_side, shorter)
    return max(1, int(height * rule.factor + 0.5)), max(1, int(width * rule.factor + 0.5))


def resized_sizes(
    sizes: Mapping[tuple[int, int], int], rule: Resize, image_size: tuple[int, int]
) -> dict[tuple[int, int], int]:
    """Return how many images have each size after resizing, the most common first.

    Args:
        sizes: Images by their own size.
        rule: As in `resized_size`.
        image_size: Likewise.
    """
    found: Counter[tuple[int, int]] = Counter()
    for own, count in sizes.items():
        found[resized_size(rule, own, image_size)] += count
    return dict(found.most_common())


def describe_stretch(
    sizes: Mapping[tuple[int, int], int], rule: Resize, image_size: tuple[int, int]
) -> str:
    """Say by how much images get another shape, and how they keep it; "" for less than a tenth."""
    if rule != "stretch":
        return ""
    stretches = [
        (max(ratio, 1 / ratio), count)
        for (height, width), count in sizes.items()
        if not 0.9 < (ratio := image_size[1] / image_size[0] / (width / height)) < 1.1
    ]
    if not stretches:
        return ""
    some, images = sum(count for _, count in stretches), sum(sizes.values())
    who = "" if some == images else f"{some} of {images} images "
    up_to = "up to " if len(stretches) > 1 else ""
    most = max(stretches)[0]
    return f"{who}stretched by {up_to}{most:.2f}; data.resize: fit keeps their shape"


def _scaled(side: int, times: int, by: int) -> int:
    return max(1, (2 * side * times + by) // (2 * by))


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

    Pixel centres are aligned, as in torch's ``nearest-exact`` and OpenCV's INTER_NEAREST_EXACT. Of
    two rows that are equally near, which at half the size all are, those take the lower one always:
    the mask would lie a quarter of a pixel above its image. Here even columns take the upper one
    and odd columns the lower one, and so for columns by rows: the mean offset is 0, and within a
    row the columns that are taken stay equally far apart, so that nothing thin vanishes by it.
    """
    if labels.shape == size:
        return labels
    rows = [_nearest(labels.shape[0], size[0], takes_later) for takes_later in (False, True)]
    columns = [_nearest(labels.shape[1], size[1], takes_later) for takes_later in (False, True)]
    resized = np.empty(size, np.uint8)
    for odd_row, odd_column in product((0, 1), repeat=2):
        chosen = np.ix_(rows[odd_column][odd_row::2], columns[odd_row][odd_column::2])
        resized[odd_row::2, odd_column::2] = labels[chosen]
    return resized


def _nearest(length: int, new_length: int, takes_later: bool) -> NDArray[np.intp]:
    """Return which of ``length`` pixels is nearest to each new one, in whole numbers.

    floor((i + 1/2) * length / new_length); where that is whole two are, and unless
    ``takes_later`` it is one less.
    """
    return ((2 * np.arange(new_length) + 1) * length - (not takes_later)) // (2 * new_length)
