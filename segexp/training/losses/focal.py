"""smp's multiclass focal loss: one *sigmoid* against the rest for each class, gamma 2.

Mean over pixels and classes (Lin et al. 2017). Weights act as smp's ``class_weights``: they weight
the classes' terms, and do not move the minimum of any term.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID
from segexp.training.losses._shared import weighted_mean

ONE_VS_REST = True
WEIGHTS_SHIFT_PROBABILITIES = False

_FOCAL_GAMMA = 2.0  # Lin et al. 2017, and smp's default


def of_logits(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the loss; see the package."""
    valid = target != VOID
    index = target.masked_fill(~valid, 0).unsqueeze(1)
    # With s = -1 at the target's class and 1 elsewhere, the one-vs-rest cross-entropy of a logit x
    # is softplus(s x), and 1 minus the probability of the truth is sigmoid(s x).
    signed = logits * torch.ones_like(logits).scatter_(1, index, -1.0)
    terms = torch.sigmoid(signed).pow(_FOCAL_GAMMA) * F.softplus(signed)
    per_class = (terms * valid.unsqueeze(1)).sum(dim=(0, 2, 3)) / pixels.sum().clamp_min(1)
    return weighted_mean(per_class, weights)
