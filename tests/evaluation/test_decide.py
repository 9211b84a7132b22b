"""Deciding in bands against interpolating at once."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from segexp.evaluation.decide import decide_at_size, largest


@pytest.mark.parametrize("rows", [[24], [1, 20, 3], [12, 12]])
@pytest.mark.parametrize("size", [(64, 96), (37, 53), (7, 5), (300, 400), (1, 1), (24, 48)])
def test_deciding_in_bands_is_interpolate_and_argmax(size: tuple[int, int], rows: list[int]):
    logits = torch.randn(19, 24, 48, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]
    best, second = whole.topk(2, dim=0).values
    clear = best - second > 1e-4
    assert clear.float().mean() > 0.99
    (mask,) = decide_at_size(torch.split(logits, rows, dim=1), (24, 48), size, largest)
    assert mask.dtype == torch.uint8
    assert torch.equal(mask[clear], whole.argmax(dim=0)[clear].to(torch.uint8))


def test_several_decisions_are_made_of_the_same_resized_logits():
    logits = torch.randn(5, 9, 11, generator=torch.Generator().manual_seed(0))
    seen: list[tuple[int, ...]] = []

    def both(part: Tensor) -> Tensor:
        seen.append(tuple(part.shape))
        return torch.cat([part.argmax(dim=1), part.argmin(dim=1)])

    most, least = decide_at_size([logits], (9, 11), (18, 22), both)
    whole = F.interpolate(logits[None], (18, 22), mode="bilinear", align_corners=False)[0]
    assert torch.equal(most, whole.argmax(dim=0).to(torch.uint8))
    assert torch.equal(least, whole.argmin(dim=0).to(torch.uint8))
    assert seen == [(1, 5, 18, 22)]
