"""An arm in words and numbers, by a case worked by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from segexp.compare.described_arms import (
    class_ious,
    described_arm,
    described_space,
    draw_scenes,
    image_mious,
    scores_of_runs,
)
from segexp.compare.shown_images import ShownImages
from segexp.compare.statistics.arms import ArmRuns
from segexp.evaluation.statistics.bootstrap import Estimate
from segexp.labels.mapping import common_space
from tests.compare.mask_example import COARSE, FINE

COMMON = common_space([FINE, COARSE])


def matrices(right: list[list[int]]) -> np.ndarray:
    """Of 10 road pixels in each image of each run so many are right and the rest are sky."""
    classes = len(COMMON.classes)
    road, sky = COMMON.names.index("road"), COMMON.names.index("sky")
    found = np.zeros((len(right), len(right[0]), classes, classes + 1), np.int64)
    found[:, :, road, road] = right
    found[:, :, road, sky] = 10 - np.array(right)
    return found


def arm(name: str, right: list[list[int]]) -> ArmRuns:
    return ArmRuns(name, *[matrices(right)] * 3)


def test_the_scores_of_runs_are_those_of_their_summed_matrices():
    # Run 0: 16 of 20 road pixels right; run 1: all. Sky is predicted, and in no truth.
    found = scores_of_runs(matrices([[10, 6], [10, 10]]))
    assert found["runs"] == pytest.approx([0.8, 1.0])
    assert found["mean"] == pytest.approx(0.9)
    assert (found["classes_in_mean"], found["classes_predicted_only"]) == (1, [1, 0])


def test_a_class_that_the_truth_lacks_has_no_iou():
    ious = class_ious(matrices([[10, 6], [10, 10]]), COMMON)
    assert ious["road"] == pytest.approx(0.9)
    assert all(iou is None for name, iou in ious.items() if name != "road")


def test_each_image_has_the_mean_of_its_runs():
    assert image_mious(arm("a", [[10, 6], [10, 4]])) == pytest.approx([1.0, 0.5])


def test_an_arm_is_described_in_plain_values():
    pixels = np.zeros(256, np.int64)
    pixels[0] = pixels[1] = 512  # road and sidewalk: one bit, which merged10 does not keep
    estimate = Estimate(0.9, 0.8, float("nan"), 0.0, 0.0, 0.0)
    found = described_arm(arm("b", [[10, 6]]), COARSE, COMMON, estimate, pixels)
    assert (found["bits_kept"], found["bits_lost"]) == (0.0, 1.0)
    assert found["interval_common"] == [0.8, None]
    assert found["common"]["mean"] == found["native"]["mean"] == pytest.approx(0.8)


def test_the_largest_differences_are_drawn_with_and_without_their_images():
    arms = [arm("a", [[5, 5, 5]]), arm("b", [[5, 9, 1]])]
    road = COMMON.names.index("road")
    image = np.full((4, 6, 3), 200, np.uint8)
    for image_of in (lambda i: image, lambda i: None):
        shown = ShownImages(
            ("one", "two", "three"),
            image_of=image_of,
            labels_of=lambda i: np.zeros((4, 6), np.uint8),
            decided=lambda i: [np.full((4, 6), road, np.uint8)] * 2,
        )
        scenes = draw_scenes(arms, COMMON, shown)
        assert {s.image_id: round(s.difference, 6) for s in scenes}.items() >= {
            ("two", 0.4),
            ("three", -0.4),
        }
        assert all(Image.open(io.BytesIO(s.picture)).format == "PNG" for s in scenes)


def test_the_common_space_is_described_by_its_classes_and_void():
    found = described_space(COMMON)
    assert [c["name"] for c in found["classes"]] == list(COMMON.names)
    assert found["void"] == list(COMMON.void_labels)
