"""The part of a large image that training sees: it is drawn first, and only then read.

In this order, from a generator that depends on the seed, the epoch and the image alone:

- a factor from 1 +- zoom: the part has the crop's size divided by it, at most the image's, and is
  scaled to the crop's size;
- with the chance ``rare``, one of the classes that the image has, each in proportion to one over
  its pixels in the train split, and one of its pixels: the part lies around it, as far as the
  border allows (nnU-Net takes one of the image's classes at random, for a third of the parts);
- else a random place; it is drawn again, up to 10 times in all, while one class has more than
  ``max_share`` of the part's pixels that are not void (``cat_max_ratio`` of mmsegmentation);
- where the image is smaller than the crop on one side, the rest is void, at a random place.

An image that is no larger than the crop is seen whole, and none of this is done to it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.data.augment import padded
from segexp.data.label_counts import half_counts
from segexp.data.resize import resize_labels
from segexp.data.split import Split
from segexp.data.tiles import Size
from segexp.labels.taxonomy import VOID

TRIES = 10

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Crops:
    """What is cut out of images.

    Attributes:
        size: Height and width of what is shown.
        zoom: Factors are from 1 +- zoom.
        max_share: The largest share that one class may have; 1 for no limit.
        rare: The chance of a part around a pixel of a rare class.
        pixels: Pixels of each of the C classes in the train split; needed where ``rare`` is not 0.
    """

    size: Size
    zoom: float = 0.0
    max_share: float = 1.0
    rare: float = 0.0
    pixels: NDArray[np.int64] | None = None

    def cut(self, size: Size) -> bool:
        """Whether an image is larger than what is shown of it."""
        return size[0] > self.size[0] or size[1] > self.size[1]


def read_crop(
    split: Split, index: int, lookup: Pixels, crops: Crops, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Draw and read a part of an image that is larger than the crop.

    Args:
        split: The images and label indices.
        index: Of the image.
        lookup: ``Mapping.lookup()``.
        crops: What is cut out.
        rng: All that is random comes from it.

    Returns:
        uint8 (H, W, 3), and class indices with VOID, uint8 (H, W), in the crop's size.
    """
    own = split.size(index)
    factor = rng.uniform(1 - crops.zoom, 1 + crops.zoom)
    wanted = [max(1, round(side / factor)) for side in crops.size]
    height, width = (min(side, most) for side, most in zip(wanted, own, strict=True))
    target = tuple(
        full if side == want else min(full, max(1, round(side * factor)))
        for full, side, want in zip(crops.size, (height, width), wanted, strict=True)
    )
    pixel = None
    if crops.rare and rng.random() < crops.rare:
        pixel = _rare_pixel(split, index, lookup, crops, rng)
    if pixel is not None:
        top, left = (
            min(max(0, place - side // 2), most - side)
            for place, side, most in zip(pixel, (height, width), own, strict=True)
        )
        box = (top, left, height, width)
        classes = lookup[split.label_part(index, box)]
    else:
        for _ in range(TRIES):
            top = int(rng.integers(own[0] - height + 1))
            left = int(rng.integers(own[1] - width + 1))
            box = (top, left, height, width)
            classes = lookup[split.label_part(index, box)]
            if crops.max_share == 1 or _largest_share(classes) <= crops.max_share:
                break
    image = _scaled(split.image_part(index, box), (target[0], target[1]))
    classes = resize_labels(classes, (target[0], target[1]))
    place = [
        int(rng.integers(full - side + 1)) if side < full else 0
        for full, side in zip(crops.size, target, strict=True)
    ]
    return padded(image, classes, crops.size, (place[0], place[1]))


def _rare_pixel(
    split: Split, index: int, lookup: Pixels, crops: Crops, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Draw a class of the image and one of its pixels; None where all of it is void."""
    assert crops.pixels is not None
    labels = split.label(index)
    of_labels = half_counts(labels) if split.counts is None else split.counts[index]
    counts = np.bincount(lookup, weights=of_labels.sum(axis=0), minlength=VOID + 1)[
        : len(crops.pixels)
    ]
    weights = np.where(counts > 0, 1 / np.maximum(crops.pixels, 1), 0.0)
    if not weights.any():
        return None
    chosen = int(rng.choice(len(weights), p=weights / weights.sum()))
    nth = int(rng.integers(counts[chosen]))
    places = np.flatnonzero((lookup == chosen)[labels])
    row, column = divmod(int(places[nth]), labels.shape[1])
    return row, column


def _largest_share(classes: Pixels) -> float:
    """Return the share of the class that has most of what is not void; above 1 for void alone."""
    counts = np.bincount(classes.ravel(), minlength=VOID + 1)[:VOID]
    total = int(counts.sum())
    return float(counts.max()) / total if total else 2.0


def _scaled(image: Pixels, size: Size) -> Pixels:
    """Resize as the augmentation of whole images does: bilinear, with the centres aligned."""
    if image.shape[:2] == size:
        return np.array(image)  # not the cache's own memory
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
