import hashlib
import math
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segexp.core.errors import InputError
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.bundle_json import Architecture
from segexp.training.bundle_weights import build_model
from segexp.training.network import make_model
from tests.training.broken_bundle import edit_json, exchange_weights, faults_of, tensors_of


def test_changed_and_cut_weights_are_refused(saved: Path):
    path = saved / "model.safetensors"
    weights = bytearray(path.read_bytes())
    weights[-1] ^= 1
    path.write_bytes(weights)
    assert "sha256" in faults_of(saved)[0]
    path.write_bytes(weights[:-1])
    assert f"{len(weights) - 1} bytes" in faults_of(saved)[0]


def test_weights_in_another_format_are_refused_unread(saved: Path):
    torch.save({"a": torch.zeros(1)}, saved / "model.safetensors")
    pickle = (saved / "model.safetensors").read_bytes()
    digest = hashlib.sha256(pickle).hexdigest()
    edit_json(saved, weights__sha256=digest, weights__size=len(pickle))
    assert "not safetensors" in faults_of(saved)[0]


def test_missing_and_unknown_tensors_are_named(saved: Path):
    tensors = tensors_of(saved)
    tensors["segmentation_head.9.weight"] = tensors.pop("segmentation_head.0.weight")
    exchange_weights(saved, tensors)
    faults = faults_of(saved)
    assert "1 tensors missing in the file: segmentation_head.0.weight" in faults[0]
    assert "1 tensors unknown to the architecture: segmentation_head.9.weight" in faults[1]


def test_tensors_of_another_shape_or_type_are_named(saved: Path):
    tensors = tensors_of(saved)
    head = tensors["segmentation_head.0.weight"]
    tensors["segmentation_head.0.weight"] = head[:4].clone()
    tensors["segmentation_head.0.bias"] = tensors["segmentation_head.0.bias"].half()
    exchange_weights(saved, tensors)
    (fault,) = faults_of(saved)
    assert f"is F32 4x{head.shape[1]}x3x3, not F32 6x{head.shape[1]}x3x3" in fault
    assert "segmentation_head.0.bias is F16 6, not F32 6" in fault


def test_another_architecture_gives_a_short_list(saved: Path):
    edit_json(saved, architecture__encoder="resnet18")
    faults = faults_of(saved)
    assert any("tensors missing in the file" in fault and " more" in fault for fault in faults)
    assert all(len(fault) < 800 for fault in faults)


def test_any_changed_byte_of_the_weights_is_refused(saved: Path):
    path = saved / "model.safetensors"
    sound = path.read_bytes()
    random = np.random.default_rng(0)
    for place in [0, len(sound) - 1, *random.integers(len(sound), size=18)]:
        weights = bytearray(sound)
        weights[place] ^= random.integers(1, 256)
        path.write_bytes(weights)
        assert "sha256" in faults_of(saved)[0]


@pytest.mark.parametrize(
    ("arch", "encoder"),
    [("DPT", "tu-vit_giant_patch14_224"), ("Unet", "tu-convnext_xxlarge"), ("FPN", "mit_b5")],
)
def test_an_architecture_larger_than_the_weights_is_not_built(saved: Path, arch: str, encoder: str):
    # 846 million weights take 3.4 GB.
    edit_json(saved, architecture__arch=arch, architecture__encoder=encoder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = "\n".join(faults_of(saved))
    assert "is larger than the weights" in text or "does not take encoder" in text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


@pytest.mark.parametrize("encoder", ["mit_b0", "tu-convnext_atto"])
def test_models_whose_constructors_build_more_than_is_saved_still_load(
    bundle: Bundle, tmp_path: Path, encoder: str
):
    model = make_model("FPN", encoder, None, 6, 0.25)
    save_bundle(
        tmp_path / "b",
        replace(bundle, arch="FPN", encoder=encoder, decoder_width=0.25, model=model),
    )
    state = load_bundle(tmp_path / "b").model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_vgg_may_throw_away_ten_times_what_it_keeps_but_not_of_nothing():
    architecture = Architecture(arch="FPN", encoder="vgg11", decoder_width=0.25, num_classes=6)
    with pytest.raises(InputError, match="is larger than the weights, which hold 1000 numbers"):
        build_model(architecture, (64, 64), {"x": ("F32", (10, 100))})
    model = build_model(architecture, (64, 64), {"x": ("F32", (9_300_000,))})
    assert sum(p.numel() for p in model.parameters()) > 9_300_000


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused(saved: Path, value: float):
    tensors = tensors_of(saved)
    tensors["segmentation_head.0.bias"][2] = value
    exchange_weights(saved, tensors)
    (fault,) = faults_of(saved)
    assert "1 tensors with NaN or infinite numbers: segmentation_head.0.bias" in fault


@pytest.mark.parametrize("size", [0, 7, 2**31, 2**64 - 1])
def test_a_weights_header_that_lies_about_its_length_is_refused(saved: Path, size: int):
    path = saved / "model.safetensors"
    weights = size.to_bytes(8, "little") + path.read_bytes()[8:]
    path.write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    edit_json(saved, weights__sha256=digest, weights__size=len(weights))
    assert "not safetensors" in faults_of(saved)[0]
