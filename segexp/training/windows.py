"""A model's logits for images of any size: whole where they fit, else in overlapping windows.

Scoring, prediction and everything else but the training step see images through this.
"""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segexp.data.resize import resize_image
from segexp.training.compute import Compute
from segexp.training.network import is_of_one_size
from segexp.training.preprocess import Preprocessing, forward
from segexp.training.views import ONE_VIEW, Views

MULTIPLE = 32
"""What the sides of an image are padded to: encoders halve it up to five times."""

OVERLAP = 0.5
"""The least share of a window that its neighbour sees as well (nnU-Net's default)."""

SIGMA = 1 / 8
"""The deviation of a window's weight, as a share of its side (nnU-Net's): at its border, where the
model sees no surroundings, the weight is a 3,000th of that in its middle."""

PIXELS_AT_ONCE = 1 << 20
"""The pixels of one forward pass, unless a single window has more: they bound the memory."""

Window = tuple[int, int, int]
"""The number of the image in its batch, and the window's top and left."""


def infer(
    model: nn.Module,
    images: Tensor,
    preprocessing: Preprocessing,
    compute: Compute,
    views: Views = ONE_VIEW,
) -> Tensor:
    """Run a model on images of one size, whatever that is.

    A side of at most ``preprocessing.image_size`` is seen whole: padded at the right or at the
    bottom to a multiple of 32 (to all of ``image_size``, if the model sees no other size) with
    zeros after normalisation, the channels' mean. A longer one is seen in windows of
    ``image_size`` that overlap by half or more, the last one flush with the border. Their *logits*
    are averaged with Gaussian weights, and so are those of several views, resized to the image's
    size, as nnU-Net does (Isensee et al. 2021, `predict_from_raw_data`): how probabilities are read
    from logits, `segexp.training.reading`, stays as it was fitted. (DeepLab and mmsegmentation
    average the probabilities of views, by softmax.)

    Args:
        model: On its device already, in evaluation mode.
        images: uint8 (N, 3, H, W), as large as the bundle's resize rule makes them.
        preprocessing: Its ``image_size`` is the largest that the model sees at once.

    Returns:
        Logits (N, C, H, W); the model's own, untouched, where one view is seen whole. Else
        float32.
    """
    height = images.shape[-2]
    blocks = logit_rows(model, images, preprocessing, compute, views)
    first = next(blocks)
    done = first.shape[2]
    if done == height:
        return first
    logits = first.new_empty(*first.shape[:2], *images.shape[-2:])
    logits[:, :, :done] = first
    for block in blocks:
        logits[:, :, done : done + block.shape[2]] = block
        done += block.shape[2]
    return logits


def logit_rows(
    model: nn.Module,
    images: Tensor,
    preprocessing: Preprocessing,
    compute: Compute,
    views: Views = ONE_VIEW,
) -> Iterator[Tensor]:
    """Yield the logits of `infer` from top to bottom, (N, C, rows, W) each.

    No more than two windows' height of them is held at a time, so that a mask of a large image is
    decided in less memory than its logits take. Several views come as one block of all rows.
    """
    if views == ONE_VIEW:
        yield from _seen(model, images, preprocessing, compute)
        return
    size = images.shape[-2:]
    total: Tensor | None = None
    for scale, is_flipped in views:
        seen = _scaled(images, scale)
        seen = seen.flip(-1) if is_flipped else seen
        logits = torch.cat(list(_seen(model, seen, preprocessing, compute)), dim=2).float()
        logits = logits.flip(-1) if is_flipped else logits
        if logits.shape[-2:] != size:
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        total = logits if total is None else total + logits
    assert total is not None
    yield total / len(views)


def _scaled(images: Tensor, scale: float) -> Tensor:
    """Resize images as the data is resized, so that they look alike."""
    if scale == 1:
        return images
    size = [max(1, round(side * scale)) for side in images.shape[-2:]]
    pixels = images.permute(0, 2, 3, 1).cpu().numpy()
    resized = np.stack([resize_image(image, (size[0], size[1])) for image in pixels])
    return torch.from_numpy(resized).permute(0, 3, 1, 2)


def _seen(
    model: nn.Module, images: Tensor, preprocessing: Preprocessing, compute: Compute
) -> Iterator[Tensor]:
    """Yield the logits of one view of the images from top to bottom."""
    count, _, height, width = images.shape
    sizes = [
        _window(side, largest, is_of_one_size(model))
        for side, largest in zip((height, width), preprocessing.image_size, strict=True)
    ]
    size = (sizes[0], sizes[1])
    tops, lefts = places(height, size[0]), places(width, size[1])

    def run(windows: list[Window]) -> Tensor:
        part = torch.stack(
            [images[n, :, top : top + size[0], left : left + size[1]] for n, top, left in windows]
        )
        return forward(model, part, preprocessing, compute, size)

    at_once = max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
    if len(tops) == len(lefts) == 1:
        parts = [
            forward(model, part, preprocessing, compute, size)
            for part in torch.split(images, at_once)
        ]
        yield (parts[0] if len(parts) == 1 else torch.cat(parts))[:, :, :height, :width]
        return
    weight_down, weight_across = _weights(size[0]), _weights(size[1])
    weight = torch.outer(weight_down, weight_across).to(compute.device)
    across = _summed(weight_across, lefts, max(width, size[1])).to(compute.device)
    down = _summed(weight_down, tops, max(height, size[0])).to(compute.device)
    begun: Tensor | None = None
    for top, following in zip(tops, [*tops[1:], None], strict=True):
        windows = [(n, top, left) for n in range(count) for left in lefts]
        total: Tensor | None = None
        for start in range(0, len(windows), at_once):
            chunk = windows[start : start + at_once]
            logits = run(chunk).float() * weight
            if total is None:
                total = logits.new_zeros(count, logits.shape[1], size[0], max(width, size[1]))
                if begun is not None:
                    total[:, :, : begun.shape[2]] = begun
            for (n, _, left), own in zip(chunk, logits, strict=True):
                total[n, :, :, left : left + size[1]] += own
        assert total is not None
        rows = size[0] if following is None else following - top
        begun = total[:, :, rows:].clone()
        shares = torch.outer(down[top : top + rows], across)
        yield total[:, :, :rows].div_(shares)[:, :, : height - top, :width]


def _window(side: int, largest: int, is_fixed: bool) -> int:
    """Return the length of a window along a side of the image."""
    return largest if is_fixed or side > largest else -(-side // MULTIPLE) * MULTIPLE


def places(side: int, window: int, overlap: float = OVERLAP) -> list[int]:
    """Return where the windows along a side begin: evenly spaced, the last flush with the border.

    Args:
        overlap: The least share of a window that it has in common with the next.

    Example:
        >>> places(100, 64)
        [0, 18, 36]
    """
    if side <= window:
        return [0]
    step = max(1, math.floor(window * (1 - overlap)))
    count = math.ceil((side - window) / step)
    return [number * (side - window) // count for number in range(count + 1)]


@cache
def _weights(length: int) -> Tensor:
    """Return the weight of each pixel along a side of a window, 1 in the middle."""
    from_middle = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    return (from_middle / (SIGMA * length)).square().mul(-0.5).exp().float()


def _summed(weights: Tensor, starts: list[int], length: int) -> Tensor:
    """Return the sum of the weights of all windows along a side, for each pixel."""
    total = torch.zeros(length)
    for start in starts:
        total[start : start + len(weights)] += weights
    return total
