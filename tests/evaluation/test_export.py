"""A bundle as a file of each format: equal to torch, with an example that runs it alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segexp.core.choices import module_in
from segexp.core.errors import WorkError
from segexp.evaluation import export as module
from segexp.evaluation.export import Exported, export_bundle
from segexp.evaluation.export_check import Agreement
from segexp.evaluation.predict_one import predict_one
from segexp.training import exports
from segexp.training.bundle import load_bundle, save_bundle
from segexp.training.compute import Compute
from segexp.training.exports import Opened, torchscript
from segexp.training.network import make_model
from segexp.training.reading import AS_SOFTMAX
from segexp.training.whole import Whole
from tests.small_bundle import small_bundle


def ways(*quick: tuple[str, str]) -> list[pytest.ParameterSet]:
    """All formats with all rules; what is not among the quick ones is slow."""
    return [
        pytest.param(*way, marks=[] if way in quick else [pytest.mark.slow])
        for way in product(("onnx", "torchscript", "openvino"), ("fit", "stretch", "none"))
    ]


Export = Callable[[str, str], tuple[Exported, Path]]

WITHOUT_SEGEXP = """\
import runpy, sys
for name in ("segexp", "segmentation_models_pytorch", "cv2"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Exports a bundle once in each way; returns what was written, and the bundle."""
    done: dict[tuple[str, str], tuple[Exported, Path]] = {}

    def export(name: str, resize: str) -> tuple[Exported, Path]:
        chosen = module_in(exports, name)
        for package in chosen.WRITES:  # CI has them all, by the extra `dev`
            pytest.importorskip(package)
        if (name, resize) not in done:
            directory = tmp_path_factory.mktemp(name)
            bundle = small_bundle()
            preprocessing = replace(bundle.preprocessing, resize=resize)
            save_bundle(directory / "b", replace(bundle, preprocessing=preprocessing))
            out = directory / "out" / f"street{chosen.SUFFIX}"
            done[name, resize] = export_bundle(directory / "b", chosen, out), directory / "b"
        return done[name, resize]

    return export


@pytest.mark.parametrize(("name", "resize"), ways(("onnx", "fit"), ("torchscript", "none")))
def test_it_equals_torch_on_twenty_images_of_odd_sizes(export: Export, name: str, resize: str):
    same = export(name, resize)[0].agreement
    assert len(same.sizes) == 20
    assert all(side % 2 for size in same.sizes for side in size)
    assert len(set(same.sizes)) > 15
    assert same.mean < 1e-4 * same.deviation
    assert same.changed <= 1e-4 * same.pixels
    assert same.moved <= (0 if resize == "none" else 0.01) * same.pixels
    assert same.fault() is None


@pytest.mark.parametrize(("name", "resize"), ways(("onnx", "fit")))
def test_the_example_runs_without_segexp_and_gives_the_mask(
    export: Export, tmp_path: Path, name: str, resize: str
):
    found, directory = export(name, resize)
    image = np.random.default_rng(0).integers(0, 256, (31, 57, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    words = [sys.executable, "-c", WITHOUT_SEGEXP, str(found.files[-1])]
    words += [str(tmp_path / "a.png"), str(tmp_path / "mask.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bundle = load_bundle(directory)
    plain = Compute(torch.device("cpu"), bf16=False, channels_last=False)
    mask, _ = predict_one(bundle.model, bundle.preprocessing, plain, image)
    written = Image.open(tmp_path / "mask.png")
    assert (np.asarray(written) != mask).mean() < 0.01
    palette = np.array(written.getpalette(), np.uint8)[: 3 * len(bundle.mapping.classes)]
    assert np.array_equal(palette.reshape(-1, 3), bundle.mapping.colors)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [*bundle.mapping.names]

    if resize == "none":
        Image.fromarray(np.zeros((33, 64, 3), np.uint8)).save(tmp_path / "a.png")
        refused = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (refused.returncode, "33x64 pixels; at most 32x64" in refused.stderr) == (1, True)


@pytest.mark.parametrize(("name", "resize"), ways(("onnx", "fit"), ("torchscript", "none")))
def test_the_file_says_what_its_classes_are_and_where_it_comes_from(
    export: Export, name: str, resize: str
):
    found, directory = export(name, resize)
    bundle = load_bundle(directory)
    texts = module_in(exports, name).open_file(found.files[0]).texts
    assert tuple(json.loads(texts["names"])) == bundle.mapping.names
    assert json.loads(texts["colors"]) == bundle.mapping.colors.tolist()
    assert texts["bundle"] == (directory / "bundle.json").read_text(encoding="utf-8")


def test_probabilities_are_read_as_the_bundle_says(export: Export):
    found, directory = export("torchscript", "none")
    run = torchscript.open_file(found.files[0]).run
    images = np.random.default_rng(1).integers(0, 256, (2, 29, 41, 3), np.uint8)
    logits, classes, probabilities = run(images, ["logits", "classes", "probabilities"])
    reading = load_bundle(directory).reading or AS_SOFTMAX
    expected = reading.probabilities(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert np.array_equal(classes, logits.argmax(1))


def test_a_file_with_another_network_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write = torchscript.write

    def wrong(whole: Whole, *rest):
        other = make_model("Unet", "mobilenet_v2", None, 6, 0.5)
        write(Whole(other, whole.preprocessing, AS_SOFTMAX).eval(), *rest)

    monkeypatch.setattr(torchscript, "write", wrong)
    monkeypatch.setattr(module, "odd_sizes", lambda preprocessing: ((31, 57), (41, 29)))
    save_bundle(tmp_path / "b", small_bundle())
    with pytest.raises(WorkError, match="its logits differ from torch's by"):
        export_bundle(tmp_path / "b", torchscript, tmp_path / "out" / "a.pt")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_runs_at_one_size_only_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    open_file = torchscript.open_file

    def fixed(path: Path) -> Opened:
        opened = open_file(path)

        def run(images: np.ndarray, names: list[str]):
            if images.shape[1] != 31:
                raise ValueError("cannot be reshaped\nmore")
            return opened.run(images, names)

        return Opened(run, opened.texts)

    monkeypatch.setattr(torchscript, "open_file", fixed)
    monkeypatch.setattr(module, "odd_sizes", lambda preprocessing: ((31, 57), (41, 29)))
    save_bundle(tmp_path / "b", small_bundle())
    with pytest.raises(WorkError, match=r"not kept: does not run on images of 41x29: cannot be"):
        export_bundle(tmp_path / "b", torchscript, tmp_path / "a.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_network_that_the_format_has_no_word_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*rest):
        raise RuntimeError("Exporting the operator 'aten::odd' is not supported\nmore")

    monkeypatch.setattr(torchscript, "write", refuse)
    save_bundle(tmp_path / "b", small_bundle())
    with pytest.raises(WorkError, match=r"'aten::odd' is not supported$"):
        export_bundle(tmp_path / "b", torchscript, tmp_path / "a.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_difference_that_is_no_number_is_a_fault():
    same = Agreement(((1, 1),), 1000, 1.0, float("nan"), 1.0, 0, 0)
    assert "differ from torch's by nan" in (same.fault() or "")
    assert replace(same, mean=9e-4).fault() is None
    assert "2.0% of the pixels" in (replace(same, mean=0.0, moved=20).fault() or "")


def test_openvino_reports_its_use_to_nobody(tmp_path: Path):
    """It leaves an identifier in the home directory where it does."""
    pytest.importorskip("openvino")
    code = "import segexp.training.exports.openvino as it; it._openvino().convert_model"
    home = {**os.environ, "HOME": str(tmp_path)}
    environment = {name: value for name, value in home.items() if name != "CI"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
