"""The augmentation of `segexp.data.augment` for whole batches, on the device that holds them.

What is drawn has the same distribution, and what is drawn is done as albumentations 2.0.8 and
OpenCV do it, to one grey level. All that is random is drawn on the host for an epoch at once; the
rest is arithmetic of fixed shapes, so that no step waits for the device.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from segexp.data.augment import COLOUR_PROBABILITY, FILL, check_strength, flip_probability, ranges
from segexp.labels.taxonomy import VOID

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)

# One number for each: flip, factor, place down, place across, whether colours change, four colour
# factors, and four whose ranks are the order.
_NUMBERS = 13

_HUES = 180  # OpenCV's 8-bit hue counts steps of 2 degrees


@dataclass(frozen=True)
class Draws:
    """What is done to each of N images.

    Attributes:
        flip: Whether the image is mirrored, bool (N,).
        size: Height and width that it is then resized to, int64 (N, 2).
        place: Where its upper left corner then lies in the result, int64 (N, 2), down and across:
            above 0 pads, below 0 cuts off.
        order: The four colour operations in their order, int64 (N, 4).
        factors: Of brightness, contrast and saturation, with 1 for no change, and the shift of
            the hue in circles, with 0 for no change; float64 (N, 4).
    """

    flip: Tensor
    size: Tensor
    place: Tensor
    order: Tensor
    factors: Tensor

    def __getitem__(self, images: Tensor | slice) -> "Draws":
        """Return the draws of some of the images."""
        return self._changed(lambda values: values[images])

    def to(self, device: torch.device) -> "Draws":
        """Copy to a device; a GPU's host does not wait for it."""
        return self._changed(lambda values: send(values, device))

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        return Draws(*(change(getattr(self, field.name)) for field in fields(self)))


