"""An encoder that rests while the decoder learns from its features."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(encoder: nn.Module) -> Iterator[None]:
    """Keep an encoder as it is during the block: its weights, and its running statistics.

    As `frozen_stages` of mmsegmentation does: without gradients and in evaluation mode, so nothing
    is dropped at random either. Begins after `model.train()`; what had no gradients before has
    none after.
    """
    trained = [p for p in encoder.parameters() if p.requires_grad]
    encoder.requires_grad_(False).eval()
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
