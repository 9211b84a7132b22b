from dataclasses import dataclass

import pytest
import torch

from segexp.training.accumulation import in_steps, shares
from segexp.training.loss import make_loss
from segexp.training.ranks import Ranks


def test_a_step_takes_its_batches_and_the_last_one_what_is_left():
    batches = [(torch.tensor(n), torch.tensor(n)) for n in range(5)]
    steps = [[int(images) for images, _ in parts] for parts in in_steps(batches, 2)]
    assert steps == [[0, 1], [2, 3], [4]]
    assert [len(parts) for parts in in_steps(batches, 1)] == [1] * 5


def test_shares_by_hand():
    """3 of 4 pixels are valid in the first, 1 in the second: 3/4 and 1/4.

    With weights 1 and 5 the first counts 1 + 1 + 1 and the second 5.
    """
    first = torch.tensor([[0, 0], [0, 255]], dtype=torch.uint8)
    second = torch.tensor([[1, 255], [255, 255]], dtype=torch.uint8)
    assert [float(share) for share in shares([first, second], None)] == [0.75, 0.25]
    weights = torch.tensor([1.0, 5.0])
    assert [float(share) for share in shares([first, second], weights)] == [3 / 8, 5 / 8]
    assert shares([first], weights) == [1.0]
    void = torch.full_like(first, 255)
    assert [float(share) for share in shares([void, void], weights)] == [0.0, 0.0]


@dataclass(eq=False)
class TwoRanks(Ranks):
    """The other one has as much of the batch as a test says."""

    size: int = 2
    other: float = 0.0

    def summed(self, value: torch.Tensor) -> torch.Tensor:
        return value + self.other


def test_shares_of_several_ranks_are_of_all_their_parts_and_add_up_to_as_many():
    """1 of 4 and 2 of 4 pixels are valid here, 5 elsewhere: 1/8 and 2/8 of two."""
    first = torch.tensor([[1, 255], [255, 255]], dtype=torch.uint8)
    second = torch.tensor([[0, 0], [255, 255]], dtype=torch.uint8)
    assert [float(x) for x in shares([first, second], None, TwoRanks(other=5.0))] == [0.25, 0.5]
    assert [float(x) for x in shares([first], None, TwoRanks(other=3.0))] == [0.5]
    weights = torch.tensor([1.0, 6.0])
    assert [float(x) for x in shares([first], weights, TwoRanks(other=2.0))] == [1.5]
    void = torch.full_like(first, 255)
    assert [float(x) for x in shares([void], None, TwoRanks())] == [0.0]


@pytest.mark.parametrize("weights", [None, torch.tensor([0.2, 1.0, 4.0])])
@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_the_mean_of_the_parts_is_the_mean_of_the_whole(name: str, weights: torch.Tensor | None):
    torch.manual_seed(0)
    logits = torch.randn(5, 3, 4, 4, dtype=torch.float32)
    target = torch.randint(0, 3, (5, 4, 4), dtype=torch.uint8)
    target[0, :3] = 255
    loss = make_loss(name, weights)
    parts = [slice(0, 2), slice(2, 4), slice(4, 5)]
    by_pixels = weights if name == "cross_entropy" else None
    of_parts = shares([target[part] for part in parts], by_pixels)
    whole = sum(
        share * loss(logits[part], target[part])
        for part, share in zip(parts, of_parts, strict=True)
    )
    assert float(whole) == pytest.approx(float(loss(logits, target)), rel=1e-6)
