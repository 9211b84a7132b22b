"""A mask lies where its image does, within a fiftieth of a pixel, through every resize."""

from pathlib import Path

import numpy as np
import pytest

from harness import alignment
from harness.alignment import COLUMNS, ROWS
from segexp.compare.page.pictures import MAX_PANE_WIDTH, arm_comparison
from segexp.scenes.canvas import Canvas
from segexp.scenes.finish import develop
from segexp.scenes.light import sample_light

MOST = 0.02

AXES = pytest.mark.parametrize("axis", [ROWS, COLUMNS], ids=["rows", "columns"])
SIZES = pytest.mark.parametrize(
    ("own", "size"),
    [
        pytest.param((96, 160), (48, 80), id="half"),  # all centres lie between two pixels
        pytest.param((96, 160), (24, 40), id="quarter"),
        pytest.param((96, 160), (32, 64), id="a third, and two fifths"),
        pytest.param((96, 160), (128, 256), id="larger"),
        pytest.param((101, 151), (64, 96), id="odd"),
        pytest.param((64, 128), (64, 128), id="the same"),
    ],
)


@AXES
def test_the_offset_that_is_measured_is_that_of_a_mask_moved_by_hand(axis: int) -> None:
    image, labels = alignment.edge((40, 60), 20, axis)
    assert alignment.offset(image, labels, axis) == pytest.approx(0)
    moved = np.roll(labels, 1, axis)
    (moved if axis == ROWS else moved.T)[0] = 0
    assert alignment.offset(image, moved, axis) == pytest.approx(1)
    # A flip turns both round, and what lay behind lies before.
    assert alignment.offset(np.flip(image, axis), np.flip(moved, axis), axis) == pytest.approx(-1)


@pytest.mark.slow
@AXES
@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("size", [(64, 128), (63, 127)], ids=["even", "odd"])
def test_augmentation(size: tuple[int, int], strength: float, axis: int) -> None:
    assert abs(alignment.augmented(size, axis, strength)) < MOST


@AXES
@pytest.mark.parametrize("size", [(64, 128), (101, 151)], ids=["even", "odd"])
def test_crops(size: tuple[int, int], axis: int) -> None:
    assert abs(alignment.cropped(size, (64, 96), axis)) < MOST


@AXES
@pytest.mark.parametrize("own", [(96, 160), (160, 96), (101, 151)])
def test_images_that_fit_into_a_size_and_are_padded(own: tuple[int, int], axis: int) -> None:
    assert abs(alignment.fitted_and_padded(own, (64, 96), axis)) < MOST


@AXES
@SIZES
def test_the_cache(own: tuple[int, int], size: tuple[int, int], axis: int, tmp_path: Path) -> None:
    assert abs(alignment.cached(own, size, axis, tmp_path)) < MOST


@AXES
@SIZES
def test_scores_at_full_size(own: tuple[int, int], size: tuple[int, int], axis: int) -> None:
    assert abs(alignment.scored_at_full_size(own, size, axis)) < MOST


@AXES
@SIZES
def test_predictions(
    own: tuple[int, int], size: tuple[int, int], axis: int, tmp_path: Path
) -> None:
    assert abs(alignment.predicted(own, size, axis, tmp_path)) < MOST


@AXES
@pytest.mark.parametrize("size", [(64, 128), (128, 256)], ids=["3 a pixel", "2 a pixel"])
def test_labels_of_synthetic_scenes(size: tuple[int, int], axis: int) -> None:
    # The picture is the mean of whole blocks of the canvas, so that its edge is at place / scale.
    light = sample_light(np.random.default_rng(0))
    offsets = []
    for place in range(60, 72):
        canvas = Canvas(*size)
        _, canvas.labels[:] = alignment.edge((canvas.rows, canvas.columns), place, axis)
        _, labels = develop(canvas, light, np.random.default_rng(0))
        offsets.append((labels == 0).sum(axis=axis).mean() - place / canvas.scale)
    assert abs(np.mean(offsets)) < MOST


@AXES
def test_pictures_of_arms_that_are_thinned(axis: int) -> None:
    colors = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    offsets = []
    for place in range(200, 210):
        image, labels = alignment.edge((400, 2 * MAX_PANE_WIDTH), place, axis)
        picture = arm_comparison(image, labels, [labels, labels], ["a", "b"], colors, "ab", "")
        gap = (picture.shape[1] - 5 * MAX_PANE_WIDTH) // 6
        lefts = [gap + i * (gap + MAX_PANE_WIDTH) for i in range(2)]
        top = int((picture[:, lefts[0] + 1] == alignment.DARK).all(axis=1).argmax())
        shown, painted = (picture[top:, left:][:200, :MAX_PANE_WIDTH] for left in lefts)
        offsets.append(alignment.offset(shown, (painted[..., 0] > 0).astype(np.uint8), axis))
    assert abs(np.mean([x for x in offsets if x is not None])) < MOST
