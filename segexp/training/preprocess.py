"""What happens to an image between its file and the model: part of every bundle."""

import math
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segexp.core.config import Config
from segexp.core.data_config import Resize
from segexp.core.errors import InputError, WorkError
from segexp.data.cache import Dataset
from segexp.training.compute import Compute

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SMALLEST_DEVIATION = 1e-6
"""Far below one step of 255 in one pixel of a million; dividing by less is not finite."""


@dataclass(frozen=True)
class Preprocessing:
    """The size at which a model sees images, and the channel statistics it was trained with.

    Attributes:
        image_size: Height and width in pixels of the largest part that it sees at once.
        mean: Channel means R, G, B of images scaled to 0..1.
        std: Channel standard deviations of the same.
        resize: To which size an image is brought; see `segexp.data.resize.resized_size`.

    Raises:
        InputError: When a mean is not finite, or a deviation is below SMALLEST_DEVIATION: a channel
            with one value in all images cannot be normalised.
    """

    image_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Resize = "stretch"

    def __post_init__(self) -> None:
        if (
            not all(map(math.isfinite, (*self.mean, *self.std)))
            or min(self.std) < SMALLEST_DEVIATION
        ):
            raise InputError(
                f"channel statistics: mean {self.mean}, deviation {self.std}; a deviation must be "
                f"{SMALLEST_DEVIATION} or more. Are all train images of one colour? "
                "data.normalization: imagenet does not need these statistics"
            )

    def normalize(self, images: Tensor) -> Tensor:
        """Turn uint8 images (N, 3, H, W) into float32 of mean 0 and deviation 1, on their device.

        The memory format is kept: channels_last in, channels_last out.
        """
        pixels = images.float()
        mean, scale = _shift_and_scale(self.mean, self.std, images.device)
        if not pixels.is_contiguous(memory_format=torch.channels_last):
            return pixels.sub_(mean.view(1, 3, 1, 1)).mul_(scale.view(1, 3, 1, 1))
        # Row by row: runs of three channels would be too short for vector instructions.
        count, channels, height, width = pixels.shape
        rows = pixels.permute(0, 2, 3, 1).view(count, height, width * channels)
        rows.sub_(mean.repeat(width)).mul_(scale.repeat(width))
        return pixels


@cache
def _shift_and_scale(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return what to subtract and multiply by; cached, as a copy to a GPU would wait for it."""
    return (
        torch.tensor(mean, dtype=torch.float32, device=device).mul_(255),
        torch.tensor(std, dtype=torch.float32, device=device).mul_(255).reciprocal_(),
    )


def forward(
    model: nn.Module,
    images: Tensor,
    preprocessing: Preprocessing,
    compute: Compute,
    padded: tuple[int, int] | None = None,
) -> Tensor:
    """Run a model on a batch; training, scoring and prediction all use this.

    Args:
        model: On the device already.
            One that takes pixels normalises and pads them itself; see `takes_pixels`.
        images: uint8 (N, 3, H, W), on any device.
        padded: The height and width that the model sees: normalised images are padded to it with
            zeros at the bottom and at the right. None for their own.

    Returns:
        Logits (N, C, H, W), of the padded size where there is one.
    """
    if takes_pixels(model):
        return _padded(model(images), padded)
    with compute.autocast():
        logits: Tensor = model(_padded(preprocessing.normalize(compute.send(images)), padded))
    return logits


def takes_pixels(model: nn.Module) -> bool:
    """Whether a model takes uint8 images of any size, such as one from an exported file."""
    return bool(getattr(model, "takes_pixels", False))


def _padded(values: Tensor, size: tuple[int, int] | None) -> Tensor:
    if size is None or size == values.shape[-2:]:
        return values
    below, beside = (to - side for to, side in zip(size, values.shape[-2:], strict=True))
    return F.pad(values, (0, beside, 0, below))


class NonFiniteLogitsError(WorkError):
    """The model gave NaN or infinite logits, which argmax would still turn into classes."""


def is_finite(values: Tensor) -> bool:
    """Whether no value is NaN or infinite."""
    if bool(torch.isfinite(values.sum())):  # takes a tenth of the time, but a sum may overflow
        return True
    low, high = torch.aminmax(values)
    return bool(torch.isfinite(low) & torch.isfinite(high))


def make_preprocessing(config: Config, dataset: Dataset) -> Preprocessing:
    """Return the configured statistics: the train split's own, or ImageNet's."""
    size, resize = dataset.image_size, config.data.resize
    if config.data.normalization == "imagenet":
        return Preprocessing(size, IMAGENET_MEAN, IMAGENET_STD, resize)
    red, green, blue = dataset.mean.tolist()
    std_red, std_green, std_blue = dataset.std.tolist()
    return Preprocessing(size, (red, green, blue), (std_red, std_green, std_blue), resize)
