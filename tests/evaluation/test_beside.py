"""Probabilities and uncertainty beside a mask."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.project import ROOT
from segexp.evaluation.beside import Beside, entropy
from segexp.evaluation.image_files import ImageFile
from segexp.evaluation.predict import predict_masks
from segexp.labels.files import load_mapping
from segexp.report.predictions import UNCERTAINTY, write_predictions
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Reading

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
ROADS = load_mapping(ROOT / "mappings" / "categories7.yaml")


def test_entropy_is_nothing_where_one_class_is_certain_and_one_where_all_are_alike() -> None:
    """Half and half of four classes is log 2 / log 4, one half."""
    rows = torch.tensor([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    assert entropy(rows.T.reshape(1, 4, 1, 3)).flatten().tolist() == pytest.approx([0, 1, 0.5])


class Constant(torch.nn.Module):
    """Gives the third of seven classes seven times the odds of each other one, everywhere."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = images.new_zeros(len(images), 7, *images.shape[-2:])
        logits[:, 2] = math.log(7)
        return logits


@pytest.mark.parametrize("several", [1, 3])
def test_probabilities_and_uncertainty_are_written_beside_the_mask(
    tmp_path: Path, several: int
) -> None:
    """At temperature 2 the odds are the root of 7 to 1."""
    files = []
    for number in range(several):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((40, 53 + number, 3), 90, np.uint8)).save(path)
        files.append(ImageFile(path, Path(path.stem)))
    beside = Beside(Reading(temperature=2.0), probabilities=True, uncertainty=True)
    predicted = predict_masks(Constant(), PREPROCESSING, CPU, files, beside=beside)
    written = list(write_predictions(tmp_path / "out", predicted, ROADS))
    assert len(written) == several
    mask, _, _, uncertainty, probabilities = written[-1]
    assert (uncertainty.name, probabilities.name) == (
        f"{several - 1}_uncertainty.png",
        f"{several - 1}_probabilities.npz",
    )
    first = math.sqrt(7) / (math.sqrt(7) + 6)
    other = (1 - first) / 6
    with np.load(probabilities) as file:
        assert tuple(file["classes"]) == ROADS.names
        found = file["probabilities"]
    assert (found.dtype, found.shape) == (np.float16, (7, 40, 52 + several))
    assert np.allclose(found[2], first, atol=1e-3) and np.allclose(
        found[[0, 1, 6]], other, atol=1e-3
    )
    picture = Image.open(uncertainty)
    share = -(first * math.log(first) + 6 * other * math.log(other)) / math.log(7)
    assert (picture.mode, picture.size) == ("L", (52 + several, 40))
    assert np.unique(np.asarray(picture)).tolist() == [round(255 * share)]
    assert "0..1 as 0..255" in picture.info[UNCERTAINTY]
    assert np.unique(np.asarray(Image.open(mask))).tolist() == [2]


def test_the_mask_beside_them_is_the_mask_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 19, 3, padding=1)
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 131, 3), np.uint8)).save(path)
    files = [ImageFile(path, Path("a"))]
    (alone,) = predict_masks(model, PREPROCESSING, CPU, files)
    beside = Beside(uncertainty=True)
    (both,) = predict_masks(model, PREPROCESSING, CPU, files, beside=beside)
    assert np.array_equal(alone.mask, both.mask)
    assert both.uncertainty is not None and both.uncertainty.shape == (90, 131)
    assert (alone.uncertainty, alone.probabilities, both.probabilities) == (None, None, None)
