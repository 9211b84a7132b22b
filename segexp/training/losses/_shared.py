"""Functions that several losses share."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID


def nll(log_p: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of -log p at the target, weighted by class; 0 without a valid pixel."""
    total = F.nll_loss(log_p, target, weights, ignore_index=VOID, reduction="sum")
    mass = pixels.sum() if weights is None else (pixels * weights).sum()
    return total / mass.clamp_min(torch.finfo(torch.float32).tiny)


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over classes, each with its weight."""
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum()
