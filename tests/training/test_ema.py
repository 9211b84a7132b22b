import pytest
import torch
from timm.utils import ModelEmaV3
from torch import nn

from segexp.training.ema import average_of, warmed_up


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def train_a_step(model: nn.Module) -> None:
    """Move the weights, and in the forward pass the running statistics."""
    model.train()
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.01 * parameter.grad)
            parameter.grad = None


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_average_is_timms_with_its_warm_up_and_its_buffers(decay: float):
    model = small_model()
    ours, theirs = average_of(model, decay), ModelEmaV3(model, decay, use_warmup=True)
    for step in range(12):
        train_a_step(model)
        ours.update(step)
        theirs.update(model, step=step + 1)  # timm counts the updates that were done
    expected = theirs.module.state_dict()
    for name, value in ours.model.state_dict().items():
        assert torch.equal(value, expected[name]), name
    assert not torch.equal(ours.model[1].running_var, model[1].running_var)
    assert ours.model[1].num_batches_tracked == model[1].num_batches_tracked == 12


def test_three_steps_by_hand():
    """Decays 0, 1 - 2^(-2/3) = 0.370, and 0.5, as 1 - 3^(-2/3) = 0.519 would be more."""
    model = nn.Linear(1, 1, bias=False)
    average = average_of(model, 0.5)
    second = 1 - 2 ** (-2 / 3)
    for step, (weight, expected) in enumerate(
        [
            (4.0, 4.0),
            (8.0, second * 4 + (1 - second) * 8),
            (2.0, 0.5 * (second * 4 + (1 - second) * 8) + 0.5 * 2),
        ]
    ):
        model.weight.data.fill_(weight)
        average.update(step)
        assert average.model.weight.item() == pytest.approx(expected)


def test_the_decay_grows_as_the_docstring_says():
    of = [round(warmed_up(0.999, step), 2) for step in (0, 1, 31, 999)]
    assert of == [0.0, 0.37, 0.9, 0.99]
    assert warmed_up(0.999, 10**6) == 0.999


def test_the_average_neither_learns_nor_normalises_by_the_batch():
    model = small_model()
    average = average_of(model, 0.9).model
    assert not any(p.requires_grad for p in average.parameters())
    assert not any(module.training for module in average.modules())
    assert all(p.requires_grad for p in model.parameters())
