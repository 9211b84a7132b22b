import copy

import pytest
import torch
from torch import nn

from segexp.training.compute import Compute
from segexp.training.depthwise import widen_depthwise
from segexp.training.network import make_model


def depthwise(kernel: int = 3, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(6, 6, kernel, groups=6, padding=kernel // 2, **options)


def features() -> torch.Tensor:
    return torch.randn(2, 6, 8, 8, generator=torch.Generator().manual_seed(1))


def gradients(layer: nn.Conv2d) -> list[torch.Tensor]:
    """Gradients of weights and bias under autocast, from inputs that bfloat16 holds exactly."""
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        layer(features().bfloat16()).float().square().sum().backward()
    return [p.grad.clone() for p in layer.parameters()]


@pytest.mark.parametrize(
    ("kernel", "options", "size"),
    [(3, {"stride": 2}, 8), (5, {}, 8), (3, {"dilation": 2}, 8), (3, {}, 2)],
)
def test_what_is_slow_in_bfloat16_computes_in_float32_between_layers_in_it(kernel, options, size):
    layer = depthwise(kernel, **options)
    narrow = features().bfloat16()[..., :size, :size]
    exact = layer(narrow.float())
    widen_depthwise(layer)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(narrow)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.bfloat16())


def test_its_gradients_are_closer_to_float32s_than_autocasts_are():
    layer = depthwise(stride=2)
    exact = layer(features().bfloat16().float())
    exact.square().sum().backward()
    expected = [p.grad.clone() for p in layer.parameters()]

    def error() -> float:
        found = gradients(layer)
        return sum(float((f - e).abs().sum()) for f, e in zip(found, expected, strict=True))

    by_autocast = error()
    widen_depthwise(layer)
    assert error() < by_autocast


def test_what_is_fast_and_passes_without_gradients_are_left_alone():
    fast, slow, other = depthwise(), depthwise(5), nn.Conv2d(6, 6, 5, groups=2)
    narrow = features().bfloat16()

    def outputs() -> list[torch.Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            trained = [fast(narrow), other(narrow)]
            with torch.inference_mode():
                return [*trained, slow(narrow)]

    before = outputs()
    widen_depthwise(nn.ModuleList([fast, slow, other]))
    assert all(map(torch.equal, outputs(), before))


def test_a_deep_copy_computes_with_its_own_weights():
    layer = depthwise(5)
    widen_depthwise(layer)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        layer.weight.zero_()
    assert other(features()).std() > 0.1


def test_names_of_weights_stay_as_they_were():
    layer = depthwise()
    names = list(layer.state_dict())
    widen_depthwise(layer)
    assert list(layer.state_dict()) == names


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "efficientnet-b0", "tu-mobilenetv3_small_050"])
def test_placing_a_model_widens_under_bf16_only(encoder):
    model = make_model("Unet", encoder, None, 5, 0.25)

    def widened() -> int:
        return sum("forward" in vars(module) for module in model.modules())

    Compute(torch.device("cpu"), bf16=False, channels_last=True).place(model)
    assert widened() == 0
    Compute(torch.device("cpu"), bf16=True, channels_last=True).place(model)
    assert widened() >= 10
