import math

import pytest
import torch
from torch import nn

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import make_batch

AT = [1 + 10 * math.exp(-(d**2) / 8) for d in range(7)]
"""The weight at a distance from the nearest pixel of another class, up to 6."""


def test_pixels_weigh_by_their_distance_from_another_class():
    """A row of nine: seven of class 0, void, one of class 1. Void is no border, and no bridge."""
    logits = torch.zeros(1, 2, 1, 9)
    logits[0, 0, 0, :7] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    target = torch.tensor([[[0, 0, 0, 0, 0, 0, 0, 255, 1]]], dtype=torch.uint8)
    weights = [1.0, 1.0, AT[6], AT[5], AT[4], AT[3], AT[2], AT[2]]
    losses = [math.log1p(math.exp(-x)) for x in range(1, 8)] + [math.log(2)]
    expected = sum(w * x for w, x in zip(weights, losses, strict=True)) / sum(weights)
    assert make_loss("boundary_ce")(logits, target).item() == pytest.approx(expected)


def test_distances_are_a_kings_moves():
    """One pixel of class 1 in a field of class 0, which it weighs in rings."""
    logits = torch.zeros(1, 2, 15, 15, requires_grad=True)
    target = torch.zeros(1, 15, 15, dtype=torch.uint8)
    target[0, 7, 7] = 1
    make_loss("boundary_ce")(logits, target).backward()
    found = -logits.grad[0, 0] / -logits.grad[0, 0, 0, 0]
    rows, columns = torch.meshgrid(torch.arange(15), torch.arange(15), indexing="ij")
    distance = torch.maximum((rows - 7).abs(), (columns - 7).abs())
    expected = torch.tensor([AT[1], *AT[1:], 1.0])[distance]
    assert found.abs() == pytest.approx(expected, rel=1e-5)


def test_a_mask_of_one_class_has_plain_cross_entropy():
    logits, target = make_batch()
    target = torch.where(target == 255, 255, 2).byte()
    expected = nn.CrossEntropyLoss(ignore_index=255)(logits, target.long())
    assert make_loss("boundary_ce")(logits, target).item() == pytest.approx(expected.item())
