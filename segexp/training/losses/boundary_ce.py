"""Cross-entropy that weights pixels near the borders of classes (Ronneberger et al. 2015, U-Net).

A pixel at distance d from the nearest one of another class weighs 1 + 10 exp(-d^2 / (2 s^2)): the
paper's weights, of distances as a king moves in chess, up to 3 s. The paper has s = 5 for cells of
some 50 pixels; here it is 2, as poles and signs are a few pixels wide, and their border is all they
have. Void is no class: it makes no border. The boundary loss of Kervadec et al. 2019 is another
one: it needs distance maps of every class of every mask, and a schedule that mixes it in. Of a
batch in parts each has a mean by its own weights.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID
from segexp.training.losses._shared import nll_of_pixels

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True

_PEAK = 10.0
_SPREAD = 2.0
_REACH = 6


def of_logits(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float
) -> Tensor:
    """Return the loss; see the package."""
    factors = _weights_by_distance(target)
    return nll_of_pixels(F.log_softmax(logits, dim=1), target, factors, weights, smoothing)


def _weights_by_distance(target: Tensor) -> Tensor:
    """Return the weight of each pixel, (N, H, W), float32; anything where it is void."""
    valid = (target != VOID).unsqueeze(1)
    classes = target.unsqueeze(1).float()
    highest = classes.masked_fill(~valid, -torch.inf)
    lowest_negated = -classes.masked_fill(~valid, torch.inf)
    factors = torch.ones_like(classes)
    for distance in range(1, _REACH + 1):
        highest, lowest_negated = (F.max_pool2d(x, 3, 1, 1) for x in (highest, lowest_negated))
        weight = 1 + _PEAK * math.exp(-(distance**2) / (2 * _SPREAD**2))
        is_near = highest != -lowest_negated
        factors = factors.where(~is_near | (factors > 1), weight)
    return factors.squeeze(1)
