"""Augmentation by torch for whole batches, held against albumentations and OpenCV."""

from functools import cache

import albumentations
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare, ks_2samp

from segexp.data.augment import FILL, make_augmentation
from segexp.data.augment_batch import Draws, augment_batch, draw
from segexp.labels.taxonomy import VOID

CPU = torch.device("cpu")
SIZE = (48, 96)
UNTOUCHED = (1.0, 1.0, 1.0, 0.0)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (*SIZE, 3), np.uint8)
SMOOTH = cv2.resize(NOISE[:6, :12], SIZE[::-1], interpolation=cv2.INTER_CUBIC)
CLASSES = RNG.integers(0, 255, SIZE, np.uint8)


def one(*, flip=False, size=SIZE, place=(0, 0), order=(0, 1, 2, 3), factors=UNTOUCHED) -> Draws:
    return Draws(
        torch.tensor([flip]),
        torch.tensor([size]),
        torch.tensor([place]),
        torch.tensor([order]),
        torch.tensor([factors], dtype=torch.float64),
    )


def augmented(
    images: np.ndarray, classes: np.ndarray, draws: Draws, device: torch.device = CPU
) -> tuple[np.ndarray, np.ndarray]:
    """Call `augment_batch` with arrays, images (N, H, W, 3)."""
    pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    new, new_classes = augment_batch(pixels, torch.from_numpy(classes).to(device), draws.to(device))
    assert new.is_contiguous(memory_format=torch.channels_last)
    assert new.dtype == new_classes.dtype == torch.uint8
    return new.permute(0, 2, 3, 1).cpu().numpy(), new_classes.cpu().numpy()


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int))


@pytest.mark.parametrize("image", [NOISE, SMOOTH], ids=["noise", "smooth"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("factor", [0.5, 0.613, 0.75, 0.99, 1.0, 1.01, 1.25, 1.4142, 1.5])
def test_flip_scale_and_place_are_those_of_albumentations(image, flip, factor, device):
    # Sizes are cut to whole pixels, a place is at random. Masks are the same to the pixel, but for
    # those that lie between two pixels; images to one grey level, since OpenCV interpolates with
    # weights of 11 bits.
    height, width = SIZE
    size = (int(height * factor), int(width * factor))
    down, across = (int(0.3 * (whole - part)) for whole, part in zip(SIZE, size, strict=True))
    top, left, up, out = max(down, 0), max(across, 0), max(-down, 0), max(-across, 0)
    bottom, right = max(height - size[0] - top, 0), max(width - size[1] - left, 0)
    transform = albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=float(flip)),
            albumentations.RandomScale(
                (factor - 1, factor - 1),
                interpolation=cv2.INTER_LINEAR,
                mask_interpolation=cv2.INTER_NEAREST_EXACT,
                p=1,
            ),
            albumentations.Pad((left, top, right, bottom), fill=FILL, fill_mask=VOID, p=1),
            albumentations.Crop(out, up, out + width, up + height, p=1),
        ]
    )
    expected = transform(image=image, mask=CLASSES)
    draws = one(flip=flip, size=size, place=(down, across))
    images, classes = augmented(image[None], CLASSES[None], draws, device)
    clear = [
        (2 * (np.arange(whole) - at) + 1) * whole % (2 * part) != 0
        for whole, part, at in zip(SIZE, size, (down, across), strict=True)
    ]
    assert np.array_equal(classes[0][np.ix_(*clear)], expected["mask"][np.ix_(*clear)])
    assert np.array_equal(classes[0] == VOID, expected["mask"] == VOID)
    assert difference(images[0], expected["image"]).max() <= 1


def jittered(image: np.ndarray, factors: tuple[float, ...], order: tuple[int, ...]) -> np.ndarray:
    result: np.ndarray = albumentations.ColorJitter(p=1).apply(image, *factors, list(order))
    return result


@pytest.mark.parametrize("image", [NOISE, SMOOTH], ids=["noise", "smooth"])
@pytest.mark.parametrize(
    "factors",
    [
        (0.6, 1, 1, 0),
        (1.37, 1, 1, 0),
        (1, 0.6, 1, 0),
        (1, 1.4, 1, 0),
        (1, 1, 0.61, 0),
        (1, 1, 1.4, 0),
        (1, 1, 1, 0.05),
        (1, 1, 1, -0.033),
    ],
)
def test_each_colour_operation_is_that_of_albumentations_to_one_grey_level(image, factors, device):
    images, _ = augmented(image[None], CLASSES[None], one(factors=factors), device)
    off = difference(images[0], jittered(image, factors, (0, 1, 2, 3)))
    assert off.max() <= 1
    assert (off == 0).mean() > 0.95  # all but the hue: nearly all


