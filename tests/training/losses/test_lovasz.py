import numpy as np
import pytest
import torch
from segmentation_models_pytorch import losses as smp_losses
from segmentation_models_pytorch.losses.lovasz import _lovasz_softmax

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import WEIGHTS, assert_equal, make_batch, value_and_gradient


def test_value_and_gradient_equal_smps():
    reference = smp_losses.LovaszLoss("multiclass", ignore_index=255)
    assert_equal(make_loss("lovasz"), reference, exact=torch.float32)  # smp's has no other


def test_weights_weight_the_mean_over_the_classes_that_are_present():
    logits, target = make_batch()
    probabilities = logits.softmax(dim=1)
    present = [0, 1, 2, 4]
    terms = [
        _lovasz_softmax(probabilities, target.long(), classes=[c], ignore=255).item()
        for c in present
    ]
    expected = np.average(terms, weights=WEIGHTS.numpy()[present])
    assert make_loss("lovasz", WEIGHTS)(logits, target).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("is_void", [False, True])
def test_the_value_is_the_same_where_absent_classes_are_sorted_too_as_on_a_gpu(
    monkeypatch, weights, is_void
):
    logits, target = make_batch()
    if is_void:
        target = torch.full_like(target, 255)
    expected, expected_gradient = value_and_gradient(make_loss("lovasz", weights), logits, target)
    monkeypatch.setattr(
        "segexp.training.losses.lovasz._classes_to_sort", lambda pixels: torch.arange(len(pixels))
    )
    value, gradient = value_and_gradient(make_loss("lovasz", weights), logits, target)
    assert value == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-7, rtol=1e-5)


def test_a_hand_worked_case():
    # Two pixels, both of class 0, errors 0.9 and 0.2. Sorted, the Jaccard loss is 1/2 after the
    # first and 1 after the second: 0.9 * 1/2 + 0.2 * 1/2.
    p = torch.tensor([[0.1, 0.8], [0.9, 0.2]]).reshape(1, 2, 1, 2)
    loss = make_loss("lovasz")(p.log(), torch.zeros(1, 1, 2, dtype=torch.uint8))
    assert loss.item() == pytest.approx(0.55)
