import math

import pytest
import torch
from segmentation_models_pytorch import losses as smp_losses
from torch import nn

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import WEIGHTS, assert_equal


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_value_and_gradient_equal_the_sum_of_torchs_and_smps_in_double_precision(weights):
    exact = None if weights is None else weights.double()
    cross_entropy = nn.CrossEntropyLoss(exact, ignore_index=255)
    tversky = smp_losses.TverskyLoss(
        "multiclass", ignore_index=255, alpha=0.3, beta=0.7, class_weights=exact
    )

    def reference(logits, target):
        return cross_entropy(logits, target) + tversky(logits, target)

    assert_equal(make_loss("ce_tversky", weights), reference)


def test_a_hand_worked_pixel():
    # p = 3/4 at the one pixel, of class 0: 3/4 found, 1/4 missed, nothing false. Its index is
    # 0.75 / (0.75 + 0.7 * 0.25) = 30/37; class 1 is not in the mask and adds 0 to the mean.
    logits = torch.tensor([math.log(3), 0.0]).reshape(1, 2, 1, 1)
    loss = make_loss("ce_tversky")(logits, torch.zeros(1, 1, 1, dtype=torch.uint8))
    assert loss.item() == pytest.approx(math.log(4 / 3) + (1 - 30 / 37) / 2)