def test_four_colour_operations_are_done_in_the_order_that_was_drawn(device):
    # One level of difference before the hue, which is counted in steps of 2 degrees, may become
    # several behind it: few pixels have that.
    factors = (1.2, 0.7, 1.4, 0.05)
    results = set()
    for order in np.argsort(RNG.random((12, 4)), axis=1).tolist():
        draws = one(order=order, factors=factors)
        images, _ = augmented(SMOOTH[None], CLASSES[None], draws, device)
        off = difference(images[0], jittered(SMOOTH, factors, order))
        assert (off <= 1).mean() > 0.99
        assert off.max() <= 6
        results.add(images.tobytes())
    assert len(results) > 6


def test_grey_and_black_have_no_hue_to_turn():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :96, None], 3, axis=2)
    images = np.broadcast_to(greys, (*SIZE, 3)).copy()[None]
    turned, _ = augmented(images, CLASSES[None], one(factors=(1, 1, 1, 0.05)))
    np.testing.assert_array_equal(turned, images)


def test_strength_0_leaves_all_as_it_is():
    images = np.stack([NOISE, SMOOTH])
    classes = np.stack([CLASSES, CLASSES])
    new_images, new_classes = augmented(images, classes, draw(0.0, SIZE, 2, seed=1, epoch=1))
    np.testing.assert_array_equal(new_images, images)
    np.testing.assert_array_equal(new_classes, classes)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match=r"strength=.* is not in 0\.\.1"):
        draw(strength, SIZE, 1, seed=0, epoch=1)


def test_what_is_drawn_for_an_image_depends_on_seed_epoch_and_index_alone():
    few, many = draw(0.5, SIZE, 5, seed=3, epoch=2), draw(0.5, SIZE, 50, seed=3, epoch=2)[:5]
    for name in ("flip", "size", "place", "order", "factors"):
        assert torch.equal(getattr(few, name), getattr(many, name))
    assert not torch.equal(few.factors, draw(0.5, SIZE, 5, seed=3, epoch=3).factors)
    assert not torch.equal(few.factors, draw(0.5, SIZE, 5, seed=4, epoch=2).factors)


def test_an_image_becomes_the_same_in_whatever_batch_it_comes():
    images = RNG.integers(0, 256, (9, *SIZE, 3), np.uint8)
    classes = RNG.integers(0, 255, (9, *SIZE), np.uint8)
    draws = draw(1.0, SIZE, 9, seed=0, epoch=1)
    together, classes_together = augmented(images, classes, draws)
    for i in range(9):
        alone, classes_alone = augmented(images[i : i + 1], classes[i : i + 1], draws[i : i + 1])
        np.testing.assert_array_equal(alone[0], together[i])
        np.testing.assert_array_equal(classes_alone[0], classes_together[i])


@given(
    height=st.integers(2, 300),
    width=st.integers(2, 300),
    strength=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=50, deadline=None)
def test_a_smaller_image_is_placed_inside_and_a_larger_one_covers_all(
    height, width, strength, seed
):
    draws = draw(strength, (height, width), 40, seed, epoch=1)
    whole = np.array([height, width])
    free = torch.from_numpy(whole) - draws.size
    assert (draws.size.numpy() >= np.floor(whole * (1 - strength / 2) - 1e-9)).all()
    assert (draws.size.numpy() <= whole * (1 + strength / 2)).all()
    assert ((draws.place * free.sign() >= 0) & (draws.place.abs() <= free.abs())).all()
    assert (draws.place[free == 0] == 0).all()


def test_all_places_and_all_orders_are_drawn_alike():
    # At strength 1 of 8 pixels the sizes are 4..11; where 2 rows are free there are 3 places.
    draws = draw(1.0, (8, 8), 12_000, seed=0, epoch=1)
    for size, places in ((6, (0, 1, 2)), (11, (0, -1, -2, -3))):
        chosen = draws.place[:, 0][draws.size[:, 0] == size]
        assert chisquare([int((chosen == place).sum()) for place in places]).pvalue > 0.001
        assert set(chosen.tolist()) == set(places)
    orders = (draws.order * torch.tensor([64, 16, 4, 1])).sum(dim=1).unique(return_counts=True)[1]
    assert len(orders) == 24
    assert chisquare(orders.numpy()).pvalue > 0.001


