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
from segexp.report.pictures import LARGEST_WEBP, Pixels, mark_pixels, paint_hatched

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
        full: The same at the size of the truth, as WebP, where that is larger; else None.
    """

    kind: str
    model: int
    caption: str
    address: str
    full: bytes | None = None


@dataclass(frozen=True, eq=False)
class _Drawn:
    kind: str
    model: int
    caption: str
    pixels: Pixels
    quality: int = LOSSLESS


def scene_panes(
    scene: Scene, models: Sequence[str], colors: Pixels, *, full_size: bool = False
) -> list[Pane]:
    """Draw a scene: image, truth, each model, and each later model's difference to the first.

    Photographs are WebP with losses; masks and differences are exact.

    Args:
        colors: Of the K classes, RGB, shape (K, 3).
        full_size: Whether to draw it at its own size, too, where that is larger.

    Raises:
        ValueError: When a mask holds an index that is not a class.
    """
    height, width = scene.truth.shape
    step = max(1, -(-width // MAX_WIDTH), -(-height // (4 * MAX_WIDTH)))  # WebP has a limit
    small = [*_drawn(scene, models, colors, step)]
    full: list[bytes | None] = [None] * len(small)
    if full_size and step > 1 and max(height, width) <= LARGEST_WEBP:
        full = [_webp(each.pixels, each.quality) for each in _drawn(scene, models, colors, 1)]
    return [
        Pane(each.kind, each.model, each.caption, webp_address(each.pixels, each.quality), whole)
        for each, whole in zip(small, full, strict=True)
    ]


def _drawn(scene: Scene, models: Sequence[str], colors: Pixels, step: int) -> Iterator[_Drawn]:
    height, width = scene.truth.shape
    size = (-(-height // step), -(-width // step))
    truth = resize_labels(scene.truth, size)
    predictions = [resize_labels(each, size) for each in scene.predictions]
    photo = None if scene.image is None else resize_image(scene.image, size)
    if photo is not None:
        yield _Drawn("image", -1, "image", photo, PHOTO_QUALITY)
    yield _Drawn("truth", -1, "truth", paint_hatched(truth, colors))
    and_none, _ = with_none(colors, ())
    for place, (name, prediction) in enumerate(zip(models, predictions, strict=True)):
        letter = "A: " if not place else "B: " if len(models) == 2 else ""
        yield _Drawn("model", place, f"{letter}{name}", paint_hatched(prediction, and_none))
    ground = np.full((*size, 3), NO_IMAGE, np.uint8) if photo is None else _in_few_greys(photo)
    for place, prediction in enumerate(predictions[1:], 1):
        found = rights(truth, predictions[0], prediction)
        marks = [
            (found.only_first, FIRST_RIGHT),
            (found.only_last, LAST_RIGHT),
            (found.neither, BOTH_WRONG),
        ]
        to = f" to {models[place]}" if len(models) > 2 else ""
        yield _Drawn("difference", place, f"differences{to}", mark_pixels(ground, truth, marks))


def _in_few_greys(photo: Pixels) -> Pixels:
    """Return a photograph in 8 greys: with losses, the colours of single pixels would run."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) // 32 * 32
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)


def webp_address(pixels: Pixels, quality: int) -> str:
    """Return an RGB picture as a ``data:`` URL; at `LOSSLESS` every pixel is kept."""
    return f"data:image/webp;base64,{base64.b64encode(_webp(pixels, quality)).decode()}"


def _webp(pixels: Pixels, quality: int) -> bytes:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
