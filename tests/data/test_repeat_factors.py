import numpy as np
import pytest

from harness.trees import mapping
from segexp.data.batches import make_loader
from segexp.data.repeat_factors import drawn_items, repeat_factors
from segexp.data.split import Split

ROAD = 0


def split_of(*labels: tuple[int, ...]) -> Split:
    """Images of these labels each, and void."""
    masks = np.full((len(labels), 2, 2), 255, np.uint8)
    for mask, present in zip(masks, labels, strict=True):
        mask.flat[: len(present)] = present
    names = tuple(f"image{number}" for number in range(len(labels)))
    images = np.arange(len(labels), dtype=np.uint8).repeat(12).reshape(-1, 2, 2, 3)
    return Split("train", names, images, masks)


def test_the_factors_by_hand():
    """t = 1/2. Road is in 4 of 4 images, f = 1; the other in 1 of 4: sqrt(1/2 / 1/4) = sqrt 2."""
    split = split_of((ROAD,), (ROAD, 18), (ROAD,), (ROAD,))
    lookup = mapping("cityscapes19").lookup()
    expected = [1, 2**0.5, 1, 1]
    assert repeat_factors(split, lookup, 19, 0.5) == pytest.approx(expected)
    assert repeat_factors(split, lookup, 19, 0.25) == pytest.approx([1] * 4)
    assert repeat_factors(split, lookup, 19, 1.0) == pytest.approx([1, 2, 1, 1])


def test_classes_are_the_mappings_and_void_is_none():
    """A label that is rare does not count where its class is not, or where it is void."""
    fine, merged = mapping("cityscapes19"), mapping("merged10")
    labels = fine.taxonomy.names
    classes = merged.lookup()
    rare = next(n for n in range(len(labels)) if n != ROAD and classes[n] == classes[ROAD])
    void = next(n for n in range(len(labels)) if classes[n] == 255 and fine.lookup()[n] != 255)
    split = split_of((ROAD,), (rare,), (ROAD, void), (ROAD,))
    assert (repeat_factors(split, fine.lookup(), 19, 0.9)[1:3] > 1).all()
    assert (repeat_factors(split, merged.lookup(), 10, 0.9) == 1).all()


def test_an_image_without_a_class_is_shown_once():
    lookup = mapping("cityscapes19").lookup()
    assert repeat_factors(split_of((), (ROAD,)), lookup, 19, 1.0) == pytest.approx([1, 2**0.5])


def test_factors_of_one_are_the_order_without_them():
    expected = np.random.default_rng([5, 3]).permutation(7)
    assert drawn_items(np.ones(7), 5, 3).tolist() == expected.tolist()


def test_an_image_is_shown_in_proportion_to_its_factor():
    """Of three images, with 1, 2.5 and 1: on average 2.5 of 4.5 items show the second."""
    factors = np.array([1, 2.5, 1])
    epochs = [drawn_items(factors, 0, epoch) for epoch in range(1, 2001)]
    assert {len(items) for items in epochs} == {3}
    assert all(len(set(items.tolist())) == 3 for items in epochs)
    # 4 or 5 items of which 3 are shown: 3 * (2/4 + 3/5) / 2 of the second on average.
    shown = np.mean([(items % 3 == 1).sum() for items in epochs])
    assert shown == pytest.approx(1.65, abs=0.05)
    assert epochs[0].tolist() == drawn_items(factors, 0, 1).tolist()
    assert len({tuple(items) for items in epochs}) > 20


def test_copies_of_an_image_are_augmented_in_their_own_ways():
    seeds: list[int] = []

    def note(image, classes, seed):
        seeds.append(seed)
        return image, classes

    loader = make_loader(
        split_of((0,), (1,), (2,)),
        np.arange(256, dtype=np.uint8),
        batch_size=3,
        shuffle=True,
        seed=0,
        augment=note,
        factors=np.array([1.0, 1.0, 50.0]),
    )
    loader.set_epoch(1)
    ((images, classes),) = loader
    assert (images[:, 0, 0, 0] == classes[:, 0, 0]).all()
    assert len(set(seeds)) == 3
    assert (images[:, 0, 0, 0] == 2).sum() >= 2
