import math

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from segexp.core.errors import InputError
from segexp.training.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, is_finite


def images(n: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, 5, 7), dtype=torch.uint8, generator=generator)


def test_normalized_images_equal_torchvisions():
    batch = images()
    expected = reference.normalize(
        reference.to_dtype(batch, torch.float32, scale=True), IMAGENET_MEAN, IMAGENET_STD
    )
    normalized = Preprocessing((5, 7), IMAGENET_MEAN, IMAGENET_STD).normalize(batch)
    assert normalized.dtype == torch.float32
    torch.testing.assert_close(normalized, expected, rtol=0, atol=2e-6)


def test_an_images_own_statistics_give_mean_0_and_deviation_1():
    batch = images()
    pixels = batch.double().div(255).transpose(0, 1).flatten(1)
    red, green, blue = pixels.mean(dim=1).tolist()
    stds = pixels.std(dim=1, correction=0).tolist()
    preprocessing = Preprocessing((5, 7), (red, green, blue), (stds[0], stds[1], stds[2]))
    normalized = preprocessing.normalize(batch).double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(normalized.mean(dim=1), torch.zeros(3).double(), rtol=0, atol=1e-5)
    deviation = normalized.std(dim=1, correction=0)
    torch.testing.assert_close(deviation, torch.ones(3).double(), rtol=0, atol=1e-5)


def test_the_memory_format_and_the_images_themselves_are_kept():
    batch = images().contiguous(memory_format=torch.channels_last)
    before = batch.clone()
    normalized = Preprocessing((5, 7), IMAGENET_MEAN, IMAGENET_STD).normalize(batch)
    assert normalized.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch, before)


@pytest.mark.parametrize("deviation", [0.0, -0.2, 1e-9, math.nan, math.inf])
def test_a_deviation_that_nothing_can_be_divided_by_is_refused(deviation: float):
    with pytest.raises(InputError, match=r"data\.normalization: imagenet"):
        Preprocessing((32, 32), (0.5, 0.5, 0.5), (0.2, deviation, 0.2))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_found(value: float):
    logits = torch.randn(2, 3, 4, 5)
    assert is_finite(logits)
    logits[1, 2, 3, 4] = value
    assert not is_finite(logits)
    assert not is_finite(logits.bfloat16())


def test_both_memory_formats_are_normalised_to_the_same_values():
    preprocessing = Preprocessing((5, 7), IMAGENET_MEAN, IMAGENET_STD)
    batch = images().contiguous()
    expected = preprocessing.normalize(batch)
    assert expected.is_contiguous()
    found = preprocessing.normalize(batch.contiguous(memory_format=torch.channels_last))
    assert torch.equal(found, expected)


def test_what_scoring_normalised_first_can_be_trained_on_after():
    preprocessing = Preprocessing((5, 7), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    with torch.inference_mode():
        expected = preprocessing.normalize(images())
    layer = torch.nn.Conv2d(3, 2, 1)
    normalized = preprocessing.normalize(images())
    layer(normalized).sum().backward()
    assert torch.equal(normalized, expected)
    assert layer.weight.grad is not None


def test_logits_whose_sum_overflows_are_finite():
    large = torch.full((2, 3, 4, 5), torch.finfo(torch.float32).max)
    assert is_finite(large)
    assert is_finite(large.bfloat16().clamp(max=3e38))
