from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from harness.project import ROOT
from segexp.core.data_config import Factor, Resize, ShortSide
from segexp.core.errors import InputError
from segexp.data.files.images import read_rgb
from segexp.data.resize import resize_image, resized_size
from segexp.evaluation.decide import decide_at_size
from segexp.evaluation.image_files import ImageFile
from segexp.evaluation.predict import DECODERS, predict_masks
from segexp.labels.files import load_mapping
from segexp.report.predictions import write_predictions
from segexp.training.compute import Compute
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from segexp.training.windows import infer

MAPPINGS = ROOT / "mappings"
CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def colour_model() -> nn.Module:
    """Decide 0, 1 or 2 where red, green or blue is strongest."""
    model = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.eye_(model.weight.data.view(3, 3))
    return model


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    torch.manual_seed(0)
    return make_model("Unet", "mobilenet_v2", None, 11, 0.25).eval()


def write_image(path: Path, height: int, width: int, seed: int = 0) -> ImageFile:
    """A noisy picture whose left half is red and whose right half is blue."""
    pixels = np.random.default_rng(seed).integers(0, 60, (height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] += 190
    pixels[:, width // 2 :, 2] += 190
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return ImageFile(path, Path(path.stem))


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [("a.jpg", 37, 53), ("b.png", 32, 64), ("c.png", 16, 20), ("d.png", 301, 17), ("e.png", 1, 1)],
)
def test_a_mask_has_the_images_own_size_and_classes_in_range(
    unet: nn.Module, tmp_path: Path, name: str, height: int, width: int
):
    file = write_image(tmp_path / name, height, width)
    (prediction,) = predict_masks(unet, PREPROCESSING, CPU, [file])
    assert prediction.mask.shape == (height, width)
    assert prediction.mask.dtype == np.uint8
    assert prediction.mask.max() < 11
    assert np.array_equal(prediction.image, read_rgb(file.path))


def test_the_halves_of_a_picture_are_decided_where_they_are(tmp_path: Path):
    file = write_image(tmp_path / "a.png", 90, 120)
    (prediction,) = predict_masks(colour_model(), PREPROCESSING, CPU, [file])
    assert (prediction.mask[:, :58] == 0).all()
    assert (prediction.mask[:, 62:] == 2).all()


def test_masks_are_those_of_a_forward_pass_by_hand(unet: nn.Module, tmp_path: Path):
    file = write_image(tmp_path / "a.png", 75, 101)
    (prediction,) = predict_masks(unet, PREPROCESSING, CPU, [file])
    resized = torch.from_numpy(resize_image(read_rgb(file.path), (32, 64)))
    images = (resized.permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    with torch.inference_mode():
        logits = F.interpolate(unet(images), (75, 101), mode="bilinear", align_corners=False)
    assert (prediction.mask == logits.argmax(dim=1)[0].numpy()).mean() > 0.999


def test_images_of_several_sizes_share_a_batch_and_keep_their_order(tmp_path: Path):
    sizes = [(37, 53), (64, 64), (20, 90), (33, 31), (50, 50)]
    files = [write_image(tmp_path / f"{i}.png", *size, i) for i, size in enumerate(sizes)]
    alone = list(predict_masks(colour_model(), PREPROCESSING, CPU, files, batch_size=1))
    together = list(predict_masks(colour_model(), PREPROCESSING, CPU, files, batch_size=3))
    assert [p.file for p in together] == files
    assert [p.mask.shape for p in together] == sizes
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("streams", [2, 4])
def test_several_streams_give_the_same_masks_in_the_same_order(
    unet: nn.Module, tmp_path: Path, streams: int
):
    files = [write_image(tmp_path / f"{i}.png", 30 + i, 40, i) for i in range(11)]
    threads = torch.get_num_threads()
    one = list(predict_masks(unet, PREPROCESSING, CPU, files, batch_size=2))
    several = list(predict_masks(unet, PREPROCESSING, CPU, files, batch_size=2, streams=streams))
    assert [p.file for p in several] == files
    for left, right in zip(one, several, strict=True):
        assert np.array_equal(left.mask, right.mask)
    assert torch.get_num_threads() == threads


def test_large_images_are_predicted_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("segexp.evaluation.predict.MAX_PIXELS", 32 * 64)
    files = [write_image(tmp_path / f"{i}.png", 60, 80, i) for i in range(5)]
    predicted = predict_masks(colour_model(), PREPROCESSING, CPU, files, streams=4)
    mapping = load_mapping(MAPPINGS / "merged10.yaml")
    written = list(write_predictions(tmp_path / "out", predicted, mapping))
    assert [mask.name for mask, _, _ in written] == [f"{i}_mask.png" for i in range(5)]


def test_what_was_predicted_before_a_fault_is_written(tmp_path: Path):
    files = [write_image(tmp_path / f"{i}.png", 32, 64, i) for i in range(6)]
    files[2].path.write_bytes(b"no image")
    mapping = load_mapping(MAPPINGS / "merged10.yaml")
    predicted = predict_masks(colour_model(), PREPROCESSING, CPU, files, batch_size=2)
    written = []
    with pytest.raises(InputError, match=r"2\.png: not an image that can be read"):
        for mask, _, _ in write_predictions(tmp_path / "out", predicted, mapping):
            written.append(mask.name)
    assert written == [f"{i}_mask.png" for i in (0, 1, 3, 4, 5)]
    assert len(list((tmp_path / "out").iterdir())) == 15


def test_bfloat16_with_channels_last_gives_masks_too(unet: nn.Module, tmp_path: Path):
    compute = Compute(torch.device("cpu"), bf16=True, channels_last=True)
    file = write_image(tmp_path / "a.png", 40, 70)
    (prediction,) = predict_masks(unet, PREPROCESSING, compute, [file])
    assert prediction.mask.shape == (40, 70)
    assert prediction.mask.max() < 11


def test_images_that_cannot_be_read_are_named_at_the_end_and_the_others_are_predicted(
    tmp_path: Path,
):
    names = ("a", "broken", "b", "text")
    files = [write_image(tmp_path / f"{name}.png", 32, 32) for name in names]
    files[1].path.write_bytes(files[1].path.read_bytes()[:200])
    files[3].path.write_text("no image")
    predicted = []
    with pytest.raises(InputError) as caught:
        for prediction in predict_masks(colour_model(), PREPROCESSING, CPU, files, batch_size=2):
            predicted.append(prediction.file.stem.name)
    assert predicted == ["a", "b"]
    assert len(caught.value.faults) == 2
    assert "broken.png" in caught.value.faults[0]
    assert "text.png" in caught.value.faults[1]


def test_images_are_read_as_they_are_needed(tmp_path: Path):
    files = [write_image(tmp_path / f"{i}.png", 32, 32) for i in range(20)]
    taken = []

    def one_by_one() -> Iterator[ImageFile]:
        for file in files:
            taken.append(file)
            yield file

    predictions = predict_masks(colour_model(), PREPROCESSING, CPU, one_by_one(), batch_size=4)
    next(predictions)
    assert len(taken) <= 2 * 4 + DECODERS + 1
    assert not torch.is_inference_mode_enabled()
    predictions.close()  # type: ignore[attr-defined]


class Broken(nn.Module):
    """Gives a value that is no number wherever an image is black."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.where(images == images.new_tensor(-2.0), self.value, images)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_image_whose_logits_are_not_finite_is_named_and_the_others_predicted(
    tmp_path: Path, value: float
):
    files = [write_image(tmp_path / f"{name}.png", 32, 64) for name in ("a", "black", "b")]
    pixels = np.full((32, 64, 3), 90, np.uint8)
    pixels[3, 4] = 0  # (0 - 0.5) / 0.25 = -2
    Image.fromarray(pixels).save(files[1].path)
    for name in (0, 2):
        Image.fromarray(np.full((32, 64, 3), 90, np.uint8)).save(files[name].path)
    predicted = []
    with pytest.raises(InputError) as caught:
        for found in predict_masks(Broken(value), PREPROCESSING, CPU, files):
            predicted.append(found.file.stem.name)
    assert predicted == ["a", "b"]
    assert caught.value.faults == (f"{files[1].path}: the model's logits are NaN or infinite",)


@pytest.mark.parametrize("resize", ["fit", "none", ShortSide(short_side=48), Factor(factor=0.5)])
def test_images_that_keep_their_shape_are_predicted_at_their_own_size(
    unet: nn.Module, tmp_path: Path, resize: Resize
):
    """Whole where they fit, else in windows; small ones are padded, and that is cut off."""
    preprocessing = replace(PREPROCESSING, resize=resize)
    sizes = [(75, 101), (20, 33), (20, 33), (130, 40), (64, 128)]
    files = [write_image(tmp_path / f"{i}.png", *size, i) for i, size in enumerate(sizes)]
    predicted = list(predict_masks(unet, preprocessing, CPU, files, batch_size=2))
    assert [p.mask.shape for p in predicted] == sizes
    for found, size in zip(predicted, sizes, strict=True):
        resized = resize_image(found.image, resized_size(resize, size, (32, 64)))
        images = torch.from_numpy(resized).permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits = infer(unet, images, preprocessing, CPU)
        large = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        assert (found.mask == large.argmax(dim=1)[0].numpy()).mean() > 0.999


def test_the_rows_of_a_large_image_are_decided_as_they_come(
    unet: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = write_image(tmp_path / "a.png", 300, 150)
    preprocessing = replace(PREPROCESSING, resize=Factor(factor=0.7))
    (whole,) = predict_masks(unet, preprocessing, CPU, [file])
    rows: list[int] = []

    def counted(blocks, logits_size, size, decide, dtype):
        kept = [rows.append(block.shape[1]) or block for block in blocks]
        return decide_at_size(kept, logits_size, size, decide, dtype)

    monkeypatch.setattr("segexp.evaluation.predict.decide_at_size", counted)
    (again,) = predict_masks(unet, preprocessing, CPU, [file])
    assert np.array_equal(whole.mask, again.mask)
    assert sum(rows) == 210
    assert max(rows) <= 32
