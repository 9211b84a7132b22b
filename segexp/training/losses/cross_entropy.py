"""Cross-entropy: torch's, with its class weights (a weighted mean over pixels)."""

import torch.nn.functional as F
from torch import Tensor

from segexp.training.losses._shared import nll

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True


def of_logits(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float
) -> Tensor:
    """Return the loss; see the package."""
    return nll(F.log_softmax(logits, dim=1), target, pixels, weights, smoothing)
