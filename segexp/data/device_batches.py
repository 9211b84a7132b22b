"""Batches of a split, made on the GPU where the split fits there, by the CPU elsewhere."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segexp.data.augment import make_augmentation
from segexp.data.augment_batch import augment_batch, draw, send
from segexp.data.batches import Batches, batch_count, epoch_order, make_loader
from segexp.data.cache import Split

LARGEST_SHARE = 1 / 8
"""Of a GPU's memory: train and val together leave three quarters of it to the model."""

BATCHES_AT_ONCE = 8
"""Augmented together: it takes some 200 kernels, however many images there are, and for so few as
one batch their launches would take longer than the work. More would need more memory."""


def make_batches(
    split: Split,
    lookup: NDArray[np.uint8],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    augmentation: float,
    device: torch.device,
    drop_last: bool = False,
) -> Batches:
    """Return a split's batches: made on a GPU from its own memory where the split fits there.

    The images come in the same order either way. Their augmentation has the same distribution,
    but not the same draws.

    Args:
        split: The images and label indices.
        lookup: ``Mapping.lookup()``.
        batch_size: Images in a batch.
        shuffle: Whether the order changes from epoch to epoch.
        seed: Of order and augmentation.
        augmentation: The strength, 0..1; see `segexp.data.augment.make_augmentation`.
        device: Where the model is.
        drop_last: As in `make_loader`.
    """
    if fits(split, device):
        return DeviceBatches(
            split,
            lookup,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            augmentation=augmentation,
            device=device,
            drop_last=drop_last,
        )
    image_size = (split.images.shape[1], split.images.shape[2])
    return make_loader(
        split,
        lookup,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        augment=make_augmentation(augmentation, image_size) if augmentation else None,
        drop_last=drop_last,
    )


def fits(split: Split, device: torch.device) -> bool:
    """Whether a split takes at most ``LARGEST_SHARE`` of a GPU's memory; False elsewhere.

    All of its memory counts, not what is free now: a training that is gone on with must get the
    same batches again.
    """
    if device.type != "cuda":
        return False
    memory = torch.cuda.get_device_properties(device).total_memory
    return split.images.nbytes + split.labels.nbytes <= LARGEST_SHARE * memory


class DeviceBatches:
    """Batches of a split that lies on the device whole, augmented there.

    An epoch's order and draws are copied to the device at its start; after that no batch makes the
    host wait for the device. What an image becomes depends on the seed, the epoch and its
    index alone. It runs on a CPU, too, where `make_loader` is faster.

    Args:
        split: The images and label indices.
        lookup: ``Mapping.lookup()``.
        batch_size: Images in a batch.
        shuffle: Whether the order changes from epoch to epoch.
        seed: Of order and augmentation.
        augmentation: The strength, 0..1.
        device: Where the split is put and the batches are made.
        drop_last: As in `make_loader`.
    """

    def __init__(
        self,
        split: Split,
        lookup: NDArray[np.uint8],
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        augmentation: float,
        device: torch.device,
        drop_last: bool = False,
    ) -> None:
        # Copies of the whole: torch takes no read-only memory map.
        self._images = torch.from_numpy(np.array(split.images)).to(device)
        self._classes = torch.from_numpy(lookup[split.labels]).to(device)
        self._batch_size = batch_size
        self._count = batch_count(len(split), batch_size, drop_last=drop_last)
        self._shuffle = shuffle
        self._seed = seed
        self._augmentation = augmentation
        self._device = device
        self._epoch = 0

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch: other epochs have another order and are augmented in other ways."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield uint8 images (N, 3, H, W), channels-last, and uint8 classes (N, H, W)."""
        order = torch.from_numpy(
            epoch_order(len(self._classes), self._seed, self._epoch, shuffle=self._shuffle)
        )
        order = order[: self._count * self._batch_size]
        on_device = send(order, self._device)
        draws = None
        if self._augmentation:
            height, width = self._classes.shape[1:]
            drawn = draw(
                self._augmentation, (height, width), len(self._classes), self._seed, self._epoch
            )
            draws = drawn[order].to(self._device)
        at_once = BATCHES_AT_ONCE * self._batch_size
        for begin in range(0, len(order), at_once):
            chosen = on_device[begin : begin + at_once]
            images = self._images.index_select(0, chosen).permute(0, 3, 1, 2)
            classes = self._classes.index_select(0, chosen)
            if draws is not None:
                images, classes = augment_batch(images, classes, draws[begin : begin + at_once])
            yield from zip(
                torch.split(images, self._batch_size),
                torch.split(classes, self._batch_size),
                strict=True,
            )
