"""Whether an exported model is the model: on images of odd sizes, against torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segexp.core.errors import WorkError, first_line
from segexp.evaluation.predict_one import predict_one
from segexp.training.compute import Compute
from segexp.training.exports import OUTPUTS, Opened
from segexp.training.preprocess import Preprocessing
from segexp.training.whole import Whole, resizes_inside

IMAGES = 20

MAX_QUOTED = 200
"""Characters of an error of what runs the files."""

LOGITS = 1e-3
"""The bound of the mean difference between an image's logits, as a share of their deviation. Not of
the largest: a resized value that lies between two whole ones may be rounded to either, and moves
the logits around one pixel."""

CLASSES = 0.01
"""The bound of the share of pixels with another class than `segexp predict` gives them. Where a
side of an image grows, OpenCV computes in fixed point: pixels are off by one of 255 here and there.
"""

Size = tuple[int, int]


@dataclass(frozen=True)
class Agreement:
    """How far an exported model agrees with the saved one, in float32.

    Attributes:
        sizes: Height and width of each image that was compared.
        pixels: Theirs, all together.
        logits: The largest difference from the logits of the same graph in torch.
        mean: Their mean difference, of the image where it is largest.
        deviation: The standard deviation of these logits over an image, the mean of all classes.
        changed: Pixels with another class than in torch.
        moved: Pixels with another class than in the mask of `segexp predict`.
    """

    sizes: tuple[Size, ...]
    pixels: int
    logits: float
    mean: float
    deviation: float
    changed: int
    moved: int

    def fault(self) -> str | None:
        """Say what is over a bound; None where nothing is."""
        if not self.mean <= LOGITS * self.deviation:  # NaN is over every bound
            return (
                f"its logits differ from torch's by {self.mean:.2g} in the mean of an image, over "
                f"a thousandth of their deviation, {self.deviation:.3g}"
            )
        if self.moved > CLASSES * self.pixels:
            share = self.moved / self.pixels
            return f"{share:.1%} of the pixels have another class than by `segexp predict`"
        return None


def compare(opened: Opened, whole: Whole, network: nn.Module, sizes: Sequence[Size]) -> Agreement:
    """Compare an exported file with the graph that it was made of, and with `segexp predict`.

    Every second image is one of a batch of two.

    Args:
        whole: In evaluation mode, on the CPU.
        network: The bundle's own, likewise.
        sizes: Height and width of each image.

    Raises:
        WorkError: When the file does not run on one of them.
    """
    compute = Compute(torch.device("cpu"), bf16=False, channels_last=False)
    differences, deviations = [], []
    pixels = changed = moved = 0
    for number, size in enumerate(sizes):
        image = _image(number, size)
        images = np.stack([image, image[::-1]][: 1 + number % 2])
        try:
            classes, logits = opened.run(images, ["classes", "logits"])
        except Exception as error:  # what runs the files has no common base of errors
            raise WorkError(
                f"does not run on images of {size[0]}x{size[1]}: {first_line(error)[:MAX_QUOTED]}; "
                "a network that only sees one size (data.resize: stretch) may"
            ) from error
        with torch.inference_mode():
            true = dict(zip(OUTPUTS, whole(torch.from_numpy(images)), strict=True))
        difference = np.abs(logits - true["logits"].numpy())
        differences.append((difference.max(), difference.mean()))
        deviations.append(float(true["logits"].std(dim=(2, 3)).mean()))
        mask, _ = predict_one(network, whole.preprocessing, compute, image)
        pixels += mask.size
        changed += int((classes[0] != true["classes"][0].numpy()).sum())
        moved += int((classes[0] != mask).sum())
    largest, mean = np.max(differences, axis=0).tolist()  # NaN where one is
    deviation = float(np.mean(deviations))
    return Agreement(tuple(sizes), pixels, largest, mean, deviation, changed, moved)


def odd_sizes(preprocessing: Preprocessing) -> tuple[Size, ...]:
    """Return sizes of images for `compare`, all sides odd: small, large, narrow and wide.

    Where an image is resized, from two fifths to nine fifths of what the network sees on each side;
    else up to that.
    """
    low, high = (0.4, 1.8) if resizes_inside(preprocessing) else (0.4, 0.99)
    draw = np.random.default_rng(0)
    shares = draw.uniform(low, high, (IMAGES, 2))
    sides = (shares * preprocessing.image_size).astype(int) // 2 * 2 + 1
    return tuple((int(height), int(width)) for height, width in sides)


def _image(number: int, size: Size) -> NDArray[np.uint8]:
    """Draw an image with smooth areas and edges."""
    draw = np.random.default_rng(number)
    coarse = draw.integers(0, 256, (6, 8, 3), np.uint8)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.int16)
    image[size[0] // 3 :, : size[1] // 2] //= 2
    noisy: NDArray[np.int64] = image + draw.integers(-12, 13, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)
