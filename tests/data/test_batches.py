"""Batches whose content and order depend on the seed and the epoch alone."""

import numpy as np
import pytest
import torch

from harness.trees import mapping
from segexp.data.augment import FILL
from segexp.data.batches import MappedImages, make_loader
from segexp.data.crops import Crops
from segexp.data.shard import Shard
from segexp.data.split import Split
from segexp.data.tiles import Places

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 19, (7, 4, 6), np.uint8)
LABELS[:, 0] = 255
SPLIT = Split("train", tuple("abcdefg"), IMAGES, LABELS)
LOOKUP = mapping("cityscapes19").lookup()


def brighten(image, classes, seed):
    """An augmentation that shows its seed, and pads with 255 as albumentations does."""
    shift = np.random.default_rng(seed).integers(0, 256, dtype=np.uint8)
    padded = classes.copy()
    padded[:, 0] = 255
    return image + shift, padded


def batches(loader, epoch):
    loader.set_epoch(epoch)
    return [(images.clone(), classes.clone()) for images, classes in loader]


def same(one, two):
    return len(one) == len(two) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True)
    )


def loader(**changes):
    values = {"batch_size": 3, "shuffle": True, "seed": 5, "augment": brighten} | changes
    return make_loader(SPLIT, LOOKUP, **values)


def test_an_item_is_the_image_and_its_mapped_labels():
    lookup = mapping("merged10").lookup()
    image, classes = MappedImages(SPLIT, lookup)[2]
    assert image.dtype == classes.dtype == torch.uint8
    assert np.array_equal(image.numpy(), IMAGES[2].transpose(2, 0, 1))
    assert np.array_equal(classes.numpy(), lookup[LABELS[2]])


def test_a_batch_is_channels_last_and_in_order_when_not_shuffled():
    found = batches(loader(shuffle=False, augment=None), 1)
    images = torch.cat([images for images, _ in found])
    assert found[0][0].is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(images.numpy(), IMAGES.transpose(0, 3, 1, 2))
    assert np.array_equal(torch.cat([c for _, c in found]).numpy(), LABELS)


def test_padding_stays_void_under_a_mapping_whose_class_lists_void():
    lookup = mapping("merged10_background").lookup()
    assert lookup[255] != 255
    _, classes = MappedImages(SPLIT, lookup, augment=brighten)[0]
    assert (classes[:, 0] == 255).all()
    assert (classes[0, 1:] == lookup[255]).all()


def test_the_same_seed_and_epoch_give_the_same_batches():
    one, two = loader(), loader()
    batches(two, 9)
    assert same(batches(one, 3), batches(two, 3))


def test_another_epoch_or_seed_gives_others():
    one = loader()
    assert not same(batches(one, 1), batches(one, 2))
    assert not same(batches(one, 1), batches(loader(seed=6), 1))


def test_shuffling_changes_the_order_and_loses_no_image():
    shuffled = loader(augment=None)
    orders = []
    for epoch in (1, 2):
        images = torch.cat([images for images, _ in batches(shuffled, epoch)]).numpy()
        order = [
            int(np.flatnonzero((i.transpose(1, 2, 0) == IMAGES).all((1, 2, 3)))[0]) for i in images
        ]
        assert sorted(order) == list(range(7))
        orders.append(order)
    assert orders[0] != orders[1]


def test_the_augmentation_of_an_item_does_not_depend_on_when_it_is_asked_for():
    images = MappedImages(SPLIT, LOOKUP, augment=brighten, seed=5)
    images.set_epoch(4)
    backwards = [images[i][0] for i in reversed(range(7))][::-1]
    assert all(torch.equal(a, images[i][0]) for i, a in enumerate(backwards))


def test_workers_that_outlive_an_epoch_give_what_no_workers_give():
    alone, shared = loader(), loader(num_workers=2)
    for epoch in (1, 2, 5):
        assert same(batches(alone, epoch), batches(shared, epoch))


@pytest.mark.parametrize(("batch_size", "sizes"), [(3, [3, 3]), (7, [7]), (8, [7])])
def test_a_last_batch_is_dropped_unless_it_is_the_only_one(batch_size, sizes):
    found = batches(loader(batch_size=batch_size, drop_last=True), 1)
    assert [len(images) for images, _ in found] == sizes


