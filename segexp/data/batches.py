"""A split as batches for torch, in an order that depends on the seed and the epoch alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from segexp.data.augment import padded
from segexp.data.crops import Crops, read_crop
from segexp.data.repeat_factors import drawn_items
from segexp.data.shard import WHOLE, Shard
from segexp.data.split import Split

Images = NDArray[np.uint8]
Augment = Callable[[Images, Images, int], tuple[Images, Images]]
"""``(image, classes, seed) -> (image, classes)``: the same seed gives the same result."""


_CROP = 1  # of the generators of an item: another stream than the augmentation's


class Batches(Protocol):
    """Batches of a split: uint8 images (N, 3, H, W) and class indices with VOID, uint8 (N, H, W).

    Normalisation is done on the batch, where the device is.
    """

    def __len__(self) -> int:
        """Return how many batches an epoch has."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of the chosen epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch: its order and its augmentation."""


class MappedImages(Dataset[tuple[Tensor, Tensor]]):
    """A split whose labels are mapped to class indices, and then augmented.

    The lookup comes first: an augmentation pads masks with 255, which must stay void also
    under a mapping whose classes list ``void``.

    Args:
        split: The images and label indices.
        lookup: ``Mapping.lookup()``, uint8 (256,).
        augment: Changes image and class indices together, from a seed; None for nothing.
        seed: Of the augmentation.
        crops: What is cut out of larger images, and the size to which smaller ones are padded
            after the augmentation; None where every image is shown as it is.
        finish: Augments a part that was cut out, in place of ``augment``.
    """

    def __init__(
        self,
        split: Split,
        lookup: NDArray[np.uint8],
        *,
        augment: Augment | None = None,
        seed: int = 0,
        crops: Crops | None = None,
        finish: Augment | None = None,
    ) -> None:
        self._split = split
        self._lookup = lookup
        self._augment = augment
        self._seed = seed
        self._crops = crops
        self._finish = finish
        # In shared memory: workers that outlive an epoch must see the next one's number.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self._split)

    @property
    def epoch(self) -> int:
        """The epoch whose augmentation `__getitem__` gives."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch: other epochs are augmented in other ways."""
        self._epoch.fill_(epoch)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        """Return the image, uint8 (3, H, W), and the class indices with VOID, uint8 (H, W).

        An item beyond the last is another copy of an image, augmented in another way.
        The result depends on the seed, the epoch and the item alone, not on the order in
        which items are asked for, nor on the worker. The image is a view whose memory is
        (H, W, 3), so that a batch of `collate` is channels-last without a copy.
        """
        augment, seed = self._augment, self._item_seed(item)
        index = item % len(self)
        if self._crops is not None and self._crops.cut(self._split.size(index)):
            rng = np.random.default_rng([seed, _CROP])
            image, classes = read_crop(self._split, index, self._lookup, self._crops, rng)
            augment = self._finish
        else:
            image = np.array(self._split.image(index))
            classes = self._lookup[self._split.label(index)]
        if augment is not None:
            image, classes = augment(image, classes, seed)
        if self._crops is not None:
            image, classes = padded(image, classes, self._crops.size)
        pixels = torch.from_numpy(np.ascontiguousarray(image))
        return pixels.permute(2, 0, 1), torch.from_numpy(np.ascontiguousarray(classes))

    def _item_seed(self, item: int) -> int:
        sequence = np.random.SeedSequence([self._seed, self.epoch, item])
        return int(sequence.generate_state(1)[0])


class SameSize(Sampler[list[int]]):
    """Batches of consecutive images of one size, in their own order; a shard has whole batches."""

    def __init__(self, split: Split, batch_size: int, shard: Shard = WHOLE) -> None:
        batches: list[list[int]] = []
        for index in range(len(split)):
            last = batches[-1] if batches else []
            if last and len(last) < batch_size and split.size(last[0]) == split.size(index):
                last.append(index)
            else:
                batches.append([index])
        self._batches = shard.of(batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)


class PartOfEach(Sampler[list[int]]):
    """A shard's part of each batch: all shards have as many batches."""

    def __init__(self, batches: BatchSampler, shard: Shard) -> None:
        self._batches = batches
        self._shard = shard

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return (list(self._shard.of(batch)) for batch in self._batches)


class EpochOrder(Sampler[int]):
    """The items of a data set, shuffled by (seed, epoch) alone."""

    def __init__(
        self, images: MappedImages, seed: int, factors: NDArray[np.float64] | None
    ) -> None:
        self._images = images
        self._seed = seed
        self._factors = np.ones(len(images)) if factors is None else factors

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[int]:
        return iter(drawn_items(self._factors, self._seed, self._images.epoch).tolist())


def make_loader(
    split: Split,
    lookup: NDArray[np.uint8],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    augment: Augment | None = None,
    drop_last: bool = False,
    num_workers: int = 0,
    crops: Crops | None = None,
    finish: Augment | None = None,
    factors: NDArray[np.float64] | None = None,
    shard: Shard = WHOLE,
) -> Batches:
    """Return a split's batches, with the images in channels-last memory.

    Args:
        split: The images and label indices.
        lookup: ``Mapping.lookup()``.
        batch_size: Images in a batch. Without shuffling, an image of another size than the one
            before begins a batch.
        shuffle: Whether the order changes from epoch to epoch; images of several sizes need
            ``crops`` then.
        seed: Of order and augmentation.
        augment: As in `MappedImages`.
        drop_last: Whether to leave out a last shuffled batch that is not full, unless it is the
            only one: a split smaller than a batch would otherwise give none.
        num_workers: Processes that load; 0 for none.
        crops: As in `MappedImages`.
        finish: Likewise.
        factors: How often each image is shown where batches are shuffled, from
            `segexp.data.repeat_factors`; None for once.
        shard: What this process sees: its part of each batch of the same order where batches are
            shuffled, else its part of the batches. A batch of fewer images than there are shards
            leaves some of them without one.
    """
    images = MappedImages(split, lookup, augment=augment, seed=seed, crops=crops, finish=finish)
    shuffled = EpochOrder(images, seed, factors)
    drops = drop_last and len(split) >= batch_size
    loader = DataLoader(
        images,
        batch_sampler=PartOfEach(BatchSampler(shuffled, batch_size, drops), shard)
        if shuffle
        else SameSize(split, batch_size, shard),
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        # A copy to a GPU waits for it unless it comes from pinned memory.
        pin_memory=torch.cuda.is_available(),
        collate_fn=collate,
        worker_init_fn=_one_thread,
    )
    return _LoaderBatches(images, loader)


class _LoaderBatches:
    """A loader, and the images whose epoch it can choose."""

    def __init__(self, images: MappedImages, loader: DataLoader[tuple[Tensor, Tensor]]) -> None:
        self._images = images
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._loader)

    def set_epoch(self, epoch: int) -> None:
        self._images.set_epoch(epoch)


def collate(items: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Stack items of `MappedImages` to uint8 (N, 3, H, W), channels-last, and uint8 (N, H, W)."""
    images = torch.stack([image.permute(1, 2, 0) for image, _ in items])
    return images.permute(0, 3, 1, 2), torch.stack([classes for _, classes in items])


def _one_thread(worker: int) -> None:
    # A worker forked while OpenCV's threads run would wait for them for ever.
    cv2.setNumThreads(0)
