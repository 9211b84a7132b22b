import os
import subprocess
import sys

import numpy as np
import pytest

from segexp.data.augment import make_augmentation

SIZE = (32, 64)
SEEDS = range(40)


def make_scene(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of four labels far apart in value; the image's three channels show the labels."""
    rng = np.random.default_rng(3)
    blocks = rng.choice(np.array([0, 7, 18, 255], dtype=np.uint8), (size[0] // 8, size[1] // 8))
    labels = blocks.repeat(8, axis=0).repeat(8, axis=1)
    shades = np.zeros(256, dtype=np.uint8)
    shades[[0, 7, 18, 255]] = (20, 90, 160, 230)
    return np.repeat(shades[labels][..., None], 3, axis=2), labels


def test_strength_0_is_the_identity():
    image, labels = make_scene()
    augment = make_augmentation(0.0, SIZE)
    for seed in SEEDS:
        new_image, new_labels = augment(image, labels, seed)
        np.testing.assert_array_equal(new_image, image)
        np.testing.assert_array_equal(new_labels, labels)


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_size_and_type_stay_and_no_label_is_invented(strength):
    image, labels = make_scene()
    augment = make_augmentation(strength, SIZE)
    for seed in SEEDS:
        new_image, new_labels = augment(image, labels, seed)
        assert new_image.shape == (*SIZE, 3)
        assert new_labels.shape == SIZE
        assert new_image.dtype == new_labels.dtype == np.uint8
        assert set(np.unique(new_labels)) <= {0, 7, 18, 255}


def test_what_lies_outside_a_shrunken_image_is_void():
    image, labels = np.full((*SIZE, 3), 255, np.uint8), np.full(SIZE, 7, np.uint8)
    augment = make_augmentation(1.0, SIZE)
    shares = [(augment(image, labels, seed)[1] == 255).mean() for seed in SEEDS]
    # The factor is uniform in 0.5..1.5: half of the images shrink, to a quarter of the area.
    assert 0.25 < np.mean([share > 0 for share in shares]) < 0.75
    assert max(shares) <= 0.75


@pytest.mark.parametrize(("size", "zoom"), [((1, 41), 0.15), ((3, 2), 0.5), ((1, 1), 0.9)])
def test_an_image_of_one_pixel_on_a_side_survives_being_shrunk(size, zoom):
    image, labels = np.full((*size, 3), 255, np.uint8), np.full(size, 7, np.uint8)
    augment = make_augmentation(0.0, SIZE, zoom)
    for seed in SEEDS:
        new_image, new_labels = augment(image, labels, seed)
        assert new_image.shape == (*SIZE, 3)
        assert set(np.unique(new_labels)) <= {7, 255}


def test_image_and_labels_move_together():
    image, labels = make_scene()
    # Colours change from one image to the next, but where labels are alike, so is the shade: within
    # a label nearly all pixels have one shade (block edges are interpolated in the image).
    augment = make_augmentation(1.0, SIZE)
    for seed in SEEDS:
        new_image, new_labels = augment(image, labels, seed)
        grey = new_image.astype(int).sum(axis=2)
        for label in (0, 7, 18):
            inside = grey[new_labels == label]
            if inside.size > 30:
                near_median = np.abs(inside - np.median(inside)) < 60
                assert near_median.mean() > 0.6


def test_the_seed_alone_decides():
    image, labels = make_scene()
    augment, other = make_augmentation(1.0, SIZE), make_augmentation(1.0, SIZE)
    in_order = [augment(image, labels, seed) for seed in SEEDS]
    for seed in reversed(SEEDS):
        new_image, new_labels = other(image, labels, seed)
        np.testing.assert_array_equal(new_image, in_order[seed][0])
        np.testing.assert_array_equal(new_labels, in_order[seed][1])


def test_seeds_differ():
    image, labels = make_scene()
    augment = make_augmentation(0.5, SIZE)
    results = {augment(image, labels, seed)[0].tobytes() for seed in SEEDS}
    assert len(results) == len(SEEDS)


def test_flip_and_factor_are_drawn_independently():
    # Labels count the columns from the left, so that a flip turns their order round.
    labels = np.tile(np.arange(SIZE[1], dtype=np.uint8), (SIZE[0], 1))
    image = np.zeros((*SIZE, 3), np.uint8)
    augment = make_augmentation(1.0, SIZE)
    flipped, shrunk = [], []
    for seed in range(200):
        row = augment(image, labels, seed)[1]
        columns = row[(row != 255).any(axis=1)][0]
        columns = columns[columns != 255].astype(int)
        flipped.append(columns[0] > columns[-1])
        shrunk.append((row == 255).any())
    assert 0.35 < np.mean(flipped) < 0.65
    assert abs(np.corrcoef(flipped, shrunk)[0, 1]) < 0.25


def test_a_stronger_augmentation_changes_more():
    image, labels = np.full((*SIZE, 3), 120, np.uint8), np.zeros(SIZE, np.uint8)
    change = []
    for strength in (0.1, 0.5, 1.0):
        augment = make_augmentation(strength, SIZE)
        results = [augment(image, labels, seed)[0].astype(int) for seed in SEEDS]
        change.append(np.mean([np.abs(result - 120).mean() for result in results]))
    assert change == sorted(change)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match=r"strength=.* is not in 0\.\.1"):
        make_augmentation(strength, SIZE)


def test_importing_it_asks_no_server_for_updates():
    code = """
import socket
asked = []
socket.getaddrinfo = lambda *address, **options: asked.append(address) or []
import segexp.data.augment
print(asked)
"""
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
