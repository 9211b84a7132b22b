import pytest
import torch
from torch import nn

from segexp.training.fit import Optimization, make_optimizer
from segexp.training.optimizers import OPTIMIZERS


def one_weight(optimizer: str, gradient: float) -> float:
    """A weight of 2 after one step at a learning rate of 0.1 and a weight decay of 0.5."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(2.0)
    model.weight.grad = torch.full((1, 1), gradient)
    make_optimizer(model, Optimization(optimizer, 0.1, 0.5, "constant", 0.0, 0.0)).step()
    return model.weight.item()


def test_adamw_takes_the_decay_off_the_weight_and_a_first_step_of_the_learning_rate():
    assert one_weight("adamw", 0.0) == pytest.approx(2 * (1 - 0.1 * 0.5))
    assert one_weight("adamw", 7.0) == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1)


def test_sgd_adds_the_decay_to_the_gradient_and_looks_ahead():
    # Nesterov's first step is the gradient and 0.9 of it.
    assert one_weight("sgd", 0.0) == pytest.approx(2 - 0.1 * 1.9 * (0.5 * 2))
    assert one_weight("sgd", 7.0) == pytest.approx(2 - 0.1 * 1.9 * (7 + 0.5 * 2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_and_the_decay_are_the_configurations(name: str):
    model = nn.Linear(1, 1)
    made = make_optimizer(model, Optimization(name, 0.03, 0.004, "constant", 0.0, 0.0))
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.03, 0.004)
    assert type(made).__name__ == OPTIMIZERS[name][0]
    assert len(group["params"]) == 2
