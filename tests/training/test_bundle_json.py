import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.bundle_json import read_content, signed
from segexp.training.reading import Prior, Reading
from tests.training.broken_bundle import edit_json, faults_of


def test_the_json_is_for_people_and_needs_no_other_file(saved: Path):
    text = (saved / "bundle.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["architecture"]["num_classes"] == 6
    assert content["mapping"]["taxonomy"] == content["taxonomy"]["name"] == "camvid11"
    assert content["scores"] == {"tuning/miou": 0.5, "heldout/miou": None}
    assert '"image_size": [32, 64]' in text
    assert '"study": "straße"' in text


PRIOR = Prior("median_frequency", (5, 4, 3, 2, 1, 0), (9, 9, 9, 9, 9, 0))


def test_every_fault_of_a_reading_is_named(bundle: Bundle, tmp_path: Path):
    saved = tmp_path / "b"
    save_bundle(saved, replace(bundle, reading=Reading(1.75, False, PRIOR)))
    edit_json(saved, reading__prior__weighting="rare", reading__prior__pixels=[5, 99])
    faults = "\n".join(faults_of(saved))
    assert "reading.prior.pixels: 2 numbers; expected 6, one a class" in faults
    assert "reading.prior.weighting: 'rare'" in faults
    assert "reading.prior.pixels: more of a class than in the images that have it" in faults
    edit_json(saved, reading__temperature=0.0)
    assert "reading.temperature" in faults_of(saved)[0]


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
        ('{"format_version": 1}', "format_version: 1; this segexp reads 2, 3, 4 and 5"),
        (
            '{"format_version": 6}',
            "format_version: 6; this segexp reads 2, 3, 4 and 5, a newer segexp",
        ),
        ('{"format_version": 3}', "its first lines are not"),
        (signed(b'"format_version": 2}').decode(), "architecture: .*: field required"),
    ],
)
def test_a_json_file_of_another_kind_is_refused(saved: Path, text: str, said: str):
    (saved / "bundle.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=said):
        load_bundle(saved)


def test_every_wrong_value_of_the_json_is_listed_together(saved: Path):
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


def test_a_name_that_no_file_system_accepts_is_not_a_bundle(tmp_path: Path):
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
        ("preprocessing__resize", {"short_side": 10**9}),
        ("preprocessing__resize", {"factor": 1e9}),
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
