import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from segexp.training.depthwise import widen_depthwise
from segexp.training.network import make_model
from segexp.training.parameter_groups import parameter_groups, stages


def model_of(encoder: str, arch: str = "Unet") -> nn.Module:
    with torch.device("cpu" if encoder == "mit_b0" else "meta"):  # which cannot be built on meta
        return make_model(arch, encoder, None, 3, 0.25, (64, 64))


def scales(model: nn.Module, factor: float, decay: float) -> dict[str, float]:
    of = {id(p): g["lr_scale"] for g in parameter_groups(model, factor, decay) for p in g["params"]}
    return {name: of[id(parameter)] for name, parameter in model.named_parameters()}


def test_without_another_rate_all_parameters_are_one_group_in_their_order():
    model = nn.Conv2d(3, 2, 1)  # which has no encoder
    (group,) = parameter_groups(model)
    assert group["lr_scale"] == 1
    assert all(map(torch.Tensor.is_set_to, group["params"], model.parameters()))


def test_the_encoder_has_its_share_and_the_decoder_the_whole():
    found = scales(model_of("mobilenet_v2"), 0.1, 1.0)
    assert {s for name, s in found.items() if name.startswith("encoder.")} == {0.1}
    assert {s for name, s in found.items() if not name.startswith("encoder.")} == {1.0}


@pytest.mark.parametrize(
    ("encoder", "arch"),
    [
        ("tu-resnet18.a1_in1k", "Unet"),
        ("tu-convnext_atto", "FPN"),  # its features have stages_0 for stages.0
        ("tu-mobilenetv3_small_050", "Unet"),
        ("tu-hiera_tiny_224", "Unet"),  # a classifier whose blocks give the features
        ("tu-vit_tiny_patch16_224", "DPT"),
    ],
)
def test_the_layers_of_a_timm_encoder_learn_as_timm_lets_its_classifier(encoder: str, arch: str):
    """Names are matched by shape and order: no name of ours is needed to find timm's."""
    whole = timm.create_model(encoder.removeprefix("tu-"))
    groups = param_groups_layer_decay(whole, layer_decay=0.7)
    of = {id(p): group["lr_scale"] for group in groups for p in group["params"]}
    theirs = [(tuple(p.shape), of[id(p)]) for p in whole.parameters()]
    found = scales(model_of(encoder, arch), 0.5, 0.7)
    named = dict(model_of(encoder, arch).get_submodule("encoder").named_parameters())
    remaining = iter(theirs)
    for name, parameter in named.items():
        shape = tuple(parameter.shape)
        if "pos_embed" in name:  # of another image size
            continue
        expected = next(scale for other, scale in remaining if other == shape)
        assert found[f"encoder.{name}"] == pytest.approx(0.5 * expected), name


def test_the_rates_of_a_resnet_by_hand():
    """timm counts its eight blocks: the stem is nine layers below the head."""
    found = scales(model_of("tu-resnet18"), 1.0, 0.5)
    assert found["encoder.model.conv1.weight"] == 0.5**9
    assert found["encoder.model.layer1.0.conv1.weight"] == 0.5**8
    assert found["encoder.model.layer4.1.conv2.weight"] == 0.5
    assert found["segmentation_head.0.weight"] == 1


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (
            "resnet18",
            {"conv1.weight": 5, "layer1.0.conv1.weight": 4, "layer4.1.conv2.weight": 1},
        ),
        (
            "mit_b0",  # from a quarter of the size on: four stages
            {"patch_embed1.proj.weight": 4, "block2.0.mlp.fc1.weight": 3, "norm4.weight": 1},
        ),
    ],
)
def test_the_layers_of_smps_own_encoders_are_their_stages(encoder: str, expected: dict[str, int]):
    found = scales(model_of(encoder), 1.0, 0.5)
    assert {name: found[f"encoder.{name}"] for name in expected} == {
        name: 0.5**layers for name, layers in expected.items()
    }


def test_stages_are_found_where_depthwise_convolutions_train_in_float32():
    encoder = model_of("mobilenet_v2").get_submodule("encoder")
    expected = stages(encoder)
    widen_depthwise(encoder)
    assert stages(encoder) == expected


def test_a_parameter_that_no_feature_depends_on_is_of_the_last_stage():
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)
            self.first, self.second = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1)

        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            return [images, self.first(images), self.second(self.first(images))]

    assert stages(Encoder()) == {
        "head.weight": 1,
        "head.bias": 1,
        "first.weight": 0,
        "first.bias": 0,
        "second.weight": 1,
        "second.bias": 1,
    }
