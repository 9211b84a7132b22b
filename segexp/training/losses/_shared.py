"""Functions that several losses share."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID

_EPS = 1e-7  # smp's default


def nll(
    log_p: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float = 0.0
) -> Tensor:
    """Mean of -log p at the target, weighted by class; 0 without a valid pixel.

    Args:
        smoothing: With this probability the true class is taken to be any of all C (Szegedy et al.
            2016), as torch has it, with the weights of the classes.
    """
    if smoothing:
        return nll_of_pixels(log_p, target, torch.ones_like(log_p[:, 0]), weights, smoothing)
    total = F.nll_loss(log_p, target, weights, ignore_index=VOID, reduction="sum")
    mass = pixels.sum() if weights is None else (pixels * weights).sum()
    return total / mass.clamp_min(torch.finfo(torch.float32).tiny)


def nll_of_pixels(
    log_p: Tensor, target: Tensor, factors: Tensor, weights: Tensor | None, smoothing: float = 0.0
) -> Tensor:
    """Mean of -log p, weighted by class and by pixel: factors (N, H, W), any where void."""
    valid = target != VOID
    terms = F.nll_loss(log_p, target, weights, ignore_index=VOID, reduction="none")
    factors = mass = factors * valid
    if weights is not None:
        mass = mass * weights[target.masked_fill(~valid, 0)]
    if smoothing:
        of_classes = -log_p if weights is None else -log_p * weights.view(-1, 1, 1)
        terms = (1 - smoothing) * terms + smoothing * of_classes.mean(1)
    return (factors * terms).sum() / mass.sum().clamp_min(torch.finfo(torch.float32).tiny)


def tversky(
    log_p: Tensor,
    target: Tensor,
    pixels: Tensor,
    weights: Tensor | None,
    *,
    alpha: float,
    beta: float,
) -> Tensor:
    """Return smp's multiclass Tversky loss over the whole batch (Salehi et al. 2017).

    1 - TP / (TP + alpha FP + beta FN) of each class, with probabilities for counts; 0 for a class
    that is not in the batch's masks; averaged over all classes. With 1/2 and 1/2 it is Dice.
    """
    valid = target != VOID
    index = target.masked_fill(~valid, 0)
    p = log_p.exp() * valid.unsqueeze(1)
    at_target = p.gather(1, index.unsqueeze(1)).flatten()
    found = torch.zeros_like(pixels).index_add(0, index.flatten(), at_target)
    predicted = p.sum(dim=(0, 2, 3))
    size = alpha * predicted + beta * pixels + (1 - alpha - beta) * found
    score = found / size.clamp_min(_EPS)
    return weighted_mean((1 - score) * (pixels > 0), weights)


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over classes, each with its weight."""
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum()
