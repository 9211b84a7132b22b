"""Losses and class weights that are right with void pixels.

torch and segmentation-models-pytorch (smp) have these losses, but over a batch without a valid
pixel they return NaN or a non-scalar, and smp's focal and Lovász losses accept ids that are no
class. Here the values equal theirs where theirs are right, and void pixels never count.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segexp.core.errors import InputError, did_you_mean
from segexp.labels.taxonomy import VOID

LOSSES = ("cross_entropy", "ce_dice", "focal", "lovasz")
WEIGHTINGS = ("none", "inverse_frequency", "median_frequency", "effective_number", "enet_log")

Loss = Callable[[Tensor, Tensor], Tensor]

_FOCAL_GAMMA = 2.0  # Lin et al. 2017, and smp's default
_DICE_EPS = 1e-7  # smp's default


def class_weights(
    weighting: str, pixels: NDArray[np.int64], pixels_where_present: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Weight of each class from its pixel counts on the mapped train split.

    With n_c the pixels of class c, N their sum and p_c = n_c / N, before normalisation:

    - ``none``: 1.
    - ``inverse_frequency``: 1 / p_c.
    - ``median_frequency``: median(f) / f_c, where f_c = n_c / (valid pixels of the images that
      contain c) and the median is over the present classes (Eigen & Fergus 2015, section 6.3.2).
    - ``effective_number``: (1 - beta) / (1 - beta^n_c) with beta = 1 - 1/M, M the mean of n_c over
      the present classes (Cui et al. 2019). The paper takes beta = 1 - 1/M for M unique prototypes
      of a class and tries M up to 10^4 on counts of *images*. Pixel counts start where that ends,
      so its values would weight every class alike, and any fixed value would mean something else
      after a change of image size. M as the mean count makes the weights depend on frequencies
      alone: classes much rarer than the mean get nearly 1 / p_c, more frequent ones level off.
    - ``enet_log``: 1 / ln(1.02 + p_c) (Paszke et al. 2016).

    The weights are then scaled so that their mean over the present classes is 1, which leaves the
    size of the loss, and so the learning rate, comparable between weightings. A class without a
    pixel has weight 1, the mean: no count speaks for more or less. The largest weight, the limit of
    the formulas, would let a class that is never seen lead the focal loss, where it is "the rest"
    everywhere, and the validation loss, where it may appear.

    Args:
        weighting: One of ``WEIGHTINGS``.
        pixels: Pixels of each class, shape (C,).
        pixels_where_present: Valid pixels of all images that contain the class, shape (C,). Only
            ``median_frequency`` reads it.

    Returns:
        Finite positive weights, shape (C,).

    Raises:
        InputError: ``weighting`` is none of ``WEIGHTINGS``.
    """
    _check_choice("loss weighting", weighting, WEIGHTINGS)
    weights = np.ones(len(pixels), dtype=np.float64)
    present = np.asarray(pixels) > 0
    if weighting == "none" or not present.any():
        return weights
    count = np.asarray(pixels, dtype=np.float64)[present]
    share = count / count.sum()
    if weighting == "inverse_frequency":
        raw = 1.0 / share
    elif weighting == "median_frequency":
        frequency = count / np.asarray(pixels_where_present, dtype=np.float64)[present]
        raw = np.median(frequency) / frequency
    elif weighting == "effective_number":
        with np.errstate(
            divide="ignore"
        ):  # one pixel a class: beta = 0, and log(0) is the right limit
            log_beta = np.log1p(-1.0 / count.mean())
        raw = -1.0 / np.expm1(count * log_beta)
    else:
        raw = 1.0 / np.log(1.02 + share)
    weights[present] = raw / raw.mean()
    return weights


def make_loss(name: str, weights: Tensor | None = None) -> Loss:
    """Loss of logits against class indices, over the valid pixels of a batch.

    - ``cross_entropy``: torch's, with its class weights (a weighted mean over pixels).
    - ``ce_dice``: cross-entropy plus smp's multiclass Dice loss (1 - Dice of a class over the whole
      batch, 0 for a class that is not in the batch's masks, mean over all classes). Weights: both
      parts, Dice as with smp's ``class_weights`` (a weighted mean over classes).
    - ``focal``: smp's multiclass focal loss, one *sigmoid* against the rest for each class, gamma
      2, mean over pixels and classes (Lin et al. 2017). Weights: as with smp's ``class_weights``.
    - ``lovasz``: smp's Lovász-Softmax with ``per_image=False``, mean over the classes that are in
      the batch's masks (Berman et al. 2018). Weights: a weighted mean over those classes.

    The returned function takes logits (N, C, H, W) of any float dtype and targets (N, H, W), uint8
    or int64, with ``VOID`` = 255, and returns a float32 scalar, computed in float32 under autocast
    too. Void pixels change neither value nor gradient. Without a valid pixel the loss is 0 and so
    is its gradient. On the CPU a target that is neither a class nor void raises a ValueError. On
    CUDA that check would make every step wait for the device; there the kernels' own index
    assertion ends the process.

    Args:
        name: One of ``LOSSES``.
        weights: Class weights, shape (C,), or None for none. Moved to the logits' device on use.

    Raises:
        InputError: ``name`` is none of ``LOSSES``.
    """
    _check_choice("loss", name, LOSSES)
    of_logits = {
        "cross_entropy": _cross_entropy,
        "ce_dice": _ce_dice,
        "focal": _focal,
        "lovasz": _lovasz,
    }[name]
    weights = None if weights is None else weights.detach().to(torch.float32)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        pixels = _pixels_per_class(target, logits.shape[1])
        on_device = None if weights is None else weights.to(logits.device)
        with torch.autocast(logits.device.type, enabled=False):
            # Softmax and scatters take up to twice the time on channels_last. The copy comes before
            # the widening, where it moves half of the bytes.
            plain = logits.contiguous().float()
            return of_logits(plain, target.long(), pixels, on_device)

    return loss


