"""The pictures of a gallery: image, truth, predictions, and where two of them differ."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segexp.data.resize import resize_image, resize_labels
from segexp.report.differences import (
    BOTH_WRONG,
    FIRST_RIGHT,
    LAST_RIGHT,
    rights,
    with_none,
)
from segexp.report.pictures import Pixels, mark_pixels, paint_hatched

MAX_WIDTH = 640
"""Of a picture, in pixels: wider ones are subsampled by a whole factor."""

PHOTO_QUALITY = 70
LOSSLESS = 101
"""WebP's quality, 1..100; above, OpenCV keeps every pixel."""

NO_IMAGE = 200
"""The grey on which differences are marked where there is no image."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One image, and what each model predicts for it in one label space of K classes.

    Attributes:
        image: RGB, shape (h, w, 3), of any size; None where there is none.
        truth: Classes or VOID, shape (H, W).
        predictions: By model: classes, or K for *none*; shape (H, W) each.
    """

    image: Pixels | None
    truth: Pixels
    predictions: Sequence[Pixels]


@dataclass(frozen=True)
class Pane:
    """A picture of a scene.

    Attributes:
        kind: ``image``, ``truth``, ``model`` or ``difference``.
        model: Which model it shows, or which one is compared with the first; -1 for none.
        address: The picture, as a ``data:`` URL.
    """

    kind: str
    model: int
    caption: str
    address: str


def scene_panes(scene: Scene, models: Sequence[str], colors: Pixels) -> list[Pane]:
    """Draw a scene: image, truth, each model, and each later model's difference to the first.

    Photographs are WebP with losses; masks and differences are exact.

    Args:
        colors: Of the K classes, RGB, shape (K, 3).

    Raises:
        ValueError: When a mask holds an index that is not a class.
    """
    return list(_panes(scene, models, colors))


def _panes(scene: Scene, models: Sequence[str], colors: Pixels) -> Iterator[Pane]:
    height, width = scene.truth.shape
    step = max(1, -(-width // MAX_WIDTH), -(-height // (4 * MAX_WIDTH)))  # WebP has a limit
    size = (-(-height // step), -(-width // step))
    truth = resize_labels(scene.truth, size)
    predictions = [resize_labels(each, size) for each in scene.predictions]
    photo = None if scene.image is None else resize_image(scene.image, size)
    if photo is not None:
        yield Pane("image", -1, "image", webp_address(photo, PHOTO_QUALITY))
    yield Pane("truth", -1, "truth", webp_address(paint_hatched(truth, colors), LOSSLESS))
    and_none, _ = with_none(colors, ())
    for place, (name, prediction) in enumerate(zip(models, predictions, strict=True)):
        painted = webp_address(paint_hatched(prediction, and_none), LOSSLESS)
        letter = "A: " if not place else "B: " if len(models) == 2 else ""
        yield Pane("model", place, f"{letter}{name}", painted)
    ground = np.full((*size, 3), NO_IMAGE, np.uint8) if photo is None else _in_few_greys(photo)
    for place, prediction in enumerate(predictions[1:], 1):
        found = rights(truth, predictions[0], prediction)
        marks = [
            (found.only_first, FIRST_RIGHT),
            (found.only_last, LAST_RIGHT),
            (found.neither, BOTH_WRONG),
        ]
        marked = webp_address(mark_pixels(ground, truth, marks), LOSSLESS)
        to = f" to {models[place]}" if len(models) > 2 else ""
        yield Pane("difference", place, f"differences{to}", marked)


def _in_few_greys(photo: Pixels) -> Pixels:
    """Return a photograph in 8 greys: with losses, the colours of single pixels would run."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) // 32 * 32
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)


def webp_address(pixels: Pixels, quality: int) -> str:
    """Return an RGB picture as a ``data:`` URL; at `LOSSLESS` every pixel is kept."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    webp = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return f"data:image/webp;base64,{base64.b64encode(webp.tobytes()).decode()}"
