"""What happens to an image between its file and the model: part of every bundle."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segexp.device import Compute
from segexp.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SMALLEST_DEVIATION = 1e-6
"""Far under one step of 255 in one pixel of a million; dividing by less gives no finite numbers."""


@dataclass(frozen=True)
class Preprocessing:
    """The size at which a model sees images, and the channel statistics it was trained with.

    Attributes:
        image_size: Height and width in pixels.
        mean: Channel means R, G, B of images scaled to 0..1.
        std: Channel standard deviations of the same.

    Raises:
        InputError: When a mean is not finite, or a deviation under SMALLEST_DEVIATION: a channel
            that has one value in all images cannot be normalised.
    """

    image_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if (
            not all(map(math.isfinite, (*self.mean, *self.std)))
            or min(self.std) < SMALLEST_DEVIATION
        ):
            raise InputError(
                f"channel statistics: mean {self.mean}, deviation {self.std}; a deviation must be "
                f"{SMALLEST_DEVIATION} or more: are all train images of one colour? "
                "data.normalization: imagenet does not need them"
            )

    def normalize(self, images: Tensor) -> Tensor:
        """Turn uint8 images (N, 3, H, W) into float32 of mean 0 and deviation 1, on their device.

        The memory format is kept: channels_last in, channels_last out.
        """
        mean = torch.tensor(self.mean, device=images.device).mul_(255).view(1, 3, 1, 1)
        scale = torch.tensor(self.std, device=images.device).mul_(255).reciprocal_()
        return images.float().sub_(mean).mul_(scale.view(1, 3, 1, 1))


def forward(
    model: nn.Module, images: Tensor, preprocessing: Preprocessing, compute: Compute
) -> Tensor:
    """Run a model on a batch: the one way that training, scoring and prediction share.

    Args:
        model: On the device already.
        images: uint8 (N, 3, H, W), anywhere.
        preprocessing: Normalises the batch on the device.
        compute: The device, memory format and precision.

    Returns:
        Logits (N, C, H, W).
    """
    with compute.autocast():
        logits: Tensor = model(preprocessing.normalize(compute.send(images)))
    return logits


def is_finite(logits: Tensor) -> bool:
    """Whether no value is NaN or infinite: decisions from such logits only look like classes."""
    low, high = torch.aminmax(logits)
    return bool(torch.isfinite(low) & torch.isfinite(high))
