import hashlib
import json
import math
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.evaluation.predict import find_images, predict_masks
from segexp.labels.files import load_mapping
from segexp.labels.taxonomy import VOID, Label, Taxonomy, load_taxonomy, parse_taxonomy
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.bundle_json import Architecture, read_content, signed
from segexp.training.bundle_weights import build_model
from segexp.training.compute import choose_compute
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading

MAPPINGS = ROOT / "mappings"


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
    sign(path, json.dumps(content))


def sign(path: Path, text: str) -> None:
    """Write an object as `bundle.json`, with the right digest: it lies, but is not damaged."""
    content = json.loads(text)
    content.pop("sha256", None)
    path.write_bytes(signed(json.dumps(content).removeprefix("{").encode()))


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


READING = Reading(1.75, False, Prior("median_frequency", (5, 4, 3, 2, 1, 0), (9, 9, 9, 9, 9, 0)))


@pytest.mark.parametrize("reading", [Reading(0.5, True), READING, None])
def test_how_probabilities_are_read_survives_the_round_trip(
    bundle: Bundle, tmp_path: Path, reading: Reading | None
):
    save_bundle(tmp_path / "b", replace(bundle, reading=reading))
    assert load_bundle(tmp_path / "b").reading == reading


def test_a_bundle_of_format_2_opens_and_says_nothing_of_how_it_is_read(saved: Path):
    path = saved / "bundle.json"
    content = json.loads(path.read_text())
    assert content.pop("reading") is None
    sign(path, json.dumps({**content, "format_version": 2}))
    assert load_bundle(saved).reading is None


def test_every_fault_of_a_reading_is_named(bundle: Bundle, tmp_path: Path):
    saved = tmp_path / "b"
    save_bundle(saved, replace(bundle, reading=READING))
    edit_json(saved, reading__prior__weighting="rare", reading__prior__pixels=[5, 99])
    faults = "\n".join(faults_of(saved))
    assert "reading.prior.pixels: 2 numbers; expected 6, one a class" in faults
    assert "reading.prior.weighting: 'rare'" in faults
    assert "reading.prior.pixels: more of a class than in the images that have it" in faults
    edit_json(saved, reading__temperature=0.0)
    assert "reading.temperature" in faults_of(saved)[0]


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
        ('{"format_version": 1}', "format_version: 1; this segexp reads 2 and 3"),
        (
            '{"format_version": 4}',
            "format_version: 4; this segexp reads 2 and 3, a newer segexp",
        ),
        ('{"format_version": 3}', "its first lines are not"),
        (signed(b'"format_version": 2}').decode(), "architecture: .*: field required"),
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
    assert "'skyy' is not a label of camvid11 (did you mean 'sky'?)" in text
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


