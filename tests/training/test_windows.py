from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segexp.training import windows
from segexp.training.compute import Compute
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing, forward
from segexp.training.views import Views
from segexp.training.windows import infer, logit_rows, places

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
WINDOW = (64, 96)
REACH = 3  # of `small_net`: three convolutions of 3 x 3


def preprocessing(size: tuple[int, int] = WINDOW) -> Preprocessing:
    return Preprocessing(size, (0.4, 0.45, 0.5), (0.2, 0.25, 0.3))


def small_net(channels: int = 5) -> nn.Module:
    """A network that sees `REACH` pixels to each side, and does not pad: borders show."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 8), (8, channels)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.Tanh()]
    return nn.Sequential(*layers[:-1]).eval()


def pictures(*shape: int) -> Tensor:
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@torch.inference_mode()
def seen(model: nn.Module, images: Tensor, size: tuple[int, int] = WINDOW, **options) -> Tensor:
    return infer(model, images, preprocessing(size), CPU, **options)


@torch.inference_mode()
def whole(model: nn.Module, images: Tensor) -> Tensor:
    return forward(model, images, preprocessing(), CPU)


class Counted(nn.Module):
    """Remembers the shapes of its batches."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shapes.append(tuple(images.shape))
        logits: Tensor = self.model(images)
        return logits


def test_windows_cover_a_side_evenly_and_end_at_the_border():
    assert places(50, 64) == places(64, 64) == [0]
    assert places(65, 64) == [0, 1]
    assert places(128, 64) == [0, 32, 64]
    assert places(1024, 512) == [0, 256, 512]
    assert places(2048, 1024, overlap=1 / 3) == [0, 512, 1024]
    for side in range(65, 300):
        starts = places(side, 64)
        assert starts[-1] == side - 64
        assert max(b - a for a, b in pairwise(starts)) <= 32


def test_an_image_that_fits_is_seen_whole_to_the_bit():
    model = Counted(small_net())
    images = pictures(2, 3, *WINDOW)
    assert torch.equal(seen(model, images), whole(small_net(), images))
    assert model.shapes == [(2, 3, *WINDOW)]


def test_a_smaller_image_is_padded_with_the_mean_to_a_multiple_of_32():
    model = Counted(small_net())
    images = pictures(1, 3, 40, 70)
    padded = F.pad(preprocessing().normalize(images), (0, 26, 0, 24))
    with torch.inference_mode():
        expected = model(padded)[:, :, :40, :70]
    found = seen(model, images, (128, 128))
    assert found.shape == (1, 5, 40, 70)
    assert torch.equal(found, expected)
    assert model.shapes[-1] == (1, 3, 64, 96)


@pytest.mark.parametrize("size", [(150, 200), (64, 250), (200, 90), (40, 131)])
def test_windows_give_the_logits_of_the_whole_image_away_from_borders(size: tuple[int, int]):
    """A pixel at a window's border sees padding; its weight is small, but not 0."""
    images = pictures(2, 3, *size)
    expected, found = whole(small_net(), images), seen(small_net(), images)
    away = torch.ones(size, dtype=torch.bool)
    for axis, (side, window) in enumerate(zip(size, WINDOW, strict=True)):
        borders = {end for start in places(side, window) for end in (start, start + window)}
        if side < window:  # padded with zeros, which the first convolution changes
            borders = {side}
        for border in borders - ({0} if side < window else {0, side}):
            near = slice(border - REACH, border + REACH)
            away[(slice(None),) * axis + (near,)] = False
    assert away.float().mean() > 0.6
    assert found.shape == expected.shape
    torch.testing.assert_close(found[..., away], expected[..., away], rtol=0, atol=1e-5)
    assert (found - expected).abs().max() > 1e-6  # there were windows


def test_every_pixel_of_a_model_without_surroundings_is_the_same_in_windows():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 1)
    images = pictures(1, 3, 150, 211)
    torch.testing.assert_close(seen(model, images), whole(model, images), rtol=0, atol=1e-5)


