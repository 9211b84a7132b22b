"""Cross-entropy plus smp's multiclass Dice loss.

The Dice part is 1 - Dice of each class over the whole batch, 0 for a class that is not in the
batch's masks, averaged over all classes. Weights act on both parts; on Dice as smp's
``class_weights`` do (a weighted mean over classes).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID
from segexp.training.losses._shared import nll, weighted_mean

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True

_DICE_EPS = 1e-7  # smp's default


def of_logits(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the loss; see the package."""
    log_p = F.log_softmax(logits, dim=1)
    return nll(log_p, target, pixels, weights) + _dice(log_p, target, pixels, weights)


def _dice(log_p: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    valid = target != VOID
    index = target.masked_fill(~valid, 0)
    p = log_p.exp() * valid.unsqueeze(1)
    at_target = p.gather(1, index.unsqueeze(1)).flatten()
    intersection = torch.zeros_like(pixels).index_add(0, index.flatten(), at_target)
    score = 2 * intersection / (p.sum(dim=(0, 2, 3)) + pixels).clamp_min(2 * _DICE_EPS)
    return weighted_mean((1 - score) * (pixels > 0), weights)
