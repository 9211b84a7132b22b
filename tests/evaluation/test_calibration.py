"""How sure a model is, against how often it is right: cases worked by hand."""

import numpy as np
import pytest
import torch

from harness.project import ROOT
from segexp.evaluation.calibration import (
    BINS,
    confidence_in,
    count_confidence,
    nothing_counted,
)
from segexp.evaluation.evaluate import evaluate
from segexp.evaluation.rulers import make_ruler
from segexp.labels.files import find_mapping
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading

CITY, MERGED = find_mapping(ROOT, "cityscapes19"), find_mapping(ROOT, "merged10")
CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)


def test_the_expected_calibration_error_is_that_worked_by_hand() -> None:
    """Ten pixels in three bins of a fifteenth: (0.53, 0.60], (0.67, 0.73] and (0.93, 1].

    0.55 twice, one right:   |0.50 - 0.55| * 2/10 = 0.010
    0.70 three times, none:  |0.00 - 0.70| * 3/10 = 0.210
    0.95 and 0.99, all of 5: |1.00 - 0.966| * 5/10 = 0.017
    """
    sure = torch.tensor([0.55, 0.55, 0.7, 0.7, 0.7, 0.95, 0.95, 0.95, 0.99, 0.99])
    right = torch.tensor([True, False, False, False, False, True, True, True, True, True])
    found = count_confidence(sure, right)
    assert found.ece == pytest.approx(0.010 + 0.210 + 0.017, abs=1e-6)
    table = found.table()
    assert [round(low * BINS) for low in table["from"]] == [8, 10, 14]
    assert table["pixels"] == [2, 3, 5]
    assert table["right"] == [0.5, 0, 1]
    assert table["confidence"] == pytest.approx([0.55, 0.7, 0.966])
    in_parts = sum((count_confidence(sure[i::3], right[i::3]) for i in range(3)), nothing_counted())
    assert in_parts.ece == pytest.approx(found.ece)


def test_a_confidence_of_nothing_and_of_all_has_a_bin_and_no_pixels_have_no_error() -> None:
    ends = count_confidence(torch.tensor([0.0, 1.0]), torch.tensor([False, True]))
    assert (ends.pixels[0], ends.pixels[-1], ends.ece) == (1, 1, 0)
    assert np.isnan(nothing_counted().ece)
    assert nothing_counted().table()["pixels"] == []


def logits_of(probabilities: dict[str, float]) -> torch.Tensor:
    """Logits of one pixel over the 19 classes, (1, 19, 1, 1)."""
    rest = (1 - sum(probabilities.values())) / (19 - len(probabilities))
    each = [probabilities.get(name, rest) for name in CITY.names]
    return torch.tensor(each).log().view(1, 19, 1, 1)


def test_merged_classes_are_as_sure_as_their_sum() -> None:
    logits = logits_of({"road": 0.4, "sidewalk": 0.3, "pole": 0.2})
    inside = confidence_in(logits, torch.tensor([[[0]]]), make_ruler(CITY, MERGED))
    assert inside.item() == pytest.approx(0.7, abs=1e-5)
    own = confidence_in(logits, torch.tensor([[[0]]]), make_ruler(CITY, CITY))
    assert own.item() == pytest.approx(0.4, abs=1e-5)


def test_the_weights_of_the_loss_are_no_part_of_the_probability() -> None:
    """Where q is even, p is by 1 / w: three quarters for the class of three quarters of pixels."""
    reading = Reading(prior=Prior("inverse_frequency", (300, 100), (400, 400)))
    found = reading.probabilities(torch.zeros(1, 2, 1, 1)).flatten().tolist()
    assert found == pytest.approx([0.75, 0.25])


class Fixed(torch.nn.Module):
    """Gives the same logits for every pixel."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1, *images.shape[-2:])


@pytest.mark.parametrize("factor", [1, 2])
def test_scoring_counts_it_over_the_pixels_that_are_not_void_at_any_size(factor: int) -> None:
    """Road at 0.8 everywhere; of the pixels that are not void half are road: |0.5 - 0.8|."""
    labels = torch.full((2, 32 * factor, 64 * factor), VOID, dtype=torch.uint8)
    labels[0, :, : 16 * factor] = CITY.taxonomy.names.index("road")
    labels[1, :, : 16 * factor] = CITY.taxonomy.names.index("car")
    images = torch.zeros(2, 3, 32, 64, dtype=torch.uint8)
    found = evaluate(
        Fixed(logits_of({"road": 0.8})),
        [(images, labels)],
        ("a", "b"),
        {"own": make_ruler(CITY, CITY), "common": make_ruler(CITY, MERGED)},
        preprocessing=Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        compute=CPU,
        reliability_by="own",
    )
    assert found.reliability is not None
    assert found.reliability.pixels.sum() == 2 * 32 * 16 * factor**2
    assert found.reliability.ece == pytest.approx(0.3, abs=1e-5)
    assert found.confusion("own")[0, 0] == 32 * 16 * factor**2
