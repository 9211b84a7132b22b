"""A training, put together from a configuration."""

import random

import numpy as np
import torch

from segexp.study.prepare import seed_everything


def test_a_seed_decides_all_generators():
    def draws() -> tuple[float, float, float]:
        seed_everything(7)
        return random.random(), np.random.rand(), float(torch.rand(()))

    first = draws()
    assert draws() == first
    seed_everything(8)
    assert random.random() != first[0]