def test_overlapping_windows_are_averaged_by_a_gaussian():
    """Two windows of 32 columns over 48: each gives its number; worked by hand from exp."""

    class Numbered(nn.Module):
        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            n, _, h, w = images.shape
            numbers = torch.arange(n, dtype=torch.float32).view(n, 1, 1, 1)
            return numbers.expand(n, 2, h, w)

    found = seen(Numbered(), pictures(1, 3, 32, 48), (32, 32))[0, 0, 5]
    assert found[:16].tolist() == [0.0] * 16
    assert found[32:].tolist() == [1.0] * 16
    columns = torch.arange(16, 32, dtype=torch.float64)
    first = torch.exp(-0.5 * ((columns - 15.5) / 4) ** 2)
    second = torch.exp(-0.5 * ((columns - 16 - 15.5) / 4) ** 2)
    expected = (second / (first + second)).float()
    torch.testing.assert_close(found[16:32], expected, rtol=1e-5, atol=1e-7)


def test_windows_pass_in_batches_of_bounded_size(monkeypatch: pytest.MonkeyPatch):
    model = Counted(small_net())
    images = pictures(3, 3, 100, 200)
    expected = seen(model, images)
    monkeypatch.setattr(windows, "PIXELS_AT_ONCE", 4 * 64 * 96)
    model.shapes.clear()
    torch.testing.assert_close(seen(model, images), expected, rtol=0, atol=1e-5)
    assert {shape[0] for shape in model.shapes} <= {1, 2, 3, 4}
    assert sum(shape[0] for shape in model.shapes) == 3 * 3 * 4


def test_rows_come_from_top_to_bottom_and_no_block_is_higher_than_a_window():
    images = pictures(1, 3, 330, 100)
    with torch.inference_mode():
        blocks = list(logit_rows(small_net(), images, preprocessing(), CPU))
    assert len(blocks) > 5
    assert max(block.shape[2] for block in blocks) <= 64
    assert torch.equal(torch.cat(blocks, dim=2), seen(small_net(), images))


def test_a_model_whose_weights_depend_on_the_size_is_shown_no_other():
    model = Counted(make_model("Unet", "tu-coatnet_nano_rw_224", None, 3, 0.25, (64, 64)).eval())
    model.is_of_one_size = model.model.is_of_one_size
    assert seen(model, pictures(1, 3, 20, 40), (64, 64)).shape == (1, 3, 20, 40)
    assert model.shapes == [(1, 3, 64, 64)]


def test_the_flipped_view_of_a_model_that_is_symmetric_changes_nothing():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1)
    with torch.no_grad():
        model.weight.copy_((model.weight + model.weight.flip(-1)) / 2)
    for images in (pictures(2, 3, *WINDOW), pictures(1, 3, 80, 131)):
        plain, flipped = (seen(model, images, views=Views(flip)) for flip in (False, True))
        torch.testing.assert_close(flipped, plain, rtol=0, atol=1e-5)


def test_the_mean_of_two_views_is_that_of_their_logits_by_hand():
    """The model says a pixel's column; its mirrored view says it from the other side."""

    class Columns(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            columns = torch.arange(float(images.shape[-1])).expand(images[:, :1].shape)
            return torch.cat([columns, torch.zeros_like(columns)], dim=1)

    found = seen(Columns(), pictures(1, 3, 32, 32), (32, 32), views=Views(True))
    assert found[0, 0].unique().tolist() == [15.5]
    # At half the size the columns are 0..15, two pixels wide each; then resized bilinearly.
    found = seen(Columns(), pictures(1, 3, 64, 64), views=Views(False, (1.0, 0.5)))
    expected = [(0 + 0) / 2, (1 + 0.25) / 2, (2 + 0.75) / 2, (3 + 1.25) / 2]
    assert found[0, 0, 7, :4].tolist() == expected


def test_a_larger_view_is_seen_in_windows():
    model = Counted(small_net())
    found = seen(model, pictures(1, 3, *WINDOW), views=Views(False, (1.0, 1.25)))
    assert found.shape == (1, 5, *WINDOW)
    assert model.shapes == [(1, 3, *WINDOW), (2, 3, *WINDOW), (2, 3, *WINDOW)]


def test_both_memory_formats_and_bf16_give_nearly_the_same():
    images = pictures(1, 3, 100, 150)
    compute = Compute(torch.device("cpu"), bf16=True, channels_last=True)
    model = small_net()
    expected = seen(model, images)
    with torch.inference_mode():
        found = infer(model, images, preprocessing(), compute)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)
