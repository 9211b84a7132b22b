import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from segexp.core.errors import InputError, WorkError
from segexp.training.network import (
    make_model,
)
from segexp.training.weights import check_weights

ENCODER = "mobilenet_v2"


def save_encoder(directory: Path, encoder: str = ENCODER) -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    model = make_model("Unet", encoder, None, 3)
    state = model.get_submodule("encoder").state_dict()
    save_file(state, directory / f"{encoder}.safetensors")
    return state


@pytest.mark.parametrize("encoder", [ENCODER, "tu-test_resnet"])
def test_encoder_weights_come_back_from_a_directory(tmp_path, encoder):
    state = save_encoder(tmp_path, encoder)
    torch.manual_seed(8)
    check_weights(encoder, str(tmp_path))
    model = make_model("FPN", encoder, str(tmp_path), 5)
    loaded = model.get_submodule("encoder").state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_a_relative_directory_of_weights_starts_at_the_project(tmp_path, monkeypatch):
    (tmp_path / "project" / "weights").mkdir(parents=True)
    state = save_encoder(tmp_path / "project" / "weights")
    monkeypatch.chdir(tmp_path)  # where one stands does not matter
    check_weights(ENCODER, "weights", tmp_path / "project")
    model = make_model("FPN", ENCODER, "weights", 5, project=tmp_path / "project")
    loaded = model.get_submodule("encoder").state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_weights_that_are_not_the_encoders_are_refused_by_name(tmp_path):
    state = save_encoder(tmp_path)
    path = tmp_path / f"{ENCODER}.safetensors"
    first, second = sorted(state)[:2]
    state["stray"] = state.pop(first)
    state[second] = torch.zeros(1, 2, 3)
    save_file(state, path)
    with pytest.raises(InputError) as caught:
        make_model("Unet", ENCODER, str(tmp_path), 3)
    missing, unexpected, shape = caught.value.faults
    assert f"1 tensors missing: {first}" in missing
    assert "1 tensors unexpected: stray" in unexpected
    assert f"1 tensors of another shape: {second}" in shape
    assert all(str(path) in fault for fault in caught.value.faults)


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    (tmp_path / f"{ENCODER}.safetensors").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(InputError, match="not a safetensors file"):
        make_model("Unet", ENCODER, str(tmp_path), 3)


def test_a_missing_directory_or_one_without_the_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=rf"{ENCODER}\.safetensors: no such file"):
        check_weights(ENCODER, str(tmp_path))
    with pytest.raises(InputError, match="neither 'imagenet' nor null nor a directory"):
        check_weights(ENCODER, str(tmp_path / "absent"))


@pytest.fixture
def offline_hub(tmp_path, monkeypatch):
    """An empty hub cache and no network, as HF_HOME and HF_HUB_OFFLINE=1 set them at start."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def fill_cache(cache: Path, repo: str, revision: str, state: dict[str, torch.Tensor]) -> None:
    """Lay out files as a download of the hub does."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    (snapshot / "config.json").write_text(json.dumps({"mean": [0.5] * 3, "std": [0.5] * 3}))
    save_file(state, snapshot / "model.safetensors")


@pytest.mark.parametrize("encoder", [ENCODER, "tu-test_resnet"])
def test_imagenet_weights_that_cannot_be_fetched_say_what_to_do(offline_hub, encoder):
    for attempt in (
        lambda: check_weights(encoder, "imagenet"),
        lambda: make_model("Unet", encoder, "imagenet", 3),
    ):
        with pytest.raises(WorkError, match=encoder) as caught:
            attempt()
        assert "\n" not in str(caught.value)
        assert "Run once with a network" in str(caught.value)
        assert f"{encoder}.safetensors" in str(caught.value)
        assert "null" in str(caught.value)


def test_smps_imagenet_weights_are_loaded_from_the_hubs_cache(offline_hub, tmp_path):
    state = save_encoder(tmp_path)
    source = smp_encoders[ENCODER]["pretrained_settings"]["imagenet"]
    fill_cache(offline_hub, source["repo_id"], source["revision"], state)
    check_weights(ENCODER, "imagenet")
    model = make_model("Unet", ENCODER, "imagenet", 3)
    loaded = model.get_submodule("encoder").state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_timms_imagenet_weights_are_loaded_from_the_hubs_cache(offline_hub):
    import timm

    torch.manual_seed(7)
    whole = timm.create_model("test_resnet", pretrained=False)
    state = whole.state_dict()
    fill_cache(offline_hub, "timm/test_resnet.r160_in1k", "0" * 40, state)
    check_weights("tu-test_resnet", "imagenet")
    model = make_model("Unet", "tu-test_resnet", "imagenet", 3)
    first = model.get_submodule("encoder").state_dict()["model.conv1.0.weight"]
    assert torch.equal(first, state["conv1.0.weight"])


@pytest.mark.parametrize("name", ["ssl", "swsl"])
def test_other_weights_of_smp_are_loaded_by_their_name(offline_hub, tmp_path, name):
    state = save_encoder(tmp_path, "resnet18")
    source = smp_encoders["resnet18"]["pretrained_settings"][name]
    fill_cache(offline_hub, source["repo_id"], source["revision"], state)
    check_weights("resnet18", name)
    loaded = make_model("Unet", "resnet18", name, 3).get_submodule("encoder").state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("encoder", "weights"),
    [
        ("tu-mobilenetv3_large_100", "miil_in21k"),
        ("tu-mobilenetv3_large_100.miil_in21k", "imagenet"),
        ("tu-mobilenetv3_large_100.ra_in1k", "miil_in21k"),
    ],
)
def test_a_tag_of_timm_names_weights_and_so_does_an_encoder_with_one(offline_hub, encoder, weights):
    """A tag whose classifier has other classes than the default's."""
    import timm

    whole = timm.create_model("mobilenetv3_large_100", num_classes=11221)
    state = whole.state_dict()
    fill_cache(offline_hub, "timm/mobilenetv3_large_100.miil_in21k", "0" * 40, state)
    check_weights(encoder, weights)
    loaded = make_model("Unet", encoder, weights, 3, 0.25).get_submodule("encoder").state_dict()
    assert torch.equal(loaded["model.conv_stem.weight"], state["conv_stem.weight"])


@pytest.mark.parametrize(
    ("encoder", "weights", "told"),
    [
        ("resnet18", "sssl", "is neither 'imagenet', 'ssl', 'swsl' nor null nor a directory (did"),
        ("mobilenet_v2", "ssl", "neither 'imagenet' nor null nor a directory; the names are those"),
        ("tu-test_resnet", "r160_in1", "neither 'imagenet', 'r160_in1k' nor null"),
    ],
)
def test_a_name_that_the_encoder_lacks_is_refused_with_those_that_it_has(encoder, weights, told):
    for attempt in (
        lambda: check_weights(encoder, weights),
        lambda: make_model("Unet", encoder, weights, 3),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert told in str(caught.value)
        assert repr(encoder) in str(caught.value)


def test_an_encoder_without_imagenet_weights_is_refused(offline_hub):
    with pytest.raises(InputError, match=r"'dpn68b' has no 'imagenet' weights in smp, only"):
        check_weights("dpn68b", "imagenet")


def test_no_weights_need_nothing():
    check_weights(ENCODER, None)
