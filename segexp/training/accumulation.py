"""Gradients that add up over several batches: a large batch in the memory of a small one."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from segexp.labels.taxonomy import VOID
from segexp.training.ranks import ALONE, Ranks

Batch = tuple[Tensor, Tensor]
"""Images and class indices."""


def in_steps(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    """Yield the batches of each optimizer step: ``count``, and at the end what is left."""
    parts: list[Batch] = []
    for batch in batches:
        parts.append(batch)
        if len(parts) == count:
            yield parts
            parts = []
    if parts:
        yield parts


def shares(
    targets: Sequence[Tensor], weights: Tensor | None, ranks: Ranks = ALONE
) -> Sequence[Tensor | float]:
    """Return what each part of a large batch counts for in its mean over all valid pixels.

    A loss is a mean over the valid pixels of its batch, each with the weight of its class where
    these weight pixels. So the means of the parts, times these shares, add up to the mean over all:
    parts with little to say count for little. For a loss that looks at a whole batch (Dice, Lovasz,
    the hardest pixels) each part remains a batch of its own.

    Args:
        targets: Class indices of each part, uint8 with VOID, of any shape.
        weights: Of the classes, (C,), on the targets' device, where the loss weights pixels by
            their class; else None.
        ranks: Who has parts of the batch.

    Returns:
        Shares that add up to 1, or are all 0 where no pixel is valid; they stay on the device. Of
        several ranks those of all parts add up to the number of ranks, whose gradients are
        averaged.
    """
    if len(targets) == 1 and ranks.size == 1:
        return [1.0]
    if weights is None:
        sizes = torch.stack([(target != VOID).sum() for target in targets]).float()
    else:
        of_index = torch.zeros(VOID + 1, device=targets[0].device)
        of_index[: len(weights)] = weights
        sizes = torch.stack([of_index[target.long()].sum() for target in targets])
    total = ranks.summed(sizes.sum()).clamp_min(torch.finfo().tiny)
    parts: Sequence[Tensor] = (sizes / total * ranks.size).unbind()
    return parts
