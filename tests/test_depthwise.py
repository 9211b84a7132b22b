import copy

import pytest
import torch
from torch import nn

from segexp.depthwise import widen_depthwise
from segexp.device import Compute
from segexp.model import make_model


def depthwise(**options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(6, 6, 3, groups=6, padding=1, **options)


def features() -> torch.Tensor:
    return torch.randn(2, 6, 8, 8, generator=torch.Generator().manual_seed(1))


def gradients(layer: nn.Conv2d) -> list[torch.Tensor]:
    """Gradients of weights and bias under autocast, from inputs that bfloat16 holds exactly."""
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        layer(features().bfloat16()).float().square().sum().backward()
    return [p.grad.clone() for p in layer.parameters()]


def test_a_depthwise_convolution_computes_in_float32_between_layers_in_bfloat16():
    layer = depthwise(stride=2)
    narrow = features().bfloat16()
    exact = layer(narrow.float())
    widen_depthwise(layer)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(narrow)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.bfloat16())


def test_its_gradients_are_closer_to_float32s_than_autocasts_are():
    layer = depthwise()
    exact = layer(features().bfloat16().float())
    exact.square().sum().backward()
    expected = [p.grad.clone() for p in layer.parameters()]

    def error() -> float:
        found = gradients(layer)
        return sum(float((f - e).abs().sum()) for f, e in zip(found, expected, strict=True))

    by_autocast = error()
    widen_depthwise(layer)
    assert error() < by_autocast


def test_other_convolutions_and_passes_without_gradients_are_left_alone():
    layer, other = depthwise(), nn.Conv2d(6, 6, 3, groups=2)
    narrow = features().bfloat16()

    def outputs() -> list[torch.Tensor]:
        with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
            return [layer(narrow), other(narrow)]

    before = outputs()
    widen_depthwise(nn.ModuleList([layer, other]))
    assert all(map(torch.equal, outputs(), before))
    assert "forward" in vars(layer)
    assert "forward" not in vars(other)


def test_a_deep_copy_computes_with_its_own_weights():
    layer = depthwise()
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
