import json

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from segexp.core.errors import InputError
from segexp.training.network import (
    ARCHS,
    check_image_size,
    check_model,
    decoder_channels,
    make_model,
    smp_arguments,
)

ENCODER = "mobilenet_v2"
CONVOLUTIONAL = sorted(set(ARCHS) - {"dpt"})


def forward_shape(model: torch.nn.Module, height: int, width: int) -> tuple[int, ...]:
    with torch.inference_mode():
        return tuple(model.eval()(torch.rand(1, 3, height, width)).shape)


def count_parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.decoder.parameters())


@pytest.mark.parametrize("arch", CONVOLUTIONAL)
@pytest.mark.parametrize("decoder_width", [1.0, 0.01])
def test_logits_have_the_size_of_the_image_at_every_width(arch, decoder_width):
    height, width = (128, 128) if arch == "pan" else (32, 64)
    model = make_model(arch, ENCODER, None, num_classes=3, decoder_width=decoder_width)
    assert forward_shape(model, height, width) == (1, 3, height, width)


def test_logits_are_not_probabilities():
    model = make_model("Unet", ENCODER, None, num_classes=3)
    with torch.inference_mode():
        logits = model.eval()(torch.rand(1, 3, 32, 32))
    assert logits.min() < 0 or logits.sum(dim=1).sub(1).abs().max() > 0.1


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("unet", "Unet"),
        ("UNET", "Unet"),
        ("U-Net", "Unet"),
        ("unet++", "UnetPlusPlus"),
        ("Unet_plus_plus", "UnetPlusPlus"),
        ("DeepLabV3+", "DeepLabV3Plus"),
        ("deeplab_v3_plus", "DeepLabV3Plus"),
        ("seg-former", "Segformer"),
    ],
)
def test_an_arch_is_found_however_it_is_spelled(name, arch):
    assert check_model(name, ENCODER) == []
    model = make_model(name, ENCODER, None, 2, decoder_width=0.25)
    assert type(model).__name__ == arch


# Swin, SwinV2, CoAtNet, MaxViT, Hiera and GCViT have weights that depend on the size; Twins and
# SwiftFormer say that they take one size only, and take any.
SIZED = [
    "tu-hiera_tiny_224",
    "tu-twins_svt_small",
    "tu-swin_tiny_patch4_window7_224",
    "tu-swinv2_cr_tiny_224",
    "tu-swinv2_tiny_window8_256",
    "tu-coatnet_pico_rw_224",
    "tu-maxvit_pico_rw_256",
    "tu-gcvit_xxtiny",
    "tu-swiftformer_xs",
]


@pytest.mark.parametrize(
    "encoder", [*SIZED[:2], *(pytest.param(name, marks=pytest.mark.slow) for name in SIZED[2:])]
)
def test_an_encoder_of_one_image_size_is_built_for_the_studys(encoder):
    assert check_model("Unet", encoder) == []
    model = make_model("Unet", encoder, None, 3, 0.1, image_size=(64, 128)).train()
    logits = model(torch.rand(2, 3, 64, 128))
    assert logits.shape == (2, 3, 64, 128)
    logits.sum().backward()


@pytest.mark.parametrize(
    "encoder", ["tu-swin_tiny_patch4_window7_224", "tu-resnet18", "tu-beit_base_patch16_224"]
)
def test_dpt_works_with_encoders_that_refuse_dynamic_img_size(encoder):
    model = make_model("DPT", encoder, None, 3, 0.125, image_size=(64, 128))
    assert forward_shape(model, 64, 128) == (1, 3, 64, 128)


def test_a_timm_encoder_is_built():
    model = make_model("FPN", "tu-mobilenetv3_small_050", None, num_classes=4, decoder_width=0.25)
    assert forward_shape(model, 32, 64) == (1, 4, 32, 64)


def test_a_vision_transformer_in_dpt_takes_images_of_another_size():
    model = make_model("DPT", "tu-vit_tiny_patch16_224", None, num_classes=4, decoder_width=0.125)
    assert forward_shape(model, 64, 96) == (1, 4, 64, 96)


@pytest.mark.parametrize(
    ("arch", "decoder_width", "expected"),
    [
        ("Unet", 1.0, {"decoder_channels": (256, 128, 64, 32, 16)}),
        ("Unet", 0.25, {"decoder_channels": (64, 32, 16, 8, 8)}),
        ("FPN", 0.25, {"decoder_pyramid_channels": 64, "decoder_segmentation_channels": 32}),
        ("FPN", 0.1, {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32}),
        ("Segformer", 0.3, {"decoder_segmentation_channels": 80}),
        ("PSPNet", 0.5, {"psp_out_channels": 256}),
        ("PAN", 0.01, {"decoder_channels": 8}),
        ("Linknet", 0.5, {}),
    ],
)
def test_decoder_width_multiplies_smps_defaults(arch, decoder_width, expected):
    assert decoder_channels(arch, decoder_width) == expected


