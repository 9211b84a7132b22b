"""Augmentation of training images: flip, scale and crop, colour.

The only module that imports albumentations, whose successor has another licence.
"""

import math
import os
import random
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# albumentations asks a server for updates when it is imported.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations

from segexp.labels.taxonomy import VOID

Pixels = NDArray[np.uint8]
Augmentation = Callable[[Pixels, Pixels, int], tuple[Pixels, Pixels]]

# ImageNet's mean colour: near 0 after normalisation with the data's statistics or ImageNet's.
FILL = (124, 116, 104)


def make_augmentation(
    strength: float, image_size: tuple[int, int], zoom: float | None = None
) -> Augmentation:
    """Build the augmentation of one whole training image and its labels.

    In this order, each from the seed that the call is given:

    - horizontal flip, with probability min(0.5, strength);
    - resize by a factor drawn from 1 +- zoom, images bilinear, labels by nearest
      neighbour, both with the pixels' centres aligned (OpenCV's plain ``INTER_NEAREST`` aligns
      corners: labels would lie half a pixel below their image and to the right); where the result
      is smaller than ``image_size`` it is put at a random place, with a plain colour around the
      image and ``VOID`` around the labels; where it is larger, a random part is cut out (an image
      of so few pixels on a side that none would be left is padded first);
    - with probability 0.8, brightness, contrast and saturation by factors from 1 +- 0.4 strength
      and a shift of the hue by up to 0.05 strength of the circle, in random order.

    Args:
        strength: 0 for no change of these, not even a flip, to 1.
        image_size: Height and width of what is returned, in pixels.
        zoom: 0 to below 1; None for half of the strength.

    Returns:
        A function of an image (H, W, 3) uint8, its labels (H, W) uint8 and a seed of at least 0.
        It returns the new pair, which at strength and zoom 0 is the old one and not a copy. The
        seed alone decides what happens, so the result depends neither on the order of calls nor on
        the number of workers. Not to be called from two threads at once.

    Raises:
        ValueError: ``strength`` is not in 0..1.
    """
    flip, color = _flip_and_color(strength)
    zoom = zoom_of(strength, zoom)
    height, width = image_size
    moves = [
        albumentations.RandomScale(
            scale_limit=(-zoom, zoom),
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_NEAREST_EXACT,
            p=1,
        ),
        albumentations.PadIfNeeded(
            height,
            width,
            position="random",
            border_mode=cv2.BORDER_CONSTANT,
            fill=FILL,
            fill_mask=VOID,
            p=1,
        ),
        albumentations.RandomCrop(height, width, p=1),
    ]
    augment = _composed([*flip, *(moves if strength or zoom else []), *color])
    least = math.ceil(1 / (1 - zoom))  # RandomScale rounds down: shorter sides may come to 0
    return lambda image, labels, seed: augment(*_at_least(least, image, labels), seed)


def _at_least(side: int, image: Pixels, labels: Pixels) -> tuple[Pixels, Pixels]:
    """Pad at the right and at the bottom what is shorter than ``side``."""
    height, width = labels.shape
    return padded(image, labels, (max(side, height), max(side, width)))


def padded(
    image: Pixels, labels: Pixels, size: tuple[int, int], place: tuple[int, int] = (0, 0)
) -> tuple[Pixels, Pixels]:
    """Put an image and its labels into a larger frame: a plain colour, and void.

    Args:
        image: Shape (H, W, 3).
        labels: Shape (H, W).
        size: Of the frame.
        place: Top and left of the image in it.
    """
    height, width = labels.shape
    if (height, width) == size:
        return image, labels
    frame = np.full((*size, 3), FILL, np.uint8)
    void = np.full(size, VOID, np.uint8)
    inside = np.s_[place[0] : place[0] + height, place[1] : place[1] + width]
    frame[inside], void[inside] = image, labels
    return frame, void


def make_finish(strength: float) -> Augmentation:
    """Build what `make_augmentation` does but for moves: for a part that is scaled already."""
    flip, color = _flip_and_color(strength)
    return _composed([*flip, *color])


def zoom_of(strength: float, zoom: float | None) -> float:
    """Return by how much factors differ from 1; half of the strength where nothing is said."""
    return 0.5 * strength if zoom is None else zoom


def _flip_and_color(strength: float) -> tuple[list[Any], list[Any]]:
    """Return the transforms before and after the moves; none at strength 0."""
    if not 0 <= strength <= 1:
        raise ValueError(f"{strength=} is not in 0..1")
    if strength == 0:
        return [], []
    hue = 0.05 * strength
    factor = (1 - 0.4 * strength, 1 + 0.4 * strength)
    color = albumentations.ColorJitter(
        brightness=factor,
        contrast=factor,
        saturation=factor,
        hue=(-hue, hue),
        p=0.8,
    )
    return [albumentations.HorizontalFlip(p=min(0.5, strength))], [color]


def _composed(transforms: list[Any]) -> Augmentation:
    if not transforms:
        return lambda image, labels, seed: (image, labels)
    transform = albumentations.Compose(transforms)

    def augment(image: Pixels, labels: Pixels, seed: int) -> tuple[Pixels, Pixels]:
        # `set_random_seed` would give every transform the same stream of numbers, so that a flip
        # would come with a small factor, and takes 0.09 ms; one shared stream takes 0.01 ms.
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        result = transform(image=image, mask=labels)
        return result["image"], result["mask"]

    return augment
