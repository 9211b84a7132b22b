"""`segexp predict`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.cli.running import Outcome, segexp


@pytest.fixture
def bundle(tuned: tuple[Path, Outcome]) -> str:
    (bundle,) = (tuned[0] / ".segexp" / "studies").glob("tiny-*/trial-*/bundle")
    return str(bundle)


def test_a_folder_of_images_needs_no_project(bundle: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (33, 65, 3), "b.jpg": (64, 31, 3), "c.png": (20, 21, 3)}.items():
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(images / name)
    outcome = segexp(tmp_path, "predict", bundle, "images", "--out", "out")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    mapping = json.loads((Path(bundle) / "bundle.json").read_text(encoding="utf-8"))["mapping"]
    assert f"predicted 3 image(s) into out ({mapping['name']}" in outcome.err
    assert len(list((tmp_path / "out").iterdir())) == 9
    for stem, size in {"a": (65, 33), "b": (31, 64), "c": (21, 20)}.items():
        assert Image.open(tmp_path / "out" / f"{stem}_mask.png").size == size


def test_a_folder_says_what_it_skips_and_reads_what_pillow_can(bundle: str, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    for name in ("a.webp", "b.bmp", "c.tif"):
        picture.save(images / name, lossless=True)
    for name in ("d.heic", "notes.txt", "more.txt", ".hidden"):
        (images / name).write_bytes(b"")
    outcome = segexp(tmp_path, "predict", bundle, "images", "--out", "out")
    assert outcome.code == 0, outcome.err
    assert "predicted 3 image(s) into out" in outcome.err
    skipped = next(line for line in outcome.err.splitlines() if line.startswith("skipped"))
    assert skipped == (
        "skipped, not images: 2 .txt, 1 .heic (images/d.heic, images/more.txt, images/notes.txt); "
        "HEIC and AVIF are not read: convert them to JPEG or PNG"
    )
    masks = [np.asarray(Image.open(tmp_path / "out" / f"{stem}_mask.png")) for stem in "abc"]
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])


def test_several_views_are_predicted_and_named(bundle: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    outcome = segexp(tmp_path, "predict", bundle, "a.png", "--out", "out", "--tta", "flip")
    assert outcome.code == 0, outcome.err
    assert ", --tta flip)" in outcome.err
    assert segexp(tmp_path, "predict", bundle, "a.png", "--out", "plain").code == 0
    found, plain = (
        np.asarray(Image.open(tmp_path / name / "a_mask.png")) for name in ("out", "plain")
    )
    assert found.shape == plain.shape
    assert (found != plain).any()


def test_a_model_goes_by_the_name_of_its_study(
    tuned: tuple[Path, Outcome], bundle: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for name, model in {"by-name": "tiny", "by-folder": bundle}.items():
        words = (model, "a.png", "--out", name, "--project", str(tuned[0]))
        outcome = segexp(tmp_path, "predict", *words)
        assert outcome.code == 0, outcome.err
    masks = [(tmp_path / name / "a_mask.png").read_bytes() for name in ("by-name", "by-folder")]
    assert masks[0] == masks[1]
    refused = segexp(tmp_path, "predict", "tinny", "a.png", "--project", str(tuned[0]))
    assert (refused.code, "no study 'tinny' (did you mean 'tiny'?)" in refused.err) == (2, True)
    evaluated = segexp(tuned[0], "evaluate", "tinny")
    assert (evaluated.code, "(did you mean 'tiny'?)" in evaluated.err) == (2, True)


def test_a_missing_model_and_missing_images_are_reported_together(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "predict", "nosuch", "x.png", "y.png")
    assert outcome.code == 2
    lines = outcome.err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["x.png", "y.png", "nosuch"]


def test_wrong_words_are_refused_before_anything_is_written(bundle: str, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    for words, expected in [
        ([bundle, "a.png", "--precision", "fp31"], "--precision 'fp31'"),
        ([bundle, "a.png", "--tta", "scales=9"], "scale 9 is not within 0.25 and 4"),
        ([bundle, "b.png"], "b.png"),
        ([bundle, "empty"], "empty"),
        (["empty", "a.png"], "empty"),
    ]:
        outcome = segexp(tmp_path, "predict", *words, "--out", "out")
        assert outcome.code == 2, outcome.err
        assert expected in outcome.err
        assert "Traceback" not in outcome.err
        assert not (tmp_path / "out").exists()


def test_arrays_and_videos_are_predicted_with_a_line_for_each(bundle: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.mp4"), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 32)
    )
    for _ in range(3):
        writer.write(pixels)
    writer.release()
    words = ("predict", bundle, "a.npy", "clip.mp4", "--out", "out", "--frame-masks")
    done = segexp(tmp_path, *words)
    assert done.code == 0, done.err
    assert "out/a_mask.png  (and _color, _overlay)" in done.err
    assert "out/clip_overlay.mp4  (3 frames; masks in out/clip)" in done.err
    assert "predicted 1 image(s), 3 frames of clip.mp4 into out" in done.err
    masks = sorted(path.name for path in (tmp_path / "out" / "clip").iterdir())
    assert masks == [f"00000{n}_mask.png" for n in (1, 2, 3)]


def test_probabilities_are_for_images_and_masks_of_frames_for_videos(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "clip.mp4").write_text("no video")
    refused = segexp(tmp_path, "predict", "x", "clip.mp4", "--uncertainty", "--out", "a.png")
    assert refused.code == 2
    for words in ("clip.mp4: not a video", "are for images", "--out a.png: ", "x: no model"):
        assert words in refused.err
    refused = segexp(tmp_path, "predict", "x", "a.png", "--frame-masks")
    assert "--frame-masks: is for videos" in refused.err
