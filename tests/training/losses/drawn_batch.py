"""What a loss is tried on: drawn logits, with void and with a class that is absent."""

from collections.abc import Callable

import torch
from torch import Tensor

CLASSES = 5
WEIGHTS = torch.tensor([0.2, 3.0, 1.0, 0.7, 2.5])


def make_batch() -> tuple[Tensor, Tensor]:
    """Logits and targets of which a fifth is void and class 3 is absent."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, CLASSES, 8, 12, generator=generator)
    target = torch.randint(0, CLASSES, (2, 8, 12), generator=generator, dtype=torch.uint8)
    target[target == 3] = 1
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    return logits, target


def value_and_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, target: Tensor
) -> tuple[float, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


def assert_equal(
    loss: Callable[[Tensor, Tensor], Tensor],
    reference: Callable[[Tensor, Tensor], Tensor],
    exact: torch.dtype = torch.float64,
) -> None:
    """Assert that value and gradient are those of another's implementation, at its precision."""
    logits, target = make_batch()
    value, gradient = value_and_gradient(loss, logits, target)
    expected, expected_gradient = value_and_gradient(reference, logits.to(exact), target.long())
    assert abs(value - expected) < 1e-6
    torch.testing.assert_close(gradient, expected_gradient.float(), atol=1e-6, rtol=1e-4)
