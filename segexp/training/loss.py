"""Make a loss function from a module of `segexp.training.losses`."""

from collections.abc import Callable
from inspect import signature
from types import ModuleType

import torch
from torch import Tensor

from segexp.core.choices import module_in, names_in
from segexp.labels.taxonomy import VOID
from segexp.training import losses

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_names() -> tuple[str, ...]:
    """Return the names of all losses."""
    return names_in(losses.__path__)


def module_of(name: str) -> ModuleType:
    """Return the module of a loss."""
    return module_in(losses, name)


def make_loss(name: str, weights: Tensor | None = None, smoothing: float = 0.0) -> Loss:
    """Make the loss of logits against class indices, over the valid pixels of a batch.

    The returned function takes logits (N, C, H, W) of any float dtype and targets (N, H, W), uint8
    or int64, with ``VOID`` = 255, and returns a float32 scalar, computed in float32 even under
    autocast. Void pixels change neither value nor gradient. Without a valid pixel the loss and its
    gradient are 0. On the CPU a target that is neither a class nor void raises a ValueError. On
    CUDA that check would make every step wait for the device; there the kernels' own index
    assertion ends the process.

    Args:
        name: A module of `segexp.training.losses`.
        weights: Class weights, shape (C,), or None for none. Moved to the logits' device on use.
        smoothing: The probability that the true class is taken to be any class; a loss that does
            not take it does without.
    """
    of_logits = module_of(name).of_logits
    more = [smoothing] if "smoothing" in signature(of_logits).parameters else []
    weights = None if weights is None else weights.detach().to(torch.float32)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        pixels = _pixels_per_class(target, logits.shape[1])
        on_device = None if weights is None else weights.to(logits.device)
        with torch.autocast(logits.device.type, enabled=False):
            # Softmax and scatter take up to twice as long on channels_last. Copying before the
            # conversion to float32 moves half of the bytes.
            plain = logits.contiguous().float()
            value: Tensor = of_logits(plain, target.long(), pixels, on_device, *more)
            return value

    return loss


def _pixels_per_class(target: Tensor, num_classes: int) -> Tensor:
    """Count the valid pixels of each class, (C,), float32; on the CPU refuse invalid ids."""
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
        f"expected 0..{num_classes - 1} or {VOID} (void)"
    )
