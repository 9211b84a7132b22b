"""A network with what comes before and after it, as one: from an image's own pixels to its classes.

This is what leaves segexp (`segexp.training.exports`). No branch depends on a size, so that what is
traced holds for images of every size. (A size, an int elsewhere, is a tensor while it is traced.)
"""

from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segexp.training.network import is_of_one_size
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Reading
from segexp.training.windows import MULTIPLE

Size = tuple[int, int]


class Whole(nn.Module):
    """Images as they are -> classes, probabilities and logits at their own size.

    An image is resized as the bundle says, normalised, padded with zeros at the bottom and at the
    right, and run through the network; the logits are resized bilinearly to the image's own size
    and decided there, as `segexp.evaluation.predict` does. Where an image may be larger than what
    the network sees at once, neither a resize nor windows are inside; see `resizes_inside`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, reading: Reading) -> None:
        super().__init__()
        self.network = _traceable(network)
        self.preprocessing = preprocessing
        self.reading = reading
        mean, std = (torch.tensor(v) * 255 for v in (preprocessing.mean, preprocessing.std))
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("scale", std.reciprocal().view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict images of one size.

        Args:
            images: uint8 RGB, shape (N, H, W, 3).

        Returns:
            The classes, uint8 indices (N, H, W); their probabilities in the data, float32
            (N, C, H, W), see `segexp.training.reading.Reading.probabilities`; and the logits whose
            largest decides, float32 (N, C, H, W).
        """
        own = (images.shape[1], images.shape[2])
        pixels = images.permute(0, 3, 1, 2).float()
        seen = own
        if resizes_inside(self.preprocessing):
            seen = _seen_size(self.preprocessing, own)
            pixels = _resize(pixels, own, seen)
        pixels = (pixels - self.mean) * self.scale
        below, beside = (to - side for to, side in zip(self._padded(seen), seen, strict=True))
        logits = self.network(F.pad(pixels, (0, beside, 0, below)))[:, :, : seen[0], : seen[1]]
        logits = F.interpolate(logits, own, mode="bilinear", align_corners=False)
        classes = logits.argmax(dim=1).to(torch.uint8)
        return classes, self.reading.probabilities(logits), logits

    def traced(self, images: Tensor) -> Any:
        """Return the TorchScript module of one pass over images, as `forward` takes them."""
        return torch.jit.trace(  # type: ignore[no-untyped-call]
            self, (images,), check_trace=False
        )

    def _padded(self, seen: Size) -> Size:
        if is_of_one_size(self.network):
            return self.preprocessing.image_size
        # Of positive numbers: ONNX divides towards zero.
        height, width = ((side + MULTIPLE - 1) // MULTIPLE * MULTIPLE for side in seen)
        return height, width


def resizes_inside(preprocessing: Preprocessing) -> bool:
    """Whether `Whole` takes images of any size and resizes them.

    By the other rules an image may stay larger than the network sees at once, and is seen in
    windows: it is for the caller to resize and to cut it.
    """
    return preprocessing.resize in {"stretch", "fit"}


def _seen_size(preprocessing: Preprocessing, own: Size) -> Size:
    """Do as `segexp.data.resize.resized_size`: of ``fit``, the smaller of what each side allows."""
    largest = preprocessing.image_size
    if preprocessing.resize == "stretch":
        return largest
    height, width = own
    by_width = (2 * height * largest[1] + width) // (2 * width)
    by_height = (2 * width * largest[0] + height) // (2 * height)
    return _within(by_width, largest[0]), _within(by_height, largest[1])


def _within(side: int, largest: int) -> Any:
    return torch.as_tensor(side).clamp(1, largest)


def _resize(pixels: Tensor, own: Size, seen: Size) -> Tensor:
    """Do as `segexp.data.resize.resize_image`, by a matrix for the rows and one for the columns.

    By area these are OpenCV's values, whole numbers, which round halves up where both sides are
    halved, and to even elsewhere. Bilinearly OpenCV computes in fixed point: some values are one
    off. There halves are common: a little more than a half is added, so that all that run this
    graph round them alike.
    """
    shrinks = _both(seen[0] <= own[0], seen[1] <= own[1])
    halves = _both(2 * seen[0] == own[0], 2 * seen[1] == own[1])
    down, across = (_weights(*sides, shrinks) for sides in zip(own, seen, strict=True))
    found = down @ pixels @ across.T
    return torch.where(shrinks & ~halves, found.round(), (found + 0.501).floor())


def _weights(own: int, seen: int, shrinks: Tensor) -> Tensor:
    """Return what each pixel of a side contributes to each new one, shape (seen, own).

    In whole numbers up to one division: what runs the graph rounds in its own ways, and a pixel
    that lies between two values would be another one.
    """
    new, old = torch.arange(seen)[:, None], torch.arange(own)
    first = torch.maximum(old * seen, new * own)
    last = torch.minimum((old + 1) * seen, (new + 1) * own)
    centre = torch.minimum((2 * new + 1) * own - seen, 2 * seen * (own - 1) + 0 * old).clamp(min=0)
    covered, near = last - first, 2 * seen - (centre - 2 * seen * old).abs()
    area, linear = (whole.clamp(min=0).float() for whole in (covered, near))
    return torch.where(shrinks, area / own, linear / (2 * seen))


def _both(first: bool, second: bool) -> Tensor:
    return torch.as_tensor(first) & torch.as_tensor(second)


class _Pool(nn.Module):
    """`nn.AdaptiveAvgPool2d` by two matrices: ONNX has it for fixed sizes that it divides alone."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor) -> Tensor:
        down, across = map(_means, features.shape[-2:], self.size)
        pooled: Tensor = down @ features @ across.T
        return pooled


def _means(length: int, count: int) -> Tensor:
    """Return what each place of a side contributes to each of the means, shape (count, length)."""
    number = torch.arange(count)[:, None]
    first, end = number * length // count, ((number + 1) * length + count - 1) // count
    place = torch.arange(length)
    return ((first <= place) & (place < end)).float() / (end - first)


def _traceable(network: nn.Module) -> nn.Module:
    """Return a copy of a network whose poolings to a grid are traced for every size."""
    copied = deepcopy(network).requires_grad_(False)
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d):
            size: Any = module.output_size
            height, width = (size, size) if isinstance(size, int) else size
            if height and width and (height, width) != (1, 1):  # None: as it is
                copied.set_submodule(name, _Pool((height, width)))
    return copied
