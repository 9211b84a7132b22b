import numpy as np
import pytest
import torch
from torch import nn

from segexp.evaluation.predict_one import predict_one
from segexp.training.compute import Compute
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 64), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "none")


def test_the_mask_is_of_the_largest_logits_of_the_image_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    mask, logits = predict_one(nn.Identity(), PREPROCESSING, CPU, image)
    assert np.array_equal(mask, image.argmax(axis=2))
    assert logits.shape == (3, 32, 64)
    assert torch.allclose(logits, torch.from_numpy(image).permute(2, 0, 1) / 255)


def test_logits_that_are_not_finite_are_refused() -> None:
    broken = nn.Threshold(2.0, float("nan"))
    image = np.full((32, 64, 3), 9, np.uint8)
    with pytest.raises(NonFiniteLogitsError):
        predict_one(broken, PREPROCESSING, CPU, image)
