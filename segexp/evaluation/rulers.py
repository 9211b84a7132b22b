"""Rulers: a label space, and how a model's predictions get there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from segexp.labels.mapping import Mapping, collapse_lookup
from segexp.training.reading import AS_SOFTMAX, Reading, groups_of

CollapseRule = Literal["argmax", "sum"]


@dataclass(frozen=True)
class Ruler:
    """A label space in which a model is scored, and how its predictions get there.

    Attributes:
        space: The label space, with K classes.
        truth: Label index -> class of the space or VOID, shape (256,).
        columns: Class of the model -> class of the space, or K for *none*; shape (C,).
        rule: ``argmax`` decides and then maps; ``sum`` adds the probabilities of the classes that
            merge and then decides. Each class that falls into *none* competes alone. Both rules
            agree where nothing is merged.
        reading: How probabilities are read from the model's logits; only ``sum`` uses it.
    """

    space: Mapping
    truth: Tensor
    columns: Tensor
    rule: CollapseRule
    reading: Reading = AS_SOFTMAX

    @cached_property
    def merges(self) -> bool:
        """Whether any two classes of the model fall into one class here."""
        inside = self.columns[self.columns < len(self.space.classes)]
        return len(torch.unique(inside)) < len(inside)

    @cached_property
    def competitors(self) -> tuple[int, Tensor, Tensor]:
        """What competes by ``sum``: the K classes of the space, then each class outside of it.

        Returns:
            The number of competitors; the competitor of each class of the model, (C,); what is
            added to each class's log scores before a competitor's are summed, float32 (C,), see
            `Reading.offsets`.
        """
        columns, none = self.columns.tolist(), len(self.space.classes)
        groups = groups_of(columns, none)
        offsets = torch.from_numpy(self.reading.offsets(groups)).float()
        device = self.columns.device
        count = none + columns.count(none)
        return count, torch.from_numpy(groups).to(device), offsets.to(device)

    def to(self, device: torch.device) -> "Ruler":
        """Return the ruler with its tables on a device, so that no batch waits for a copy."""
        return replace(self, truth=self.truth.to(device), columns=self.columns.to(device))


def make_ruler(
    mapping: Mapping, space: Mapping, rule: CollapseRule = "sum", reading: Reading = AS_SOFTMAX
) -> Ruler:
    """Make the ruler that scores a model of ``mapping``, read as ``reading`` says, in ``space``.

    Raises:
        InputError: When ``space`` does not coarsen ``mapping``.
    """
    return Ruler(
        space,
        torch.from_numpy(space.lookup()),
        torch.from_numpy(collapse_lookup(mapping, space)),
        rule,
        reading,
    )


def decide(logits: Tensor, ruler: Ruler) -> Tensor:
    """Decide the class of each pixel in a ruler's space, from logits (N, C, H, W).

    Returns:
        int64 (N, H, W), 0..K, where K is *none*.
    """
    return next(decide_all(logits, [ruler]))


def decide_all(logits: Tensor, rulers: Iterable[Ruler]) -> Iterator[Tensor]:
    """Decide in the space of each ruler in turn, as `decide` does for one."""
    best: Tensor | None = None
    for ruler in rulers:
        columns = ruler.columns.to(logits.device)
        if ruler.rule == "sum" and ruler.merges:
            # On a CPU one image at a time fits the cache.
            parts = torch.split(logits, 1 if logits.device.type == "cpu" else len(logits))
            yield torch.cat([_decide_by_sum(part, ruler) for part in parts])
        else:
            best = logits.argmax(dim=1) if best is None else best
            yield columns[best]


def _decide_by_sum(logits: Tensor, ruler: Ruler) -> Tensor:
    count, groups, offsets = ruler.competitors
    # Summing over classes is fast on whole planes, so not in channels_last, where classes are
    # innermost; argmax is fast there.
    scores = ruler.reading.log_scores(logits.contiguous())
    if ruler.reading.prior is not None:
        scores = scores + offsets.to(logits.device)[:, None, None]
    probabilities = scores.softmax(dim=1)
    n, _, h, w = logits.shape
    summed = probabilities.new_zeros(n, count, h, w)
    summed.index_add_(1, groups.to(logits.device), probabilities)
    winner = summed.contiguous(memory_format=torch.channels_last).argmax(dim=1)
    return winner.clamp_max_(len(ruler.space.classes))
