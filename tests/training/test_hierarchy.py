"""The loss in several label spaces: against values worked by hand, and torch's."""

from functools import partial
from math import log

import pytest
import torch
import torch.nn.functional as F

from segexp.training.hierarchy import make_level, mean_of_levels
from segexp.training.loss import Loss, loss_names, make_loss
from tests.labels.test_mapping import make_mapping
from tests.training.losses.drawn_batch import WEIGHTS, make_batch, value_and_gradient

CPU = torch.device("cpu")
FINE = make_mapping("fine", {"a": "a", "b": "b", "c": "c", "d": "d"})
PAIRS = make_mapping("pairs", {"ab": "ab", "cd": "cd"})
NO_D = make_mapping("no_d", {"ab": "ab", "c": "c"})


def in_both(name: str, coarse: object, weights: tuple | None = None) -> Loss:
    own, other = (None, None) if weights is None else weights
    make = partial(make_loss, name)
    return mean_of_levels(make(own), [make_level(FINE, coarse, make, other, CPU)])  # type: ignore[arg-type]


def pixels(*rows: list[float]) -> torch.Tensor:
    """Logits (1, 4, 1, n) of which the softmax has these probabilities."""
    return torch.tensor(rows).log().T[None, :, None]


def test_two_levels_of_cross_entropy_by_hand() -> None:
    """p(a) = 1/2 and p(ab) = 3/4: (ln 2 + ln 4/3) / 2 = ln(8/3) / 2."""
    loss = in_both("cross_entropy", PAIRS)
    value = loss(pixels([0.5, 0.25, 0.125, 0.125]), torch.tensor([[[0]]]))
    assert value.item() == pytest.approx(log(8 / 3) / 2)


def test_it_is_the_hierarchical_cross_entropy_of_bertinetto() -> None:
    """-1/2 log p(fine | coarse) - log p(coarse), their equation 3 with these two weights."""
    p = torch.tensor([0.1, 0.3, 0.4, 0.2])
    loss = in_both("cross_entropy", PAIRS)
    for truth, coarse in ((0, 0.4), (1, 0.4), (2, 0.6), (3, 0.6)):
        expected = -log(p[truth] / coarse) / 2 - log(coarse)
        value = loss(pixels(p.tolist()), torch.tensor([[[truth]]]))
        assert value.item() == pytest.approx(expected, rel=1e-5)


def test_void_of_the_coarser_space_counts_in_the_finer_alone_and_can_still_be_predicted() -> None:
    """Truths a and d, where d is void: fine is (ln 2 + ln 8) / 2, coarse -ln(3/4) of a alone."""
    loss = in_both("cross_entropy", NO_D)
    p = [0.5, 0.25, 0.125, 0.125]
    value = loss(pixels(p, p), torch.tensor([[[0, 3]]]))
    assert value.item() == pytest.approx(((log(2) + log(8)) / 2 + log(4 / 3)) / 2)
    only_void = loss(pixels(p, p), torch.tensor([[[3, 255]]]))
    assert only_void.item() == pytest.approx(log(8) / 2)


def test_each_space_has_its_own_class_weights() -> None:
    """Fine: weights 1 and 3 of a and c. Coarse: 2 and 1 of ab and cd."""
    loss = in_both("cross_entropy", PAIRS, (torch.tensor([1.0, 1, 3, 1]), torch.tensor([2.0, 1.0])))
    p = [0.5, 0.25, 0.125, 0.125]
    value = loss(pixels(p, p), torch.tensor([[[0, 2]]]))
    fine = (1 * log(2) + 3 * log(8)) / 4
    coarse = (2 * log(4 / 3) + 1 * log(4)) / 3
    assert value.item() == pytest.approx((fine + coarse) / 2)


@pytest.mark.parametrize("name", loss_names())
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_at_one_level_it_is_the_plain_loss(name: str, weights: torch.Tensor | None) -> None:
    space = make_mapping("five", dict(zip("vwxyz", "abcd*", strict=True)))
    make = partial(make_loss, name)
    plain = make(weights)
    logits, target = make_batch()
    value, gradient = value_and_gradient(
        mean_of_levels(plain, [make_level(space, space, make, weights, CPU)]), logits, target
    )
    expected, expected_gradient = value_and_gradient(plain, logits, target)
    assert value == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-8)


def test_the_coarse_part_of_any_softmax_loss_is_that_of_the_added_probabilities() -> None:
    logits, target = make_batch()
    logits, target = logits[:, :4], target.masked_fill(target == 4, 255)
    added = logits.softmax(1).unflatten(1, (2, 2)).sum(2).log()
    coarse = torch.where(target == 255, target, target // 2)
    for name in ("cross_entropy", "ce_dice", "lovasz"):
        make = partial(make_loss, name)
        zero: Loss = lambda logits, target: logits.new_zeros(())  # noqa: E731
        part = mean_of_levels(zero, [make_level(FINE, PAIRS, make, None, CPU)])(logits, target)
        torch.testing.assert_close(2 * part, make(None)(added, coarse))


def test_extreme_logits_give_a_finite_loss_and_gradient() -> None:
    logits = torch.tensor([300.0, -300, -300, -250])[None, :, None, None].expand(1, 4, 1, 3)
    for name in loss_names():
        value, gradient = value_and_gradient(
            in_both(name, NO_D), logits, torch.tensor([[[1, 2, 3]]])
        )
        assert torch.isfinite(torch.tensor(value))
        assert torch.isfinite(gradient).all()


def test_against_torch_with_a_class_that_is_in_no_coarse_class() -> None:
    logits, target = make_batch()
    logits, target = logits[:, :4], target.masked_fill(target == 4, 255).long()
    p = logits.double().softmax(1)
    added = torch.stack([p[:, 0] + p[:, 1], p[:, 2], p[:, 3]], 1).log()
    coarse = torch.tensor([0, 0, 1, 255, *[255] * 252])[target]
    expected = F.cross_entropy(logits, target, ignore_index=255) / 2
    expected = expected + F.nll_loss(added, coarse, ignore_index=255) / 2
    assert in_both("cross_entropy", NO_D)(logits, target).item() == pytest.approx(expected.item())
