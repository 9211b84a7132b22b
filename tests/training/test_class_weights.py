import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.training.class_weights import WEIGHTINGS, class_weights

# Two images of 100 valid pixels. Class 0 is in both, class 1 only in the first, class 2 in none.
PIXELS = np.array([150, 50, 0])


PIXELS_WHERE_PRESENT = np.array([200, 100, 0])


@pytest.mark.parametrize(
    ("weighting", "raw"),
    [
        ("none", [1, 1]),
        ("inverse_frequency", [200 / 150, 200 / 50]),
        # frequencies 150/200 and 50/100, median 0.625
        ("median_frequency", [0.625 / 0.75, 0.625 / 0.5]),
        # mean count 100, beta 0.99
        ("effective_number", [0.01 / (1 - 0.99**150), 0.01 / (1 - 0.99**50)]),
        ("enet_log", [1 / math.log(1.02 + 0.75), 1 / math.log(1.02 + 0.25)]),
    ],
)
def test_class_weights_of_a_hand_worked_case(weighting, raw):
    expected = [*(np.array(raw) / np.mean(raw)), 1.0]
    weights = class_weights(weighting, PIXELS, PIXELS_WHERE_PRESENT)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_inverse_frequency_of_three_to_one_is_one_to_three():
    weights = class_weights("inverse_frequency", PIXELS, PIXELS_WHERE_PRESENT)
    np.testing.assert_allclose(weights, [0.5, 1.5, 1.0], rtol=1e-12)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@given(counts=st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_class_weights_are_finite_rarer_is_heavier_and_the_mean_is_1(weighting, counts):
    pixels = np.array(counts, dtype=np.int64)
    # Every class in every image, so that the frequencies are the shares.
    weights = class_weights(weighting, pixels, np.full_like(pixels, max(1, pixels.sum())))
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    present = pixels > 0
    assert (weights[~present] == 1).all()
    if present.any():
        assert weights[present].mean() == pytest.approx(1)
        by_count = weights[present][np.argsort(pixels[present], kind="stable")]
        assert (np.diff(by_count) <= 1e-9 * by_count[:-1]).all()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_class_weights_do_not_depend_on_the_size_of_the_data_set(weighting):
    pixels = np.array([7_000_000, 900_000, 30_000, 2_000])
    inside = np.array([8_000_000, 7_000_000, 500_000, 100_000])
    small = class_weights(weighting, pixels, inside)
    large = class_weights(weighting, 100 * pixels, 100 * inside)
    np.testing.assert_allclose(large, small, rtol=1e-3)
