"""Copies of a picture are found however they were made; other pictures are not."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.data.near_duplicates import LIKENESS, difference, find_pairs, look_of, make_looks
from segexp.scenes import render_scene

SIZE = (120, 200)


def scene(number, size=SIZE):
    return np.array(render_scene(number, *size).image)


@pytest.fixture(scope="module")
def scenes():
    return [scene(number) for number in range(12)]


def looks(*images):
    return make_looks([str(n) for n in range(len(images))], [look_of(image) for image in images])


def jpeg(image, quality):
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def noisy(image):
    by = np.random.default_rng(0).integers(-1, 2, image.shape)
    return np.clip(image.astype(int) + by, 0, 255).astype(np.uint8)


COPIES = {
    "grey levels": noisy,
    "one brighter": lambda image: np.clip(image.astype(int) + 1, 0, 255).astype(np.uint8),
    "re-encoded": lambda image: jpeg(image, 50),
    "rolled": lambda image: np.roll(image, (2, 3), axis=(0, 1)),
    "smaller": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
}


@pytest.mark.parametrize("how", COPIES)
def test_every_copy_is_found_among_other_pictures_and_nothing_else(scenes, how):
    copies = [COPIES[how](image) for image in scenes]
    pairs = find_pairs(looks(*copies), looks(*scenes))
    assert [(one, other) for one, other, _ in pairs] == [(str(n), str(n)) for n in range(12)]


@settings(max_examples=20, deadline=None)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_two_windows_on_one_picture_that_lie_a_few_pixels_apart_are_alike(down, right):
    image = scene(3)
    there = image[4 + down : 112 + down, 4 + right : 192 + right]
    assert find_pairs(looks(image[4:112, 4:192]), looks(there))


def test_scenes_drawn_from_other_seeds_are_not_alike(scenes):
    pairs = find_pairs(looks(*scenes), looks(*scenes), limit=9.0)
    assert {(one, other) for one, other, _ in pairs} == {(str(n), str(n)) for n in range(12)}


def test_a_car_that_has_come_tells_two_frames_of_a_standing_camera_apart(scenes):
    frame = scenes[0].copy()
    frame[70:95, 120:165] = (200, 30, 30)
    assert difference(looks(scenes[0]).fine[0], looks(frame).fine[0]) > 2 * LIKENESS
    assert find_pairs(looks(scenes[0]), looks(frame)) == []


def test_the_difference_is_zero_for_a_picture_and_itself_and_about_one_for_noise():
    # Of unrelated noise x and y the best gain is near 0, and nearly all of x is left; in the worst
    # of 24 blocks it is more than in the mean. The top of a parabola is not quite at no shift.
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(2))
    some = looks(one, other).fine
    assert difference(some[0], some[0]) == pytest.approx(0, abs=0.01)
    assert 0.9 < difference(some[0], some[1]) < 2


def test_pictures_without_contrast_are_like_nothing():
    black = np.zeros((*SIZE, 3), np.uint8)
    assert find_pairs(looks(black), looks(noisy(black), black)) == []


def test_the_most_alike_come_first_and_at_most_eight(scenes):
    copies = [jpeg(scenes[5], quality) for quality in range(5, 95, 9)]
    pairs = find_pairs(looks(scenes[5]), looks(*copies))
    assert len(pairs) == 8
    values = [value for *_, value in pairs]
    assert values == sorted(values)


@pytest.mark.parametrize("size", [(6, 8), (32, 64), (500, 40)])
def test_pictures_of_any_size_have_a_look(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    assert look_of(image).shape == (72, 96)
    assert find_pairs(looks(image), looks(image))


def test_no_pictures_have_no_pairs(scenes):
    assert find_pairs(looks(), looks(scenes[0])) == []
    assert find_pairs(looks(scenes[0]), looks()) == []
