import math

import pytest
import torch
from segmentation_models_pytorch import losses as smp_losses

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import WEIGHTS, assert_equal


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_value_and_gradient_equal_smps_in_double_precision(weights):
    exact = None if weights is None else weights.double()
    reference = smp_losses.FocalLoss("multiclass", ignore_index=255, class_weights=exact)
    assert_equal(make_loss("focal", weights), reference)


def test_a_hand_worked_pixel():
    # The truth's sigmoid is 3/4 and the other's 1/2: (1/4)^2 ln 4/3 and (1/2)^2 ln 2; their mean.
    logits = torch.tensor([math.log(3), 0.0]).reshape(1, 2, 1, 1)
    expected = (math.log(4 / 3) / 16 + math.log(2) / 4) / 2
    loss = make_loss("focal")(logits, torch.zeros(1, 1, 1, dtype=torch.uint8))
    assert loss.item() == pytest.approx(expected)
