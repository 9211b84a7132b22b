import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import segmentation_models_pytorch as smp
import torch
from PIL import Image

from segexp.core.data_config import Factor, Resize, ShortSide
from segexp.core.errors import InputError
from segexp.evaluation.image_files import find_images
from segexp.evaluation.predict import predict_masks
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.compute import choose_compute
from segexp.training.network import make_model
from segexp.training.reading import Prior, Reading
from tests.training.broken_bundle import edit_json, faults_of, sign


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    images = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.eval()(images)


def test_a_loaded_bundle_gives_the_same_logits_bit_for_bit(bundle: Bundle, saved: Path):
    loaded = load_bundle(saved)
    assert not loaded.model.training
    assert torch.equal(logits_of(loaded.model), logits_of(bundle.model))


def test_everything_beside_the_weights_survives_the_round_trip(bundle: Bundle, saved: Path):
    loaded = load_bundle(saved)
    assert (loaded.arch, loaded.encoder, loaded.decoder_width) == ("Unet", "mobilenet_v2", 0.5)
    assert loaded.mapping == bundle.mapping
    assert loaded.mapping.hash == bundle.mapping.hash
    assert loaded.preprocessing == bundle.preprocessing
    assert loaded.origin == bundle.origin
    assert loaded.scores["tuning/miou"] == 0.5
    assert math.isnan(loaded.scores["heldout/miou"])


def test_a_bundle_loads_from_either_of_its_files(bundle: Bundle, saved: Path):
    for name in ("bundle.json", "model.safetensors"):
        assert load_bundle(saved / name).mapping == bundle.mapping


def test_a_model_in_channels_last_and_half_precision_is_saved_as_plain_float32(
    bundle: Bundle, tmp_path: Path
):
    model = make_model("FPN", "resnet18", None, 6).to(torch.float16)
    model = model.to(memory_format=torch.channels_last)
    save_bundle(
        tmp_path / "b",
        replace(bundle, arch="FPN", encoder="resnet18", decoder_width=1.0, model=model),
    )
    state = load_bundle(tmp_path / "b").model.state_dict()
    for name, value in model.state_dict().items():
        assert state[name].dtype in (torch.float32, torch.int64)
        assert torch.equal(state[name], value.to(state[name].dtype))


def test_a_bundle_holds_three_files_and_no_others_are_left(saved: Path):
    names = ["README.md", "bundle.json", "model.safetensors"]
    assert sorted(p.name for p in saved.iterdir()) == names
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


def test_saving_again_replaces_the_bundle(bundle: Bundle, saved: Path):
    save_bundle(saved, replace(bundle, scores={"tuning/miou": 0.75}))
    assert load_bundle(saved).scores == {"tuning/miou": 0.75}
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


READING = Reading(1.75, False, Prior("median_frequency", (5, 4, 3, 2, 1, 0), (9, 9, 9, 9, 9, 0)))


@pytest.mark.parametrize("reading", [Reading(0.5, True), READING, None])
def test_how_probabilities_are_read_survives_the_round_trip(
    bundle: Bundle, tmp_path: Path, reading: Reading | None
):
    save_bundle(tmp_path / "b", replace(bundle, reading=reading))
    assert load_bundle(tmp_path / "b").reading == reading


def test_a_bundle_of_format_2_opens_without_saying_how_it_is_read(saved: Path):
    path = saved / "bundle.json"
    content = json.loads(path.read_text())
    assert content.pop("reading") is None
    del content["preprocessing"]["resize"]
    sign(path, json.dumps({**content, "format_version": 2}))
    assert load_bundle(saved).reading is None


@pytest.mark.parametrize(
    "rule", ["stretch", "fit", "none", ShortSide(short_side=512), Factor(factor=0.5)]
)
def test_how_images_are_resized_survives_the_round_trip(
    bundle: Bundle, tmp_path: Path, rule: Resize
):
    preprocessing = replace(bundle.preprocessing, resize=rule)
    save_bundle(tmp_path / "b", replace(bundle, preprocessing=preprocessing))
    assert load_bundle(tmp_path / "b").preprocessing == preprocessing


