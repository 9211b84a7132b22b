from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from segexp.data.resize import resize_image, resized_size
from segexp.evaluation.predict_one import predict_one
from segexp.training.bundle import Bundle
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import AS_SOFTMAX
from segexp.training.whole import Whole

PLAIN = Compute(torch.device("cpu"), bf16=False, channels_last=False)


class Seen(nn.Module):
    """A network whose logits are the pixels that it sees."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.size = pixels.shape[-2:]
        return pixels


def drawn(*size: int) -> np.ndarray:
    return np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), np.uint8)


def pixels_seen(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What a network of an image size is shown of an image, as whole numbers."""
    seen = []
    network = Seen()
    network.register_forward_hook(lambda module, given, found: seen.append(given[0]))
    identity = Preprocessing(size, (0, 0, 0), (1 / 255, 1 / 255, 1 / 255))
    Whole(network, identity, AS_SOFTMAX)(torch.from_numpy(image)[None])
    return seen[0][0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    "size", [(128, 256), (129, 301), (256, 512), (300, 400), (64, 128), (65, 128), (239, 363)]
)
def test_what_shrinks_has_the_values_of_opencv(size):
    image = drawn(*size)
    assert np.array_equal(pixels_seen(image, (64, 128)), resize_image(image, (64, 128)))


@pytest.mark.parametrize("size", [(60, 100), (33, 700), (32, 64), (1, 1), (300, 31)])
def test_what_grows_is_at_most_one_off(size):
    image = drawn(*size)
    off = pixels_seen(image, (64, 128)).astype(int) - resize_image(image, (64, 128))
    assert np.abs(off).max() <= 1
    assert (off != 0).mean() < 0.2


@pytest.mark.parametrize("resize", ["stretch", "fit", "none"])
def test_the_mask_is_that_of_predict(bundle: Bundle, resize):
    preprocessing = replace(bundle.preprocessing, resize=resize)
    whole = Whole(bundle.model, preprocessing, AS_SOFTMAX).eval()
    sizes = [(31, 63), (17, 29), (32, 64), (64, 128), (95, 71)]
    for size in sizes[: 3 if resize == "none" else 5]:
        image = drawn(*size)
        mask, logits = predict_one(bundle.model.eval(), preprocessing, PLAIN, image)
        with torch.inference_mode():
            classes, probabilities, own = whole(torch.from_numpy(image)[None])
        assert classes.dtype == torch.uint8
        grows = any(seen > side for seen, side in zip(logits.shape[1:], size, strict=True))
        assert (classes[0].numpy() != mask).mean() < (0.02 if grows else 1e-3)
        assert own.shape == probabilities.shape == (1, len(bundle.mapping.classes), *size)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(1, *size))
        if size == logits.shape[1:]:
            torch.testing.assert_close(own[0], logits, atol=1e-4, rtol=1e-4)


def test_an_image_keeps_its_shape_as_the_data_did():
    rng = np.random.default_rng(0)
    for height, width in [(1, 999), (999, 1), *rng.integers(1, 900, (60, 2)).tolist()]:
        expected = resized_size("fit", (height, width), (64, 128))
        network = Seen()
        preprocessing = Preprocessing((64, 128), (0, 0, 0), (1, 1, 1), "fit")
        images = torch.zeros(1, height, width, 3, dtype=torch.uint8)
        whole = Whole(network, preprocessing, AS_SOFTMAX)
        whole(images)
        assert tuple(whole.network.size) == tuple(-(-side // 32) * 32 for side in expected)


@pytest.mark.parametrize("resize", ["stretch", "fit"])
def test_what_is_traced_at_one_size_holds_for_others(bundle: Bundle, resize):
    preprocessing = replace(bundle.preprocessing, resize=resize)
    whole = Whole(bundle.model, preprocessing, AS_SOFTMAX).eval()
    traced = torch.jit.trace(whole, (torch.zeros(2, 21, 43, 3, dtype=torch.uint8),))
    for count, *size in [(1, 64, 128), (3, 31, 17), (1, 33, 200)]:
        images = torch.from_numpy(np.stack([drawn(*size)] * count))
        for found, expected in zip(traced(images), whole(images), strict=True):
            torch.testing.assert_close(found, expected)


def test_poolings_to_a_grid_are_those_of_torch():
    pool = nn.AdaptiveAvgPool2d((3, 6))
    whole = Whole(nn.Sequential(pool), Preprocessing((32, 32), (0,) * 3, (1,) * 3), AS_SOFTMAX)
    features = torch.randn(2, 5, 7, 16, generator=torch.Generator().manual_seed(0))
    assert not isinstance(whole.network[0], nn.AdaptiveAvgPool2d)
    torch.testing.assert_close(whole.network[0](features), pool(features))
