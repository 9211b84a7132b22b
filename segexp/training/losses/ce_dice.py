"""Cross-entropy plus smp's multiclass Dice loss.

The Dice part is 1 - Dice of each class over the whole batch, 0 for a class that is not in the
batch's masks, averaged over all classes. Weights act on both parts; on Dice as smp's
``class_weights`` do (a weighted mean over classes). Of a batch in parts each has a Dice of its own.
"""

import torch.nn.functional as F
from torch import Tensor

from segexp.training.losses._shared import nll, tversky

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True


def of_logits(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float
) -> Tensor:
    """Return the loss; see the package."""
    log_p = F.log_softmax(logits, dim=1)
    dice = tversky(log_p, target, pixels, weights, alpha=0.5, beta=0.5)
    return nll(log_p, target, pixels, weights, smoothing) + dice