def test_a_bundle_of_format_3_stretches_images(saved: Path):
    path = saved / "bundle.json"
    content = json.loads(path.read_text())
    del content["preprocessing"]["resize"]
    sign(path, json.dumps({**content, "format_version": 3}))
    assert load_bundle(saved).preprocessing.resize == "stretch"


def test_a_bundle_of_format_4_opens_without_a_card_and_without_what_smp_takes(
    bundle: Bundle, saved: Path
):
    path = saved / "bundle.json"
    content = json.loads(path.read_text())
    del content["smp"]
    sign(path, json.dumps({**content, "format_version": 4}))
    (saved / "README.md").unlink()
    assert torch.equal(logits_of(load_bundle(saved).model), logits_of(bundle.model))
    save_bundle(saved, bundle)  # over it
    assert (saved / "README.md").is_file()


def test_three_lines_load_a_bundle_in_plain_smp(bundle: Bundle, saved: Path):
    content = json.loads((saved / "bundle.json").read_text())
    model = smp.create_model(**content["smp"])
    model.load_state_dict(safetensors.torch.load_file(saved / "model.safetensors"))
    assert torch.equal(logits_of(model), logits_of(bundle.model))


def test_a_save_that_fails_half_way_leaves_the_older_bundle_alone(bundle: Bundle, saved: Path):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    unwritable = "\ud800"  # half of a surrogate pair: no UTF-8
    with pytest.raises(ValueError, match="surrogate"):
        save_bundle(saved, replace(bundle, origin={"study": unwritable}))
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


def test_a_directory_that_is_not_a_bundle_is_not_replaced(bundle: Bundle, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(InputError, match=r"cat\.jpg"):
        save_bundle(tmp_path / "photos", bundle)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        save_bundle(tmp_path / "file", bundle)
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_loading_keeps_the_random_state(saved: Path):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_bundle(saved)
    assert torch.equal(torch.rand(4), expected)


def test_classes_that_are_not_the_weights_classes_are_refused(saved: Path):
    edit_json(saved, architecture__num_classes=5)
    faults = faults_of(saved)
    assert "architecture.num_classes: 5, but the mapping camvid_merged6 has 6 classes" in faults[0]
    assert "segmentation_head.0.weight" in faults[1]


def test_faults_of_mapping_architecture_and_weights_come_together(saved: Path):
    content = json.loads((saved / "bundle.json").read_text())
    content["mapping"]["classes"][0]["labels"][0] = "skyy"
    edit_json(saved, mapping=content["mapping"], architecture__encoder="mobilenet_v9")
    with (saved / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    text = "\n".join(faults_of(saved))
    assert "'skyy' is not a label of camvid11 (did you mean 'sky'?)" in text
    assert "mobilenet_v9" in text
    assert "cut or exchanged" in text


def test_a_broken_taxonomy_is_refused(saved: Path):
    edit_json(saved, taxonomy={"name": "x", "labels": [], "encodings": [3]})
    text = "\n".join(faults_of(saved))
    assert "taxonomy: labels: expected a list" in text
    assert "taxonomy: encodings: expected" in text


@pytest.mark.parametrize(
    "encoder",
    [
        "tu-coatnet_pico_rw_224",
        pytest.param("tu-swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
        pytest.param("tu-hiera_tiny_224", marks=pytest.mark.slow),
    ],
)
def test_a_bundle_whose_weights_depend_on_the_image_size_predicts_at_other_sizes(
    bundle: Bundle, tmp_path: Path, encoder: str
):
    size = (64, 128)
    model = make_model("Unet", encoder, None, 6, 0.1, image_size=size).eval()
    preprocessing = replace(bundle.preprocessing, image_size=size)
    saved = replace(
        bundle,
        arch="Unet",
        encoder=encoder,
        decoder_width=0.1,
        preprocessing=preprocessing,
        model=model,
    )
    save_bundle(tmp_path / "b", saved)
    loaded = load_bundle(tmp_path / "b")
    image = np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    (file,) = find_images([tmp_path / "image.png"])
    images = torch.rand(1, 3, *size)
    with torch.inference_mode():
        assert torch.equal(loaded.model(images), model(images))
    compute = choose_compute("fp32")
    (prediction,) = predict_masks(loaded.model, loaded.preprocessing, compute, [file])
    assert prediction.mask.shape == (90, 150)
