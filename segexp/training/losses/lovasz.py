"""smp's Lovasz-Softmax with ``per_image=False`` (Berman et al. 2018).

Mean over the classes in the batch's masks; with weights, a weighted mean over them. Of a batch in
parts each is sorted alone, and has the classes of its own masks.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = False


def of_logits(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the loss; see the package."""
    valid = target != VOID
    index = target.masked_fill(~valid, 0).unsqueeze(1)
    truth = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, index, valid.unsqueeze(1))
    # An error of 0 adds nothing to the loss, wherever it is sorted, so void pixels may stay.
    errors = (truth.float() - F.softmax(logits, dim=1)).abs() * valid.unsqueeze(1)

    scored = _classes_to_sort(pixels)
    by_class = errors.transpose(0, 1).flatten(1)[scored]
    slope = _lovasz_slope(by_class.detach(), truth.transpose(0, 1).flatten(1)[scored])
    per_class = (by_class * slope).sum(dim=1)
    counts = (pixels[scored] > 0).float()
    if weights is not None:
        counts = counts * weights[scored]
    return (per_class * counts).sum() / counts.sum().clamp_min(torch.finfo(torch.float32).tiny)


def _classes_to_sort(pixels: Tensor) -> Tensor:
    """Return the present classes; on a GPU all classes, as finding them would wait for the device.

    An absent class counts for nothing, but sorting it takes time.
    """
    if pixels.device.type != "cpu":
        return torch.arange(len(pixels), device=pixels.device)
    return pixels.nonzero().flatten()


def _lovasz_slope(errors: Tensor, truth: Tensor) -> Tensor:
    """Gradient of the Lovász extension of the Jaccard loss (Berman et al. 2018, algorithm 1).

    Args:
        errors: Errors, shape (C, P), in 0..1.
        truth: Whether the pixel is of the class, shape (C, P).

    Returns:
        The factor of each error in the loss, shape (C, P), float32.
    """
    order = _descending(errors)
    found = truth.gather(1, order).cumsum(1, dtype=torch.float32)
    total = found[:, -1:]
    rank = torch.arange(1, errors.shape[1] + 1, device=errors.device, dtype=torch.float32)
    jaccard = 1 - (total - found) / (total + rank - found)
    slope = jaccard.diff(dim=1, prepend=jaccard.new_zeros(len(jaccard), 1))
    return torch.empty_like(errors).scatter_(1, order, slope)


def _descending(errors: Tensor) -> Tensor:
    """Return the indices that sort each row from large to small."""
    if errors.device.type != "cpu":
        return errors.argsort(dim=1, descending=True)
    # numpy sorts with vector instructions: on the CPU this takes a third of torch's time.
    return torch.from_numpy(np.argsort(-errors.numpy(), axis=1))