def test_shards_share_out_each_shuffled_batch_in_its_order():
    shards = [batches(loader(batch_size=4, shard=Shard(place, 2)), 3) for place in (0, 1)]
    pairs = [*zip(*shards, strict=True)]
    assert [[len(images) for images, _ in pair] for pair in pairs] == [[2, 2], [1, 2]]
    joined = [(torch.cat([a, b]), torch.cat([c, d])) for (a, c), (b, d) in pairs]
    assert same(joined, batches(loader(batch_size=4), 3))


def test_shards_have_whole_batches_in_order_where_nothing_is_shuffled():
    in_order = {"shuffle": False, "augment": None, "batch_size": 2}
    shards = [batches(loader(**in_order, shard=Shard(place, 3)), 1) for place in range(3)]
    assert [[len(images) for images, _ in shard] for shard in shards] == [[2], [2], [2, 1]]
    assert same([batch for shard in shards for batch in shard], batches(loader(**in_order), 1))


def test_a_read_only_memory_map_is_copied_without_a_warning(tmp_path, recwarn):
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS)
    split = Split(
        "train",
        SPLIT.ids,
        np.load(tmp_path / "images.npy", mmap_mode="r"),
        np.load(tmp_path / "labels.npy", mmap_mode="r"),
    )
    image, _ = MappedImages(split, LOOKUP)[1]
    image += 1
    assert np.array_equal(split.image(1), IMAGES[1])
    assert not [w for w in recwarn.list if "writ" in str(w.message)]


PLACED = Split(
    "train",
    tuple("abcde"),
    IMAGES,
    LABELS,
    None,
    Places(np.arange(5), np.array([[4, 6], [4, 6], [3, 6], [4, 6], [4, 6]])),
)


def test_images_of_several_sizes_are_in_batches_of_one_size_in_their_order():
    val = make_loader(PLACED, LOOKUP, batch_size=2, shuffle=False, seed=0)
    found = [tuple(images.shape) for images, _ in val]
    assert found == [(2, 3, 4, 6), (1, 3, 3, 6), (2, 3, 4, 6)]
    assert len(val) == 3
    images = [image for batch, _ in val for image in batch.permute(0, 2, 3, 1).numpy()]
    assert all(np.array_equal(image, PLACED.image(i)) for i, image in enumerate(images))


def test_smaller_images_are_padded_with_void_and_larger_ones_cut_out_of():
    crops = Crops((4, 4))
    train = make_loader(PLACED, LOOKUP, batch_size=5, shuffle=True, seed=0, crops=crops)
    ((images, classes),) = batches(train, 1)
    assert images.shape == (5, 3, 4, 4)
    (short,) = [i for i in range(5) if (classes[i, 3] == 255).all()]
    assert (classes[short, 3] == 255).all()
    assert (images[short, :, 3] == torch.tensor(FILL)[:, None]).all()


def test_parts_depend_on_seed_epoch_and_index_alone():
    def parts(**changes):
        return loader(augment=None, crops=Crops((2, 3), zoom=0.5), **changes)

    first = batches(parts(), 1)
    assert same(first, batches(parts(), 1))
    assert same(first, batches(parts(num_workers=2), 1))
    assert not same(first, batches(parts(), 2))
    assert not same(first, batches(parts(seed=6), 1))


def test_what_is_cut_out_is_finished_in_place_of_being_augmented():
    cut = loader(augment=lambda *_: pytest.fail("augmented"), finish=brighten, crops=Crops((2, 3)))
    assert all((classes[:, :, 0] == 255).all() for _, classes in batches(cut, 1))
    plain = loader(augment=None, crops=Crops((2, 3)))
    assert not same(batches(cut, 1), batches(plain, 1))


def test_crops_of_the_whole_size_are_no_crops():
    whole = loader(crops=Crops((4, 6), zoom=0.5, max_share=0.1, rare=1.0), finish=None)
    assert same(batches(whole, 1), batches(loader(), 1))