def _check_choice(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        hint = did_you_mean(word, known)
        raise InputError(f"{what} {word!r} is not one of {', '.join(known)}{hint}")


def _pixels_per_class(target: Tensor, num_classes: int) -> Tensor:
    """Count the valid pixels of each class, shape (C,), float32; on the CPU refuse other ids."""
    if target.device.type != "cpu":  # bincount would wait for the device
        classes = torch.arange(num_classes, device=target.device)[:, None]
        return (target.flatten() == classes).sum(dim=1).float()
    if target.dtype != torch.uint8 and target.numel():
        low, high = torch.aminmax(target)
        if low < 0 or high > VOID:
            raise _strange_ids(target, num_classes)
    counts = torch.bincount(target.flatten(), minlength=VOID + 1)
    if counts[num_classes:VOID].any():
        raise _strange_ids(target, num_classes)
    return counts[:num_classes].float()


def _strange_ids(target: Tensor, num_classes: int) -> ValueError:
    wrong = ((target >= num_classes) & (target != VOID)) | (target < 0)
    ids = sorted(set(target[wrong].tolist()))
    return ValueError(
        f"target holds ids {ids} at {int(wrong.sum())} pixels; "
        f"right are 0..{num_classes - 1} and {VOID} (void)"
    )


def _cross_entropy(
    logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None
) -> Tensor:
    return _nll(F.log_softmax(logits, dim=1), target, pixels, weights)


def _nll(log_p: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of -log p at the target, weighted by class; 0 without a valid pixel."""
    total = F.nll_loss(log_p, target, weights, ignore_index=VOID, reduction="sum")
    mass = pixels.sum() if weights is None else (pixels * weights).sum()
    return total / mass.clamp_min(torch.finfo(torch.float32).tiny)


def _ce_dice(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    log_p = F.log_softmax(logits, dim=1)
    return _nll(log_p, target, pixels, weights) + _dice(log_p, target, pixels, weights)


def _dice(log_p: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    valid = target != VOID
    index = target.masked_fill(~valid, 0)
    p = log_p.exp() * valid.unsqueeze(1)
    at_target = p.gather(1, index.unsqueeze(1)).flatten()
    intersection = torch.zeros_like(pixels).index_add(0, index.flatten(), at_target)
    score = 2 * intersection / (p.sum(dim=(0, 2, 3)) + pixels).clamp_min(2 * _DICE_EPS)
    return _weighted_mean((1 - score) * (pixels > 0), weights)


def _focal(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    valid = target != VOID
    index = target.masked_fill(~valid, 0).unsqueeze(1)
    # With s = -1 at the target's class and 1 elsewhere, the one-vs-rest cross-entropy of a logit x
    # is softplus(s x), and 1 minus the probability of the truth is sigmoid(s x).
    signed = logits * torch.ones_like(logits).scatter_(1, index, -1.0)
    terms = torch.sigmoid(signed).pow(_FOCAL_GAMMA) * F.softplus(signed)
    per_class = (terms * valid.unsqueeze(1)).sum(dim=(0, 2, 3)) / pixels.sum().clamp_min(1)
    return _weighted_mean(per_class, weights)


def _lovasz(logits: Tensor, target: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    valid = target != VOID
    index = target.masked_fill(~valid, 0).unsqueeze(1)
    truth = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, index, valid.unsqueeze(1))
    # An error of 0 adds nothing to the loss wherever it is sorted to, so void pixels may stay.
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
    """Return the classes that are present; on a GPU all, which need not be asked which these are.

    An absent class counts nothing, but its sorting takes time.
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
    """Indices that sort each row from large to small."""
    if errors.device.type != "cpu":
        return errors.argsort(dim=1, descending=True)
    # numpy sorts with vector instructions: on the CPU this takes a third of torch's time.
    return torch.from_numpy(np.argsort(-errors.numpy(), axis=1))


def _weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum()