@pytest.mark.parametrize("arch", sorted(set(CONVOLUTIONAL) - {"linknet"}))
def test_a_narrower_decoder_has_fewer_parameters(arch):
    wide, narrow = (make_model(arch, ENCODER, None, 3, width) for width in (1.0, 0.25))
    assert count_parameters(narrow) < count_parameters(wide)


def test_every_fault_of_a_model_is_named_with_a_suggestion():
    with pytest.raises(InputError) as caught:
        make_model("Unnet", "resnet19", None, 3)
    arch, encoder = caught.value.faults
    assert "'Unnet'" in arch
    assert "did you mean 'Unet'" in arch
    assert "did you mean 'resnet1" in encoder


@pytest.mark.parametrize(
    ("encoder", "suggestion"),
    [
        ("mobilenetv3_small_100", "tu-mobilenetv3_small_100"),
        ("tu-convnext_ato", "tu-convnext_atto"),
        ("efficientnet_b0", "efficientnet-b0"),
        ("EfficientNet_B3", "efficientnet-b3"),
        ("resnet-34", "resnet34"),
        ("ResNet34", "resnet34"),
        ("mobilenetv2", "mobilenet_v2"),
        ("vit_tiny_patch16_224", "tu-vit_tiny_patch16_224"),
        ("swin_tiny_patch4_window7_224", "tu-swin_tiny_patch4_window7_224"),
        ("tu-resnet18.nonsense", "tu-resnet"),
    ],
)
def test_an_unknown_encoder_is_refused_with_a_suggestion(encoder, suggestion):
    (fault,) = check_model("Unet", encoder)
    assert f"did you mean '{suggestion}" in fault


@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0", "tu-resnet18", "tu-resnet18.a1_in1k"])
def test_a_pair_that_fits_has_no_fault(encoder):
    assert check_model("Unet", encoder) == []


@pytest.mark.parametrize(
    ("arch", "encoder"),
    [
        ("Linknet", "mit_b0"),
        ("UnetPlusPlus", "mit_b0"),
        ("DeepLabV3Plus", "vgg11"),
        ("PAN", "densenet121"),
        ("DPT", "resnet18"),
    ],
)
def test_a_pair_that_smp_refuses_is_refused_without_building_it(arch, encoder):
    with pytest.raises(ValueError, match=r"support"):
        MODEL_ARCHITECTURES_MAPPING[arch.lower()](encoder, encoder_weights=None)
    (fault,) = check_model(arch, encoder)
    assert f"{arch!r} does not take encoder {encoder!r}" in fault


def test_the_encoders_that_do_not_dilate_are_those_that_smp_names():
    for name, settings in smp_encoders.items():
        refuses = "make_dilated" in vars(settings["encoder"])
        assert bool(check_model("DeepLabV3", name)) == refuses, name


def test_a_timm_encoder_that_does_not_fit_is_refused_when_it_is_built():
    with pytest.raises(InputError, match="cannot be built on encoder 'tu-vit_tiny_patch16_224'"):
        make_model("Unet", "tu-vit_tiny_patch16_224", None, 3)


def test_pan_fits_from_128_and_fails_below():
    model = make_model("PAN", ENCODER, None, 3)
    assert check_image_size("PAN", (128, 160)) == []
    assert forward_shape(model, 128, 160) == (1, 3, 128, 160)
    (fault,) = check_image_size("pan", (96, 160))
    assert "PAN needs at least 128" in fault
    assert check_image_size("Unet", (96, 160)) == []
    with pytest.raises(RuntimeError):
        forward_shape(model, 96, 160)


@pytest.mark.parametrize("arch", ARCHS.values())
def test_smp_builds_the_same_model_from_the_arguments_that_are_kept(arch: str):
    encoder = "tu-vit_tiny_patch16_224" if arch == "DPT" else ENCODER
    model = make_model(arch, encoder, None, 5, 0.5, (128, 128))
    arguments = json.loads(json.dumps(smp_arguments(model)))
    again = smp.create_model(**arguments)
    assert type(again) is type(model)
    again.load_state_dict(model.state_dict())  # every tensor of the same name and shape
