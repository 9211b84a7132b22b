"""Batches that are made where the model is, in the order that the loader has."""

import numpy as np
import pytest
import torch

from harness.trees import mapping
from segexp.data.batches import make_loader
from segexp.data.cache import Split
from segexp.data.device_batches import BATCHES_AT_ONCE, DeviceBatches, fits, make_batches

CPU = torch.device("cpu")
COUNT, SIZE = 37, (16, 24)
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, *SIZE, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 19, (COUNT, *SIZE), np.uint8)
LABELS[:, 0] = 255
SPLIT = Split("train", tuple(map(str, range(COUNT))), IMAGES, LABELS)
LOOKUP = mapping("merged10").lookup()
VALUES = {"batch_size": 2, "shuffle": True, "seed": 5}


def on(device=CPU, **changes):
    return DeviceBatches(
        SPLIT, LOOKUP, **(VALUES | {"augmentation": 0.7, "device": device} | changes)
    )


def taken(batches, epoch):
    batches.set_epoch(epoch)
    return [(images.cpu().clone(), classes.cpu().clone()) for images, classes in batches]


def same(one, two):
    return len(one) == len(two) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("batch_size", "drop_last"),
    [(2, False), (2, True), (4, True), (37, True), (64, True), (64, False)],
)
def test_the_batches_are_those_of_the_loader(shuffle, batch_size, drop_last):
    values = VALUES | {"shuffle": shuffle, "batch_size": batch_size, "drop_last": drop_last}
    loader = make_loader(SPLIT, LOOKUP, **values)
    batches = on(augmentation=0, **values)
    assert len(batches) == len(loader)
    for epoch in (1, 2, 7):
        expected, found = taken(loader, epoch), taken(batches, epoch)
        assert len(found) == len(batches)
        assert same(found, expected)


def test_a_batch_is_channels_last_and_augmented():
    plain, changed = taken(on(augmentation=0), 1), taken(on(), 1)
    for (images, classes), (new_images, new_classes) in zip(plain, changed, strict=True):
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert new_images.is_contiguous(memory_format=torch.channels_last)
        assert new_images.shape == images.shape
        assert new_classes.shape == classes.shape
        assert set(new_classes.unique().tolist()) <= {*range(10), 255}
    assert not same(plain, changed)


def test_an_image_becomes_the_same_whatever_the_size_and_the_order_of_batches():
    assert BATCHES_AT_ONCE * 2 < COUNT  # more than one is augmented at once, and not all
    small = torch.cat([images for images, _ in taken(on(), 3)])
    large = torch.cat([images for images, _ in taken(on(batch_size=16), 3)])
    assert torch.equal(small, large)
    in_order = torch.cat([images for images, _ in taken(on(shuffle=False), 3)])
    order = np.random.default_rng([5, 3]).permutation(COUNT)
    assert torch.equal(small, in_order[order])


def test_an_epoch_gives_the_same_whether_others_came_before_it():
    one = on()
    first = taken(one, 1)
    assert same(taken(one, 4), taken(on(), 4))
    assert same(taken(one, 1), first)
    assert not same(first, taken(one, 2))
    assert not same(first, taken(on(seed=6), 1))


def test_elsewhere_than_on_cuda_the_loader_makes_them():
    assert not fits(SPLIT, CPU)
    values = VALUES | {"augmentation": 0.0, "device": CPU}
    batches = make_batches(SPLIT, LOOKUP, **values)
    assert not isinstance(batches, DeviceBatches)
    assert same(taken(batches, 2), taken(make_loader(SPLIT, LOOKUP, **VALUES), 2))


def test_every_device_makes_the_batches_that_the_cpu_makes(device):
    # A GPU divides by a number by multiplying with its inverse: a grey level may come out one
    # lower, and the colour operations after the hue enlarge that in few pixels.
    for (images, classes), (others, other_classes) in zip(
        taken(on(device), 2), taken(on(), 2), strict=True
    ):
        assert torch.equal(classes, other_classes)
        off = (images.int() - others.int()).abs()
        assert off.max() <= 6
        assert (off <= 1).float().mean() > 0.99
    assert same(taken(on(device), 2), taken(on(device), 2))
    assert same(taken(on(device, augmentation=0), 2), taken(on(augmentation=0), 2))


@pytest.mark.cuda
def test_no_batch_waits_for_the_gpu():
    batches = on(torch.device("cuda"))
    taken(batches, 1)
    batches.set_epoch(2)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for images, classes in batches:
            assert images.is_cuda and classes.is_cuda
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.cuda
def test_a_gpu_makes_the_batches_of_a_split_that_fits_into_an_eighth_of_its_memory():
    cuda = torch.device("cuda")
    assert fits(SPLIT, cuda)
    batches = make_batches(SPLIT, LOOKUP, **VALUES, augmentation=0.7, device=cuda)
    assert isinstance(batches, DeviceBatches)
    memory = torch.cuda.get_device_properties(cuda).total_memory
    images = np.broadcast_to(np.zeros((), np.uint8), (memory // 8 // 48 + 1, 4, 4, 3))
    too_large = Split(
        "train", (), images, np.broadcast_to(np.zeros((), np.uint8), images.shape[:3])
    )
    assert not fits(too_large, cuda)
