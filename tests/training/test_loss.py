import pytest
import torch
from torch import nn

from segexp.training.loss import loss_names, make_loss
from tests.training.losses.drawn_batch import CLASSES, WEIGHTS, make_batch, value_and_gradient


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
@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_a_batch_without_a_valid_pixel_has_loss_0_and_gradient_0(name, weights, smoothing):
    logits, target = make_batch()
    value, gradient = value_and_gradient(
        make_loss(name, weights, smoothing), logits, torch.full_like(target, 255)
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


@pytest.mark.parametrize("name", loss_names())
def test_labels_are_smoothed_where_there_is_cross_entropy_and_without_void(name):
    logits, target = make_batch()
    plain, smooth = make_loss(name), make_loss(name, None, 0.1)
    changes = {"cross_entropy", "ce_dice", "ce_tversky", "ohem", "boundary_ce"}
    assert (smooth(logits, target).item() != plain(logits, target).item()) == (name in changes)
    _, gradient = value_and_gradient(smooth, logits, target)
    assert not gradient.masked_select((target == 255).unsqueeze(1)).any()
