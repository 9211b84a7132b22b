"""Deciding in bands against interpolating at once."""

import pytest
import torch
import torch.nn.functional as F

from segexp.evaluation.decide import decide_at_size


@pytest.mark.parametrize("size", [(64, 96), (37, 53), (7, 5), (300, 400), (1, 1), (24, 48)])
def test_deciding_in_bands_is_interpolate_and_argmax(size: tuple[int, int]):
    logits = torch.randn(19, 24, 48, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]
    best, second = whole.topk(2, dim=0).values
    clear = best - second > 1e-4
    assert clear.float().mean() > 0.99
    mask = decide_at_size(logits, size)
    assert mask.dtype == torch.uint8
    assert torch.equal(mask[clear], whole.argmax(dim=0)[clear].to(torch.uint8))