def send(values: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the host to a device; a GPU's host does not wait for it."""
    if device.type == "cuda":  # only what is pinned is copied while the host goes on
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def draw(strength: float, image_size: tuple[int, int], count: int, seed: int, epoch: int) -> Draws:
    """Draw what an epoch does to the images 0..count-1 of a split.

    What image i gets depends on strength, size, seed, epoch and i alone.

    Raises:
        ValueError: ``strength`` is not in 0..1.
    """
    check_strength(strength)
    numbers = np.random.default_rng([seed, epoch, 1]).random((count, _NUMBERS))
    zoom, colour, hue = ranges(strength)
    source = np.array(image_size)
    # RandomScale cuts the size to whole pixels.
    size = (source * (1 + zoom * (2 * numbers[:, 1:2] - 1))).astype(np.int64)
    # PadIfNeeded and RandomCrop: all places at which nothing is lost, or nothing padded, alike.
    free = source - size
    place = np.sign(free) * np.floor(numbers[:, 2:4] * (abs(free) + 1)).astype(np.int64)
    spread = np.array([colour, colour, colour, hue])
    untouched = np.array([1.0, 1.0, 1.0, 0.0])
    factors = untouched + spread * (2 * numbers[:, 5:9] - 1)
    factors[numbers[:, 4] >= COLOUR_PROBABILITY] = untouched
    return Draws(
        flip=torch.from_numpy(numbers[:, 0] < flip_probability(strength)),
        size=torch.from_numpy(size),
        place=torch.from_numpy(place),
        order=torch.from_numpy(numbers[:, 9:].argsort(axis=1)),
        factors=torch.from_numpy(factors),
    )


def augment_batch(images: Tensor, classes: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Do what was drawn to a batch; the result has its shapes.

    Args:
        images: uint8 (N, 3, H, W); channels-last is the fast way.
        classes: uint8 (N, H, W); ``VOID`` is put around them.
        draws: Of these N images, on their device.

    Returns:
        New images, in channels-last memory, and new classes.
    """
    height, width = classes.shape[1:]
    flip = draws.flip[:, None]
    rows = _along(height, draws.size[:, :1], draws.place[:, :1], torch.zeros_like(flip))
    columns = _along(width, draws.size[:, 1:], draws.place[:, 1:], flip)
    outside = ~(rows.inside[:, :, None] & columns.inside[:, None, :])
    pixels = _resample(images, rows, columns)
    for channel, value in enumerate(FILL):
        pixels[:, channel].masked_fill_(outside, value)
    pixels = _change_colours(pixels, draws.order, draws.factors)
    number = torch.arange(len(classes), device=classes.device)[:, None]
    chosen = classes[number, rows.nearest].gather(
        2, columns.nearest[:, None, :].expand(-1, height, -1)
    )
    return (
        pixels.to(torch.uint8).contiguous(memory_format=torch.channels_last),
        chosen.masked_fill_(outside, VOID),
    )


@dataclass(frozen=True)
class _Sampling:
    """Where the pixels of the result come from along one side of length L, each of shape (N, L).

    Attributes:
        low: The first of the two neighbours for bilinear interpolation.
        high: The second.
        weight: Of the second, float32.
        nearest: The one for nearest neighbour.
        inside: Whether there is an image at all.
    """

    low: Tensor
    high: Tensor
    weight: Tensor
    nearest: Tensor
    inside: Tensor


def _along(length: int, size: Tensor, place: Tensor, flip: Tensor) -> _Sampling:
    """Find the sources along one side; size, place and flip have the shape (N, 1).

    As `cv2.resize` by INTER_LINEAR and INTER_NEAREST_EXACT, which align the pixels' centres. Of
    two that are equally near, even places take the earlier and odd places the later one, so that
    masks lie where images do on average; which one OpenCV takes depends on its version.
    """
    position = torch.arange(length, device=size.device) - place
    inside = (position >= 0) & (position < size)
    exact = ((position + 0.5) * (length / size.double()) - 0.5).clamp(0, length - 1)
    low = exact.floor()
    weight = (exact - low).float()
    nearest = ((2 * position + 1) * length - 1 + position % 2).div(2 * size, rounding_mode="floor")
    nearest = nearest.clamp(0, length - 1)
    low = low.long()
    high = (low + 1).clamp(max=length - 1)

    def source(index: Tensor) -> Tensor:
        return torch.where(flip, length - 1 - index, index)

    return _Sampling(source(low), source(high), weight, source(nearest), inside)


def _resample(images: Tensor, rows: _Sampling, columns: _Sampling) -> Tensor:
    """Interpolate bilinearly, to whole grey levels in float32 (N, 3, H, W)."""
    number = torch.arange(len(images), device=images.device)[:, None]
    lines = images.permute(0, 2, 3, 1)
    upper, lower = lines[number, rows.low].float(), lines[number, rows.high].float()
    lines = _between(upper, lower, rows.weight[:, :, None, None]).permute(0, 3, 1, 2)
    left, right = (
        lines.gather(3, chosen[:, None, None, :].expand(lines.shape))
        for chosen in (columns.low, columns.high)
    )
    return _between(left, right, columns.weight[:, None, None, :]).round_()


def _between(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    return second.sub_(first).mul_(weight).add_(first)


def _change_colours(pixels: Tensor, order: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue in each image's own order.

    The hue takes the most time. So it is done once for all images, and each of the other three
    before it or after it: at the places of the order that lie on its other side nothing changes.
    """
    when = (order == HUE).int().argmax(dim=1, keepdim=True)
    place = torch.arange(len(factors.T), device=order.device)
    factor_at = factors.gather(1, order).float()
    before = torch.where(place < when, factor_at, 1.0)
    after = torch.where(place > when, factor_at, 1.0)
    for i in (0, 1, 2):
        pixels = _blend(pixels, order[:, i], before[:, i])
    pixels = _shift_hue(pixels, factors[:, HUE])
    for i in (1, 2, 3):
        pixels = _blend(pixels, order[:, i], after[:, i])
    return pixels


def _blend(pixels: Tensor, kind: Tensor, factor: Tensor) -> Tensor:
    """Move each image away from black, from its mean grey, or from its own grey, by its kind."""
    kind, factor = kind[:, None, None, None], factor[:, None, None, None]
    is_saturation = kind == SATURATION
    red, green, blue = torch.split(pixels, 1, dim=1)
    # OpenCV's 15-bit integers; all sums are whole and below 2^24, so float32 has them exactly.
    grey = (red * 9798).add_(green, alpha=19235).add_(blue, alpha=3735).add_(16384)
    grey = grey.div_(32768).floor_()
    # A sum of whole numbers in double precision has no order that matters.
    mean = grey.mean(dim=(1, 2, 3), keepdim=True, dtype=torch.float64).float()
    mean = mean.masked_fill_(kind == BRIGHTNESS, 0)
    anchor = torch.where(is_saturation, grey, mean).mul_(1 - factor)
    # albumentations cuts off where it has a table, OpenCV's addWeighted rounds.
    anchor.add_(is_saturation * 0.5)
    return (pixels * factor).add_(anchor).floor_().clamp_(0, 255)


def _shift_hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by a share of the circle, shape (N,), as OpenCV does on 8-bit HSV and back.

    Its hue and saturation are rounded to 180 and 256 steps by integer tables; the products are
    below 2^24, so float32 has them exactly. On the way back it cuts off.
    """
    red, green, blue = pixels.unbind(dim=1)
    value = pixels.amax(dim=1)
    spread = value - pixels.amin(dim=1)
    saturation = ((spread * (255 * 4096 / value.clamp_min(1)).round_()) / 4096).add_(0.5).floor_()
    sector = torch.where(
        value == red,
        green - blue,
        torch.where(value == green, blue - red + 2 * spread, red.sub(green).add_(spread, alpha=4)),
    )
    per_step = (_HUES * 4096 / 6 / spread.clamp_min(1)).round_()
    hue = (sector * per_step).div_(4096).add_(0.5).floor_()
    steps = (shift * _HUES).floor().float()[:, None, None]
    place = (hue + steps).remainder_(_HUES).div_(_HUES / 6)
    chroma = value * saturation / 255
    turned = []
    for offset in (5, 3, 1):  # f(n) = V - V S max(0, min(k, 4 - k, 1)), k = (n + H / 60) mod 6
        k = (place + offset).remainder_(6)
        turned.append(value - chroma * torch.minimum(k, 4 - k).clamp_(0, 1))
    return torch.where(shift[:, None, None, None] == 0, pixels, torch.stack(turned, dim=1).floor_())