def test_any_changed_byte_of_the_json_is_refused(saved: Path):
    path = saved / "bundle.json"
    sound = path.read_bytes()
    for place in [*range(200), *range(200, len(sound), 5), len(sound) - 1]:
        # White space for white space and digits for digits: what a parser would not notice.
        other = {ord("\n"): ord(" "), ord(" "): ord("\n")}.get(sound[place], sound[place] ^ 1)
        path.write_bytes(sound[:place] + bytes([other]) + sound[place + 1 :])
        with pytest.raises(InputError):
            read_content(saved)
    for changed in (sound + b"\n", sound[:-1], sound.replace(b"\n", b"\r\n"), sound[1:]):
        path.write_bytes(changed)
        with pytest.raises(InputError):
            read_content(saved)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_the_weights_is_refused(
    bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    directory = tmp_path_factory.mktemp("b") / "best"
    save_bundle(directory, bundle)
    weights = bytearray((directory / "model.safetensors").read_bytes())
    place = data.draw(st.integers(0, len(weights) - 1))
    weights[place] ^= data.draw(st.integers(1, 255))
    (directory / "model.safetensors").write_bytes(weights)
    assert "sha256" in faults_of(directory)[0]


def test_a_person_can_check_the_digest_of_the_json(saved: Path):
    lines = (saved / "bundle.json").read_bytes().splitlines(keepends=True)
    stated = json.loads(b"".join(lines))["sha256"]
    assert hashlib.sha256(b"".join(lines[2:])).hexdigest() == stated


def test_a_key_that_appears_twice_is_refused(saved: Path):
    text = (saved / "bundle.json").read_text()
    lines = text.split("\n", 2)[2].replace('"arch"', '"num_classes": 6, "arch"')
    (saved / "bundle.json").write_bytes(signed(lines.encode()))
    assert "the key 'num_classes' appears twice" in faults_of(saved)[0]


@pytest.mark.parametrize("name", ["bundle.json", "model.safetensors"])
def test_links_inside_a_bundle_are_refused_and_a_link_to_a_bundle_is_followed(
    saved: Path, name: str
):
    (saved.parent / "link").symlink_to(saved)
    assert load_bundle(saved.parent / "link").arch == "Unet"
    (saved / name).rename(saved.parent / "elsewhere")
    (saved / name).symlink_to(saved.parent / "elsewhere")
    assert f"{saved / name}: a link" in faults_of(saved)[0]


def test_what_else_lies_in_a_bundle_is_not_looked_at(saved: Path):
    (saved / "model.pt").write_bytes(b"\x80\x04.")
    (saved / "link").symlink_to("/dev/zero")
    assert load_bundle(saved).arch == "Unet"


def test_a_json_of_a_gigabyte_is_refused_unread(saved: Path):
    with (saved / "bundle.json").open("r+b") as file:
        file.truncate(1 << 30)
    assert "1073741824 bytes; at most 1048576 are read" in faults_of(saved)[0]


def test_a_name_that_no_file_system_takes_is_no_bundle(tmp_path: Path):
    assert "no such directory" in faults_of(tmp_path / ("x" * 300))[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture__decoder_width", 1e9),
        ("architecture__decoder_width", 0),
        ("architecture__num_classes", 10**9),
        ("architecture__num_classes", 1),
        ("architecture__arch", "U" * 1000),
        ("preprocessing__image_size", [10**9, 10**9]),
        ("preprocessing__image_size", [16_384, 16_384]),
        ("preprocessing__std", [1e-300, 0.2, 0.2]),
        ("preprocessing__mean", [1e38, 0.2, 0.2]),
        ("weights__sha256", "0"),
        ("origin__study", [1]),
        ("scores__tuning/miou", "0.5"),
    ],
)
def test_numbers_that_no_model_has_are_refused_before_one_is_built(
    saved: Path, key: str, value: object, monkeypatch: pytest.MonkeyPatch
):
    edit_json(saved, **{key: value})
    built = "segexp.training.bundle.build_model"
    monkeypatch.setattr(built, lambda *_: pytest.fail("a model was built"))
    assert faults_of(saved)


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


@pytest.mark.parametrize(
    "encoder",
    [
        "tu-coatnet_pico_rw_224",
        pytest.param("tu-swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
        pytest.param("tu-hiera_tiny_224", marks=pytest.mark.slow),
    ],
)
def test_a_bundle_whose_weights_depend_on_the_image_size_predicts_at_the_images_own(
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


def test_vgg_may_throw_away_ten_times_what_it_keeps_but_not_of_nothing():
    architecture = Architecture(arch="FPN", encoder="vgg11", decoder_width=0.25, num_classes=6)
    with pytest.raises(InputError, match="is larger than the weights, which hold 1000 numbers"):
        build_model(architecture, (64, 64), {"x": ("F32", (10, 100))})
    model = build_model(architecture, (64, 64), {"x": ("F32", (9_300_000,))})
    assert sum(p.numel() for p in model.parameters()) > 9_300_000


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_refused(saved: Path, value: float):
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
