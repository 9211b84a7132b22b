import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from segexp.bundle import Bundle, load_bundle, save_bundle
from segexp.errors import InputError
from segexp.mapping_file import load_mapping
from segexp.model import make_model
from segexp.preprocess import Preprocessing
from segexp.taxonomy import VOID, Label, Taxonomy, load_taxonomy, parse_taxonomy

MAPPINGS = Path(__file__).parents[1] / "mappings"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    mapping = load_mapping(MAPPINGS / "camvid_merged6.yaml")
    torch.manual_seed(1)
    model = make_model("Unet", "mobilenet_v2", None, len(mapping.classes), 0.5)
    with torch.no_grad():  # in training mode, so that the running statistics are their own
        model(torch.randn(2, 3, 32, 64))
    return Bundle(
        arch="Unet",
        encoder="mobilenet_v2",
        decoder_width=0.5,
        mapping=mapping,
        preprocessing=Preprocessing((32, 64), (0.4, 0.41, 0.42), (0.3, 0.31, 0.32)),
        scores={"tuning/miou": 0.5, "heldout/miou": math.nan},
        origin={"study": "straße", "trial": 7, "run_id": None},
        model=model,
    )


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> Path:
    save_bundle(tmp_path / "best", bundle)
    return tmp_path / "best"


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    images = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.eval()(images)


def faults_of(directory: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        load_bundle(directory)
    return caught.value.faults


def edit_json(directory: Path, **changes: object) -> None:
    path = directory / "bundle.json"
    content = json.loads(path.read_text())
    for dotted, value in changes.items():
        *sections, last = dotted.split("__")
        inner = content
        for section in sections:
            inner = inner[section]
        inner[last] = value
    path.write_text(json.dumps(content))


def exchange_weights(directory: Path, tensors: dict[str, torch.Tensor]) -> None:
    weights = safetensors.torch.save(tensors)
    (directory / "model.safetensors").write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    edit_json(directory, weights__sha256=digest, weights__size=len(weights))


def tensors_of(directory: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(directory / "model.safetensors")


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


def test_a_bundle_holds_two_files_and_nothing_is_left_beside_it(saved: Path):
    assert sorted(p.name for p in saved.iterdir()) == ["bundle.json", "model.safetensors"]
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


def test_the_json_is_for_people_and_needs_no_other_file(saved: Path):
    text = (saved / "bundle.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["architecture"]["num_classes"] == 6
    assert content["mapping"]["taxonomy"] == content["taxonomy"]["name"] == "camvid11"
    assert content["scores"] == {"tuning/miou": 0.5, "heldout/miou": None}
    assert '"image_size": [32, 64]' in text
    assert '"study": "straße"' in text


def test_saving_again_replaces_the_bundle(bundle: Bundle, saved: Path):
    save_bundle(saved, replace(bundle, scores={"tuning/miou": 0.75}))
    assert load_bundle(saved).scores == {"tuning/miou": 0.75}
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


def test_a_save_that_fails_half_way_leaves_the_older_bundle_alone(bundle: Bundle, saved: Path):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    unwritable = "\ud800"  # half of a surrogate pair: no UTF-8
    with pytest.raises(ValueError, match="surrogate"):
        save_bundle(saved, replace(bundle, origin={"study": unwritable}))
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
    assert [p.name for p in saved.parent.iterdir()] == ["best"]


def test_a_directory_that_is_no_bundle_is_not_replaced(bundle: Bundle, tmp_path: Path):
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


def test_a_missing_directory_and_missing_files_are_named(saved: Path):
    assert "no such directory" in faults_of(saved / "nowhere")[0]
    for name in ("bundle.json", "model.safetensors"):
        (saved / name).unlink()
    faults = faults_of(saved)
    assert len(faults) == 2
    assert "bundle.json: missing" in faults[0]
    assert "model.safetensors: missing" in faults[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"format_version": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\udcff", "not JSON"),
        ("[]", "format_version: None"),
        ('{"format_version": 2}', "format_version: 2; this segexp reads 1"),
        ('{"format_version": 1}', "architecture: .*: field required"),
    ],
)
def test_a_json_file_that_is_none_of_ours_is_refused(saved: Path, text: str, said: str):
    (saved / "bundle.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=said):
        load_bundle(saved)


def test_every_wrong_value_of_the_json_is_named_at_once(saved: Path):
    edit_json(
        saved,
        preprocessing__std=[0.1, 0.0, 0.1],
        preprocessing__image_size=[33, 64],
        architecture__arch=3,
        weights__file="../other.safetensors",
        surprise=1,
    )
    text = "\n".join(faults_of(saved))
    for key in (
        "preprocessing.std.1: 0.0",
        "preprocessing.image_size.0: 33",
        "architecture.arch: 3",
        "weights.file: '../other.safetensors'",
        "surprise: 1",
    ):
        assert key in text


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
    assert "'skyy' is no label of camvid11 (did you mean 'sky'?)" in text
    assert "mobilenet_v9" in text
    assert "cut or exchanged" in text


def test_a_broken_taxonomy_is_refused(saved: Path):
    edit_json(saved, taxonomy={"name": "x", "labels": [], "encodings": [3]})
    text = "\n".join(faults_of(saved))
    assert "taxonomy: labels: expected a list" in text
    assert "taxonomy: encodings: expected" in text


@pytest.mark.parametrize("path", sorted((MAPPINGS / "taxonomies").glob("*.yaml")), ids=str)
def test_a_shipped_taxonomy_survives_the_round_trip(path: Path):
    taxonomy = load_taxonomy(path)
    again, faults = parse_taxonomy("bundle.json", json.loads(json.dumps(taxonomy.to_dict())))
    assert faults == []
    assert again == taxonomy
    assert again.hash == taxonomy.hash


def test_a_taxonomy_with_odd_ids_survives_the_round_trip():
    taxonomy = Taxonomy(
        name="odd",
        labels=(Label("a", (1, 2, 3)), Label("b", (4, 5, 6))),
        encodings={"default": {-7: 0, 70_000: 1, -1: VOID, 255: VOID}, "other": {0: 1, 1: 0}},
        void_color=(9, 8, 7),
    )
    again, faults = parse_taxonomy("bundle.json", json.loads(json.dumps(taxonomy.to_dict())))
    assert faults == []
    assert again == taxonomy
