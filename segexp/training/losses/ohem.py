"""Cross-entropy on the hard pixels of a batch (OHEM, Shrivastava et al. 2016).

A pixel is hard where the probability of its class is under 0.7, as in mmsegmentation's
OHEMPixelSampler; where fewer than a sixteenth of the valid pixels are, the hardest sixteenth is
taken, as BiSeNet's authors do (mmsegmentation asks for a number of pixels, which would change its
meaning with the image size). The mean is over these pixels, with class weights as cross-entropy has
them. Of a batch in parts each has its own hardest pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.labels.taxonomy import VOID
from segexp.training.losses._shared import nll_of_pixels

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = True

_HARD = 0.7
_ONE_OF = 16


def of_logits(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None, smoothing: float
) -> Tensor:
    """Return the loss; see the package."""
    log_p = F.log_softmax(logits, dim=1)
    hard = _is_hard(log_p.detach(), target, pixels)
    return nll_of_pixels(log_p, target, hard.float(), weights, smoothing)


def _is_hard(log_p: Tensor, target: Tensor, pixels: Tensor) -> Tensor:
    """Whether each pixel counts, (N, H, W); anything where it is void."""
    valid = target != VOID
    at_target = log_p.gather(1, target.masked_fill(~valid, 0).unsqueeze(1)).squeeze(1)
    p = at_target.exp().masked_fill(~valid, torch.inf)
    count = pixels.sum().long() // _ONE_OF
    return p < _ascending_at(p.flatten(), count).clamp_min(_HARD)


def _ascending_at(values: Tensor, place: Tensor) -> Tensor:
    """Return the value at a place, from 0, of the sorted values; it is among the first part."""
    if values.device.type == "cpu":
        return values.kthvalue(int(place) + 1).values
    # The place stays on the device: only how many it can be at most is known here.
    least = values.topk(len(values) // _ONE_OF + 1, largest=False).values
    return least.gather(0, place.view(1)).squeeze(0)