def test_what_is_drawn_is_drawn_independently():
    draws = draw(1.0, (400, 400), 10_000, seed=0, epoch=1)
    free = (400 - draws.size).abs().clamp_min(1)
    changed = (draws.factors != torch.tensor(UNTOUCHED)).any(dim=1)
    drawn = torch.cat(
        [draws.flip[:, None], draws.size[:, :1], draws.place.abs() / free, draws.factors], dim=1
    )[changed].T
    apart = np.corrcoef(drawn.numpy()) - np.eye(len(drawn))
    assert np.abs(apart).max() < 0.05  # 4.5 deviations of what chance gives for 8,000


DRAWS = 2500
STRENGTH = 0.6


@cache
def samples() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What both do to one picture of one colour, whose classes number its columns, or its rows."""
    size = (32, 64)
    image = np.full((*size, 3), (180, 120, 60), np.uint8)
    columns = np.tile(np.arange(size[1], dtype=np.uint8), (size[0], 1))
    rows = np.repeat(np.arange(size[0], dtype=np.uint8)[:, None], size[1], axis=1)
    augment = make_augmentation(STRENGTH, size)
    single = [augment(image, columns, seed) for seed in range(DRAWS)]
    images, over_columns = map(np.stack, zip(*single, strict=True))
    over_rows = np.stack([augment(image, rows, seed)[1] for seed in range(DRAWS)])
    albumentations_gives = measured(images, over_columns, over_rows)
    draws = draw(STRENGTH, size, DRAWS, seed=7, epoch=1)

    def copies(array: np.ndarray) -> np.ndarray:
        return np.repeat(array[None], DRAWS, axis=0)

    images, over_columns = augmented(copies(image), copies(columns), draws)
    over_rows = augmented(copies(image), copies(rows), draws)[1]
    return albumentations_gives, measured(images, over_columns, over_rows)


def measured(
    images: np.ndarray, over_columns: np.ndarray, over_rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Measure each result by what can be seen of it."""
    inside = over_columns != VOID
    line = np.where(inside, over_columns.astype(int), -1).max(axis=1)  # (N, W), -1 is void
    column = np.where(inside, over_rows.astype(int), -1).max(axis=2)
    first, last = (line >= 0).argmax(axis=1), 63 - (line >= 0)[:, ::-1].argmax(axis=1)
    each = np.arange(len(line))
    begin, end = line[each, first], line[each, last]
    top = (column >= 0).argmax(axis=1)
    found = {
        "flip": begin > end,
        "void": 1 - inside.mean(axis=(1, 2)),
        "columns shown": last - first,
        "columns of the source shown": abs(end - begin),
        "left": first,
        "source at the left": begin,
        "top": top,
        "source at the top": column[each, top],
        "rows shown": (column >= 0).sum(axis=1),
        "colour changed": ((images != (180, 120, 60)).any(axis=3) & inside).any(axis=(1, 2)),
    }
    for name, channel in (("red", 0), ("green", 1), ("blue", 2)):
        colours = np.where(inside, images[..., channel], 0).sum(axis=(1, 2))
        found[name] = np.round(colours / inside.sum(axis=(1, 2)), 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("what", ["flip", "colour changed"])
def test_it_happens_as_often_as_with_albumentations(what):
    theirs, ours = (sample[what] for sample in samples())
    table = [[sample.sum(), len(sample) - sample.sum()] for sample in (theirs, ours)]
    assert chi2_contingency(table).pvalue > 0.001
    assert 0.3 < ours.mean() < 0.85


@pytest.mark.parametrize(
    "what",
    [
        "void",
        "columns shown",
        "columns of the source shown",
        "left",
        "source at the left",
        "top",
        "source at the top",
        "rows shown",
        "red",
        "green",
        "blue",
    ],
)
def test_it_has_the_distribution_that_albumentations_has(what):
    theirs, ours = (sample[what] for sample in samples())
    assert len(np.unique(ours)) > 6
    assert ks_2samp(theirs, ours).pvalue > 0.001
