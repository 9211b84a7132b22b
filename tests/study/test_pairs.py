from pathlib import Path

import pytest
import torch
import yaml

from segexp.core.errors import InputError
from segexp.study.pairs import model_faults
from segexp.training.network import crop_fault
from tests.tiny_study import planned

PAIRS = {
    "space.arch": ["Unet", "DPT", "Linknet"],
    "space.encoder": ["resnet18", "mit_b0"],
    "space.batch_size": [1, 3],
    "mapping": "merged10",
}
TWO = PAIRS | {"space.arch": ["Unet", "FPN"]}


def test_a_fault_of_an_architecture_is_listed_once_for_all_encoders() -> None:
    (fault,) = model_faults(["Unnet"], ["resnet18", "mobilenet_v2"])
    assert "'Unet'" in fault
    assert model_faults(["Unet", "FPN"], ["resnet18", "mobilenet_v2"]) == []


def test_pairs_that_cannot_be_trained_leave_the_space_and_the_rest_stays(project: Path) -> None:
    """DPT takes encoders of timm alone, Linknet none without features at half the size."""
    plan = planned(project, **PAIRS | {"space.batch_size": [2, 3]})
    assert plan.left_out == (
        "DPT on resnet18, mit_b0: it needs a timm encoder, such as 'tu-vit_tiny_patch16_224'",
        "Linknet on mit_b0: its decoder needs features at half the image size",
    )
    fit = {"loss": "focal", "batch_size": 3}
    allowed = [
        (arch, encoder)
        for arch in PAIRS["space.arch"]
        for encoder in PAIRS["space.encoder"]
        if plan.points.allows({"arch": arch, "encoder": encoder, **fit})
    ]
    assert allowed == [("Unet", "resnet18"), ("Unet", "mit_b0"), ("Linknet", "resnet18")]


def test_a_batch_of_one_leaves_the_space_where_a_feature_map_has_one_pixel(project: Path) -> None:
    """At 32x32 the last features of an encoder of stride 32 are one pixel."""
    plan = planned(project, **TWO, **{"data.image_size": [32, 32]})
    assert {"arch": "Unet", "encoder": "resnet18", "batch_size": 1} in plan.forbidden
    assert "more than 1 value per channel" in plan.left_out[0]
    larger = planned(project, **TWO)  # 32x64
    assert larger.forbidden == ()


def test_crops_leave_the_space_of_what_must_see_the_whole_size(project: Path) -> None:
    sizes = {"data.image_size": [64, 128], "space.crop": [None, "32x64"]}
    sized = "tu-hiera_tiny_224"
    models = {"space.arch": ["Unet"], "space.encoder": ["resnet18", sized], "mapping": "merged10"}
    plan = planned(project, **models, **sizes)
    fault = "its weights depend on data.image_size; set training.crop to null"
    assert plan.left_out == (f"Unet on {sized} (crop 32x64): {fault}",)
    assert {"arch": "Unet", "encoder": sized, "crop": "32x64"} in plan.forbidden


def test_an_architecture_that_the_crop_of_all_trials_is_too_small_for_is_told_of_the_crop(
    project: Path,
) -> None:
    sizes = {"data.image_size": [128, 128], "training.crop": "32x64"}
    models = {"space.arch": ["Unet", "PAN"], "space.encoder": ["resnet18"], "mapping": "merged10"}
    fault = "training.crop [32, 64]: PAN needs at least 128 on each side"
    assert planned(project, **models, **sizes).left_out == (f"PAN on resnet18: {fault}",)


def test_crops_that_are_too_small_for_an_architecture_are_told() -> None:
    assert crop_fault("PAN", "resnet18", (128, 128), (256, 256)) is None
    fault = crop_fault("PAN", "resnet18", (128, 96), (256, 256))
    assert fault == "training.crop [128, 96]: PAN needs at least 128 on each side"
    assert crop_fault("DPT", "tu-vit_tiny_patch16_224", (64, 64), (256, 256)) is None


def on_devices(project: Path, devices: int, batch_size: int) -> None:
    """Have the project's trainings run on several devices."""
    file = project / "config.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["training"] |= {"devices": devices, "batch_size": batch_size}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_on_several_devices_each_has_more_than_one_image_of_a_batch_where_it_must(
    project: Path,
) -> None:
    on_devices(project, 2, 4)
    two = TWO | {"space.batch_size": [2, 4]}
    plan = planned(project, **two, **{"data.image_size": [32, 32]})
    assert {"arch": "Unet", "encoder": "resnet18", "batch_size": 2} in plan.forbidden
    assert "a device's part of a batch is one image" in plan.left_out[0]
    larger = planned(project, **two)  # 32x64
    assert larger.forbidden == ()


def test_a_batch_size_of_a_range_that_devices_cannot_divide_leaves_the_space(
    project: Path,
) -> None:
    on_devices(project, 2, 4)
    plan = planned(project, **TWO | {"space.batch_size": {"low": 2, "high": 6}})
    assert {key["batch_size"] for key in plan.forbidden} == {3, 5}
    assert plan.left_out[0].endswith("2 devices cannot take equal parts of a batch")
    on_devices(project, 3, 3)
    with pytest.raises(InputError, match=r"4; a multiple of training\.devices, 3"):
        planned(project, **TWO | {"space.batch_size": [3, 4]})


def test_fewer_images_or_devices_than_a_training_asks_for_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {"devices": 8, "batch_size": 8, "mapping": "merged10"}
    with pytest.raises(InputError, match="8 devices, and train has 6 images"):
        planned(project, **many)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    with pytest.raises(InputError, match="this machine has 3 CUDA devices: set it to 3 or less"):
        planned(project, **many)
