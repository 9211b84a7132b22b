import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_models_pytorch import losses as smp_losses
from segmentation_models_pytorch.losses.lovasz import _lovasz_softmax
from torch import Tensor, nn

from segexp.core.errors import InputError
from segexp.training.class_weights import WEIGHTINGS, class_weights
from segexp.training.loss import loss_names, make_loss

CLASSES = 5
WEIGHTS = torch.tensor([0.2, 3.0, 1.0, 0.7, 2.5])


def make_batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and targets of which a fifth is void and class 3 is absent."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, CLASSES, 8, 12, generator=generator)
    target = torch.randint(0, CLASSES, (2, 8, 12), generator=generator, dtype=torch.uint8)
    target[target == 3] = 1
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    return logits, target


def value_and_gradient(loss, logits: Tensor, target: Tensor) -> tuple[float, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


class CrossEntropyAndDice(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.cross_entropy = nn.CrossEntropyLoss(weights, ignore_index=255)
        self.dice = smp_losses.DiceLoss("multiclass", ignore_index=255, class_weights=weights)

    def forward(self, logits, target):
        return self.cross_entropy(logits, target) + self.dice(logits, target)


def reference(name: str, weights: Tensor | None = None) -> nn.Module:
    if name == "cross_entropy":
        return nn.CrossEntropyLoss(weights, ignore_index=255)
    if name == "ce_dice":
        return CrossEntropyAndDice(weights)
    if name == "focal":
        return smp_losses.FocalLoss("multiclass", ignore_index=255, class_weights=weights)
    if name == "lovasz":
        return smp_losses.LovaszLoss("multiclass", ignore_index=255)
    raise LookupError(f"{name}: name what its values are compared with")


@pytest.mark.parametrize("name", loss_names())
def test_value_and_gradient_equal_those_of_torch_and_smp(name):
    logits, target = make_batch()
    value, gradient = value_and_gradient(make_loss(name), logits, target)
    # smp's Lovász loss is float32 only; the others are compared with their float64 values.
    exact = logits if name == "lovasz" else logits.double()
    expected, expected_gradient = value_and_gradient(reference(name), exact, target.long())
    assert value == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(gradient, expected_gradient.float(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", ["cross_entropy", "ce_dice", "focal"])
def test_class_weights_enter_as_in_torch_and_smp(name):
    logits, target = make_batch()
    weights = WEIGHTS.double()
    expected = reference(name, weights)(logits.double(), target.long()).item()
    assert make_loss(name, WEIGHTS)(logits, target).item() == pytest.approx(expected, abs=1e-6)


def test_lovasz_weights_the_mean_over_the_classes_that_are_present():
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
def test_lovasz_is_the_same_where_absent_classes_are_sorted_too_as_on_a_gpu(
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


def test_cross_entropy_of_a_hand_worked_pixel():
    # p = (1/2, 1/4, 1/4) at the one valid pixel, of class 1; the void one would add ln 4.
    logits = torch.tensor([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]).log().T.reshape(1, 3, 1, 2)
    target = torch.tensor([[[1, 255]]])
    assert make_loss("cross_entropy")(logits, target).item() == pytest.approx(math.log(4))


def test_lovasz_of_a_hand_worked_case():
    # Two pixels, both of class 0, errors 0.9 and 0.2. Sorted, the Jaccard loss is 1/2 after the
    # first and 1 after the second: 0.9 * 1/2 + 0.2 * 1/2.
    p = torch.tensor([[0.1, 0.8], [0.9, 0.2]]).reshape(1, 2, 1, 2)
    loss = make_loss("lovasz")(p.log(), torch.zeros(1, 1, 2, dtype=torch.uint8))
    assert loss.item() == pytest.approx(0.55)


@pytest.mark.parametrize("name", loss_names())
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_logits_under_void_change_neither_value_nor_gradient(name, weights):
    logits, target = make_batch()
    void = (target == 255).unsqueeze(1)
    loss = make_loss(name, weights)
    value, gradient = value_and_gradient(loss, logits, target)
    other_value, other_gradient = value_and_gradient(
        loss, torch.where(void, -7 * logits + 2, logits), target
    )
    assert other_value == value
    assert torch.equal(other_gradient, gradient)
    assert not gradient.masked_select(void).any()
    assert gradient.masked_select(~void).any()


@pytest.mark.parametrize("name", loss_names())
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_batch_without_a_valid_pixel_has_loss_0_and_gradient_0(name, weights):
    logits, target = make_batch()
    value, gradient = value_and_gradient(
        make_loss(name, weights), logits, torch.full_like(target, 255)
    )
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("name", loss_names())
@pytest.mark.parametrize(
    ("wrong", "dtype"), [(5, torch.uint8), (254, torch.uint8), (-1, torch.long)]
)
def test_a_target_out_of_range_is_refused_with_its_value(name, wrong, dtype):
    logits, target = make_batch()
    target = target.to(dtype)
    target[0, 0, :2] = wrong
    with pytest.raises(ValueError, match=rf"\[{wrong}\] at 2 pixels.*0\.\.4 or 255"):
        make_loss(name)(logits, target)


@pytest.mark.parametrize("name", loss_names())
def test_half_precision_logits_give_a_float32_loss_under_autocast(name):
    logits, target = make_batch()
    logits = logits.bfloat16()
    expected = make_loss(name)(logits.float(), target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = make_loss(name)(logits, target)
    assert value.dtype == torch.float32
    assert value.item() == expected.item()


@pytest.mark.parametrize("name", loss_names())
def test_the_memory_format_does_not_change_the_loss(name):
    logits, target = make_batch()
    loss = make_loss(name)
    channels_last = logits.contiguous(memory_format=torch.channels_last)
    assert loss(channels_last, target).item() == loss(logits, target).item()


@pytest.mark.parametrize("name", loss_names())
def test_unit_weights_change_nothing(name):
    logits, target = make_batch()
    plain, weighted = make_loss(name), make_loss(name, torch.ones(CLASSES))
    assert weighted(logits, target).item() == pytest.approx(plain(logits, target).item(), abs=1e-7)


@pytest.mark.parametrize("name", loss_names())
def test_a_perfect_prediction_scores_better_than_a_wrong_one(name):
    _, target = make_batch()
    right = 40 * nn.functional.one_hot(target.long() % 255, CLASSES).movedim(-1, 1).float() - 20
    loss = make_loss(name)
    assert loss(right, target).item() < 0.01 < loss(right.roll(1, dims=1), target).item()


def test_an_unknown_loss_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'lovasz'"):
        make_loss("lovas")


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


def test_an_unknown_weighting_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'enet_log'"):
        class_weights("enetlog", PIXELS, PIXELS_WHERE_PRESENT)
