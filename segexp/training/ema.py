"""An exponential moving average of a model's weights, which is then the model that is scored."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_WARMUP_POWER = 2 / 3  # timm's ModelEmaV3


@dataclass(frozen=True, eq=False)
class Average:
    """The average of a model over the steps of its training (Polyak & Juditsky 1992).

    It is timm's ModelEmaV3 with its warm-up. The running statistics of batch norms are averaged as
    the weights are, as there: they belong to the weights that they were measured with. Whole
    numbers, such as their counts of batches, are copied. It has no state but the model's: a resumed
    training continues it from the model and the number of the step.

    Attributes:
        model: The average, in evaluation mode.
        decay: What remains of the average at a step, once it is warm; in (0, 1).
        pairs: Each tensor of the average, and the model's that it follows.
    """

    model: nn.Module
    decay: float
    pairs: tuple[tuple[Tensor, Tensor], ...]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the model, after the optimizer step of this number, from 0."""
        floats = [(kept, new) for kept, new in self.pairs if kept.is_floating_point()]
        towards = get_ema_multi_avg_fn(warmed_up(self.decay, step))  # type: ignore[no-untyped-call]
        towards(*map(list, zip(*floats, strict=True)), step)
        for kept, new in self.pairs:
            if not kept.is_floating_point():
                kept.copy_(new)


def average_of(model: nn.Module, decay: float) -> Average:
    """Begin the average of a model that is on its device already; the first step replaces it."""
    average = deepcopy(model).eval().requires_grad_(False)
    state = model.state_dict()
    pairs = tuple((kept, state[name]) for name, kept in average.state_dict().items())
    return Average(average, decay, pairs)


def warmed_up(decay: float, step: int) -> float:
    """Return the decay at a step, from 0: 1 - (step + 1)^(-2/3), until that reaches ``decay``.

    So a short training does not end with the average of its first weights: 0 at the first step,
    0.37 at the second, 0.90 after 31 and 0.99 after 1,000.
    """
    return min(decay, 1.0 - float((step + 1) ** -_WARMUP_POWER))
