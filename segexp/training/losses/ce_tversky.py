"""Cross-entropy plus smp's multiclass Tversky loss: a missed pixel counts more than a false one.

Salehi et al. 2017 found 0.3 for false positives and 0.7 for false negatives best, for small
structures. Where `ce_dice` balances the two, this finds more of what is small, and more that is
not there. Weights act as in `ce_dice`. Of a batch in parts each has a Tversky loss of its own.
"""

import torch.nn.functional as F
from torch import Tensor

from segexp.training.losses._shared import nll, tversky

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True

_FALSE_POSITIVE, _FALSE_NEGATIVE = 0.3, 0.7


def of_logits(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float
) -> Tensor:
    """Return the loss; see the package."""
    log_p = F.log_softmax(logits, dim=1)
    overlap = tversky(log_p, target, pixels, weights, alpha=_FALSE_POSITIVE, beta=_FALSE_NEGATIVE)
    return nll(log_p, target, pixels, weights, smoothing) + overlap
