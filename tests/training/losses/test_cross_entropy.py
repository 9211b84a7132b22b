import math

import pytest
import torch
from torch import nn

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import WEIGHTS, assert_equal


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_value_and_gradient_equal_torchs_in_double_precision(weights):
    reference = nn.CrossEntropyLoss(None if weights is None else weights.double(), ignore_index=255)
    assert_equal(make_loss("cross_entropy", weights), reference)


def test_a_hand_worked_pixel():
    # p = (1/2, 1/4, 1/4) at the one valid pixel, of class 1; the void one would add ln 4.
    logits = torch.tensor([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]).log().T.reshape(1, 3, 1, 2)
    target = torch.tensor([[[1, 255]]])
    assert make_loss("cross_entropy")(logits, target).item() == pytest.approx(math.log(4))


def test_weights_make_a_weighted_mean_over_pixels():
    # Pixels of class 0 and 1 with p = 1/2 and 1/4 at the truth: (3 ln 2 + 1 ln 4) / 4.
    logits = torch.tensor([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0]]).log().T.reshape(1, 3, 1, 2)
    loss = make_loss("cross_entropy", torch.tensor([3.0, 1.0, 9.0]))
    expected = (3 * math.log(2) + math.log(4)) / 4
    assert loss(logits, torch.tensor([[[0, 1]]])).item() == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.1, 0.6])
def test_smoothed_labels_equal_torchs_in_double_precision(weights, smoothing):
    reference = nn.CrossEntropyLoss(
        None if weights is None else weights.double(), ignore_index=255, label_smoothing=smoothing
    )
    assert_equal(make_loss("cross_entropy", weights, smoothing), reference)


def test_a_hand_worked_smoothed_pixel():
    # Half of the truth is spread over 3 classes: 1/2 ln 2 + 1/2 (ln 2 + ln 4 + ln 4) / 3.
    logits = torch.tensor([2.0, 1.0, 1.0]).log().reshape(1, 3, 1, 1)
    loss = make_loss("cross_entropy", None, 0.5)(logits, torch.tensor([[[0]]]))
    assert loss.item() == pytest.approx((0.5 + 5 / 6) * math.log(2))
