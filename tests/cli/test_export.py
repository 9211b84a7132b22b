"""`segexp export`, and `segexp predict` of what it wrote."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segexp as python
from segexp.evaluation import export
from segexp.training import exports
from segexp.training.bundle import save_bundle
from tests.cli.running import segexp
from tests.small_bundle import small_bundle


@pytest.fixture
def two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images are compared with torch in place of twenty."""
    monkeypatch.setattr(export, "odd_sizes", lambda preprocessing: ((31, 57), (29, 41)))


def lay_out(directory: Path, resize: str = "fit") -> None:
    bundle = small_bundle()
    preprocessing = replace(bundle.preprocessing, resize=resize)
    save_bundle(directory / "town" / "bundle", replace(bundle, preprocessing=preprocessing))
    draw = np.random.default_rng(0)
    for name, size in {"a.png": (33, 65, 3), "b.png": (101, 47, 3), "c.png": (32, 64, 3)}.items():
        Image.fromarray(draw.integers(0, 256, size, np.uint8)).save(directory / name)


@pytest.mark.usefixtures("two_images")
def test_it_prints_the_file_and_says_the_largest_difference(tmp_path: Path) -> None:
    lay_out(tmp_path)
    done = segexp(tmp_path, "export", "town", "--format", "torchscript")
    assert done.code == 0, done.err
    assert done.out == "town.pt\n"
    said = " ".join(done.err.split())
    assert "compared on 2 images of " in said
    assert "from torch: logits differ by at most 0.0e+00" in said
    assert "beside it: town_torchscript_example.py" in said
    assert (tmp_path / "town_torchscript_example.py").is_file()


@pytest.mark.usefixtures("two_images")
def test_where_windows_are_outside_it_says_so(tmp_path: Path) -> None:
    lay_out(tmp_path, "none")
    words = ("export", "town/bundle", "--format", "torchscript", "--out", "a/b.pt")
    done = segexp(tmp_path, *words)
    assert done.code == 0, done.err
    assert done.out == "a/b.pt\n"
    assert "images of up to 32x64" in " ".join(done.err.split())


@pytest.mark.usefixtures("two_images")
def test_a_file_that_is_there_is_replaced_by_force_alone(tmp_path: Path) -> None:
    lay_out(tmp_path)
    script = tmp_path / "town_torchscript_example.py"
    script.write_text("mine")
    words = ("export", "town", "--format", "torchscript")
    refused = segexp(tmp_path, *words)
    assert (refused.code, script.read_text()) == (2, "mine")
    assert "town_torchscript_example.py: exists; choose another --out FILE" in refused.err
    assert not (tmp_path / "town.pt").exists()
    done = segexp(tmp_path, *words, "--force")
    assert done.code == 0, done.err
    assert script.read_text() != "mine"
    refused = segexp(tmp_path, *words)
    assert (refused.code, refused.err.count("replace it with --force")) == (2, 2)
    (tmp_path / "a.pt").mkdir()
    refused = segexp(tmp_path, *words, "--force", "--out", "a.pt")
    assert (refused.code, "a.pt: is a folder" in refused.err) == (2, True)


def test_every_file_beside_the_model_is_looked_for(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "town.bin").write_bytes(b"data of mine")
    refused = segexp(tmp_path, "export", "town", "--format", "openvino")
    assert (refused.code, "town.bin: exists; choose another" in refused.err) == (2, True)


def test_all_faults_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    refused = segexp(tmp_path, "export", "nosuch", "--out", "a.pt")
    assert refused.code == 2
    for words in (
        "nosuch: no model",
        "--out a.pt: onnx is written to a file with .onnx",
        "onnx and onnxruntime, which are not installed",
        'pip install "segexp[onnx]"',
    ):
        assert words in refused.err
    refused = segexp(tmp_path, "export", "nosuch", "--format", "onxx")
    assert (refused.code, "did you mean 'onnx'?" in refused.err) == (2, True)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / "a.onnx").write_bytes(b"no model")
        refused = segexp(tmp_path, "predict", name, "a.png")
        what = 'pip install "segexp[onnx]"' if name == "a.onnx" else "b.onnx: no such file"
        assert (refused.code, what in refused.err) == (2, True), refused.err


@pytest.mark.usefixtures("two_images")
@pytest.mark.parametrize("resize", ["fit", pytest.param("none", marks=pytest.mark.slow)])
def test_an_onnx_file_predicts_what_its_bundle_does(tmp_path: Path, resize: str) -> None:
    """The image that is larger than the network sees is seen in windows where `none` says so."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    lay_out(tmp_path, resize)
    done = segexp(tmp_path, "export", "town")
    assert done.code == 0, done.err
    more = ("a.png", "b.png", "c.png", "--tta", "flip", "--probabilities")
    for model, out, precision in (("town.onnx", "x", "auto"), ("town", "y", "fp32")):
        found = segexp(tmp_path, "predict", model, *more, "--out", out, "--precision", precision)
        assert found.code == 0, found.err
    names = sorted(path.name for path in (tmp_path / "y").iterdir())
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == names
    for stem in "abc":
        x, y = (np.asarray(Image.open(tmp_path / out / f"{stem}_mask.png")) for out in "xy")
        assert (x != y).mean() < 1e-3
        x, y = (np.load(tmp_path / out / f"{stem}_probabilities.npz") for out in "xy")
        np.testing.assert_allclose(x["probabilities"], y["probabilities"], atol=2e-3)
        assert x["classes"].tolist() == y["classes"].tolist()

    model = python.load(tmp_path / "town.onnx")
    mask = np.asarray(Image.open(tmp_path / "y" / "a_mask.png"))
    assert (model.predict(tmp_path / "a.png", tta="flip").mask != mask).mean() < 1e-3
    refused = segexp(tmp_path, "predict", "town.onnx", "a.png", "--tta", "scales=0.5,1")
    assert (refused.code, "take flip" in refused.err) == (2, True)
    refused = segexp(tmp_path, "predict", "town.onnx", "a.png", "--precision", "bf16")
    assert (refused.code, "computes in float32" in refused.err) == (2, True)
    model = onnx.load(tmp_path / "town.onnx")
    model.graph.input[0].name = "pixels"
    for node in model.graph.node:
        node.input[:] = ["pixels" if name == "images" else name for name in node.input]
    onnx.save(model, tmp_path / "other.onnx")
    refused = segexp(tmp_path, "predict", "other.onnx", "a.png")
    assert refused.code == 2
    assert "it takes pixels and gives classes, logits, probabilities" in refused.err
    (tmp_path / "town.onnx").write_bytes(b"no model")
    refused = segexp(tmp_path, "predict", "town.onnx", "a.png")
    assert (refused.code, "does not open it" in refused.err) == (2, True)
