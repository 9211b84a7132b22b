import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segexp.training.loss import make_loss
from tests.training.losses.drawn_batch import WEIGHTS, assert_equal, make_batch


def row_of(probabilities: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (1, 2, 1, P) of these probabilities of class 0, which is the truth everywhere."""
    p = torch.tensor(probabilities)
    logits = torch.stack([p, 1 - p]).log().reshape(1, 2, 1, -1)
    return logits, torch.zeros(1, 1, len(p), dtype=torch.uint8)


def test_pixels_under_the_threshold_are_all_that_count():
    logits, target = row_of([0.5, 0.6, 0.69, *[0.9] * 29])
    expected = -(math.log(0.5) + math.log(0.6) + math.log(0.69)) / 3
    assert make_loss("ohem")(logits, target).item() == pytest.approx(expected)


def test_where_fewer_are_under_it_the_hardest_sixteenth_counts():
    """Two of 32 pixels; void ones are not among the 32."""
    logits, target = row_of([0.75, 0.9, 0.8, *[0.9] * 29, 0.1, 0.1])
    target[0, 0, -2:] = 255
    expected = -(math.log(0.75) + math.log(0.8)) / 2
    assert make_loss("ohem")(logits, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("sure", [0.0, 12.0])
def test_the_pixels_are_those_of_the_published_sampler(
    weights: torch.Tensor | None, sure: float
) -> None:
    """Sorted with numpy: a pixel is kept below max(p at a sixteenth, 0.7)."""
    _, labels = make_batch()
    right = F.one_hot(labels.long() % 255, 5).movedim(-1, 1).float()

    def reference(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        log_p = F.log_softmax(logits + sure * right, dim=1)
        valid = target != 255
        p = log_p.exp().gather(1, (target * valid)[:, None])[:, 0][valid]
        kept = p < max(0.7, np.sort(p.detach().numpy())[len(p) // 16])
        assert (kept.sum() == len(p) // 16) == (sure > 0)
        of = torch.ones(5).double() if weights is None else weights.double()
        terms = of[target[valid]] * -p.log()
        return terms[kept].sum() / of[target[valid]][kept].sum()

    loss = make_loss("ohem", weights)
    assert_equal(lambda x, target: loss(x + sure * right, target), reference)
