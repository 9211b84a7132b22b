"""A loss in several label spaces at once: fine and coarse, the mean of the losses in each.

With p the softmax over the fine classes, the probability of a coarse class is the sum over its fine
classes, so its logit is their log-sum-exp, and any loss takes it as it takes a fine one. With
cross-entropy and one coarse space the mean is -1/2 log p(fine | coarse) - log p(coarse): the
hierarchical cross-entropy of Bertinetto et al. 2020 (Making Better Mistakes, section 3.1) with
weight 1/2 within coarse classes and 1 between them.

A one-vs-rest loss (focal) takes the same logits: the odds of a coarse class are then the sum of the
odds of its fine classes, which is the sum of their probabilities where these are small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from segexp.labels.mapping import Mapping, collapse_lookup
from segexp.labels.taxonomy import VOID
from segexp.training.loss import Loss
from segexp.training.reading import groups_of


@dataclass(frozen=True)
class Level:
    """A coarser space in which a loss is taken.

    Attributes:
        members: The fine classes of each of its K classes, and then of each fine class that is in
            none: these compete one by one, as when they are scored.
        table: Fine class -> class of the space or VOID, shape (256,).
        loss: Of logits over what competes, (N, K+V, H, W), against classes of the space.
    """

    members: tuple[tuple[int, ...], ...]
    table: Tensor
    loss: Loss


def make_level(
    fine: Mapping,
    coarse: Mapping,
    make: Callable[[Tensor | None], Loss],
    weights: Tensor | None,
    device: torch.device,
) -> Level:
    """Make the level of a coarser space.

    Args:
        make: Class weights -> the loss with them, as `segexp.training.loss.make_loss` makes one.
        weights: Weights of the coarser space's K classes, or None.
        device: Where the logits will be.

    Raises:
        InputError: When ``coarse`` does not coarsen ``fine``.
    """
    columns, count = collapse_lookup(fine, coarse), len(coarse.classes)
    groups = groups_of(columns.tolist(), count)
    outside = int((columns == count).sum())
    if outside:  # no pixel is of these classes, so no mean over classes is to count them
        own = torch.ones(count) if weights is None else weights.cpu()
        weights = torch.cat([own, torch.zeros(outside)])
    table = torch.full((VOID + 1,), VOID, dtype=torch.uint8)
    inside = torch.from_numpy(columns) < count
    table[: len(columns)][inside] = torch.from_numpy(columns)[inside].to(torch.uint8)
    return Level(
        members=tuple(
            tuple(np.flatnonzero(groups == place).tolist()) for place in range(count + outside)
        ),
        table=table.to(device),
        loss=make(None if weights is None else weights.to(device)),
    )


def mean_of_levels(own: Loss, levels: Sequence[Level]) -> Loss:
    """Return the mean of the loss in the own space and in each coarser one, all with one weight.

    Like every loss it takes logits (N, C, H, W) and targets (N, H, W) of the own space. A pixel
    that is void there is void in all; one that is void in a coarser space does not count there.
    """

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        total = own(logits, target)
        with torch.autocast(logits.device.type, enabled=False):
            plain = logits.contiguous().float()
        for level in levels:
            total = total + level.loss(_summed(plain, level), level.table[target.long()])
        return total / (1 + len(levels))

    return loss


def _summed(logits: Tensor, level: Level) -> Tensor:
    """Return log-sum-exp over the classes of each coarse one: its logits, (N, K+V, H, W)."""
    planes = logits.unbind(1)  # a gather for each class would take several times as long
    return torch.stack(
        [reduce(torch.logaddexp, [planes[place] for place in of]) for of in level.members], dim=1
    )
