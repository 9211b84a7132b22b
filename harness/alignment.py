"""How far masks lie off their images, wherever one of the two is resized.

A picture is dark before a step edge and bright behind it; its mask is 0 and 1. After a resize the
picture's edge lies where the area between its levels divides, and the mask's where its labels
change. For tests, and for benchmarks/mask_alignment.py.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from segexp.data.augment import make_augmentation, padded
from segexp.data.cache import open_dataset
from segexp.data.crops import Crops, read_crop
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.resize import resize_image, resize_labels, resized_size
from segexp.data.split import Split
from segexp.evaluation.evaluate import IDENTITY, evaluate
from segexp.evaluation.image_files import ImageFile
from segexp.evaluation.predict import predict_masks
from segexp.evaluation.rulers import make_ruler
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID, Label, Taxonomy
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

ROWS, COLUMNS = 0, 1
DARK, BRIGHT = 80, 160  # brightness and contrast of strength 1 leave both inside 0..255
MIDDLE = (DARK + BRIGHT) / 2 / 255
MARGIN = 4  # an edge that is nearer than this to the border, in pixels, is not measured

TAXONOMY = Taxonomy(
    "halves",
    (Label("dark", (0, 0, 0)), Label("bright", (255, 255, 255))),
    {"default": {0: 0, 1: 1, 255: VOID}},
    void_color=(255, 0, 0),
)
MAPPING = Mapping(
    "halves",
    TAXONOMY,
    tuple(MappedClass(label.name, label.color, (label.name,)) for label in TAXONOMY.labels),
)
CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)


def edge(size: Size, place: int, axis: int) -> tuple[Pixels, Pixels]:
    """Draw a picture (H, W, 3) and its mask (H, W) with an edge before row or column ``place``."""
    labels = np.zeros(size, np.uint8)
    (labels if axis == ROWS else labels.T)[place:] = 1
    shades = np.where(labels == 1, BRIGHT, DARK).astype(np.uint8)
    return np.repeat(shades[..., None], 3, axis=2), labels


def edges(size: Size, axis: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Draw an edge at every place that leaves a margin, so that every phase of a factor comes."""
    length = size[axis]
    for place in range(length // 4, 3 * length // 4):
        yield edge(size, place, axis)


def offset(image: Pixels, labels: Pixels, axis: int) -> float | None:
    """Measure how far the mask's edge lies behind the picture's, in pixels.

    None where the edge is not seen, or lies too near to the border.
    """
    inside = labels != VOID
    rows, columns = inside.any(axis=1), inside.any(axis=0)
    seen = np.ix_(rows, columns)
    across = 1 - axis
    shades = image[..., 0][seen].mean(axis=across)
    classes = labels[seen].mean(axis=across)
    first, last = shades[0], shades[-1]
    if classes[0] == classes[-1]:
        return None
    mask = float(((classes - classes[-1]) / (classes[0] - classes[-1])).sum())
    if not MARGIN <= mask <= len(classes) - MARGIN:
        return None
    return mask - float(((shades - last) / (first - last)).sum())


def mean_offset(pairs: Iterator[tuple[Pixels, Pixels]], axis: int) -> float:
    """Average the offsets of pictures and masks."""
    found = [x for image, labels in pairs if (x := offset(image, labels, axis)) is not None]
    assert len(found) >= 10
    return float(np.mean(found))


def augmented(size: Size, axis: int, strength: float = 1.0, seeds: int = 600) -> float:
    """Augment by albumentations."""
    augment = make_augmentation(strength, size)
    places = list(edges(size, axis))
    return mean_offset(
        (
            augment(*places[(7 * seed + 5 * turn) % len(places)], seed)
            for seed in range(seeds)
            for turn in range(6)
        ),
        axis,
    )


def cropped(size: Size, crop: Size, axis: int, seeds: int = 400) -> float:
    """Cut parts out of images, at every factor from a half to one and a half."""
    images, labels = (np.stack(each) for each in zip(*edges(size, axis), strict=True))
    split = Split("train", tuple(map(str, range(len(images)))), images, labels)
    crops = Crops(crop, zoom=0.5)
    return mean_offset(
        (
            read_crop(split, (7 * seed) % len(images), IDENTITY, crops, np.random.default_rng(seed))
            for seed in range(seeds)
        ),
        axis,
    )


def fitted_and_padded(own: Size, size: Size, axis: int) -> float:
    """Fit images into a size, and put them into a frame of it."""
    inner = resized_size("fit", own, size)
    return mean_offset(
        (
            padded(resize_image(image, inner), resize_labels(labels, inner), size)
            for image, labels in edges(own, axis)
        ),
        axis,
    )


def cached(own: Size, size: Size, axis: int, directory: Path) -> float:
    """Read PNG files of one size through the cache at another."""
    root = directory / "data"
    train = list(edges(own, axis))
    val = [edge(own, place, axis) for place in (1, 2)]  # a picture must not be in two splits
    for split, pairs in (("train", train), ("val", val)):
        for number, pair in enumerate(pairs):
            for folder, pixels in zip((split, f"{split}annot"), pair, strict=True):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / folder / f"{number:03d}.png")
    source = open_source("folder", root, TAXONOMY, SyntheticCounts())
    read = open_dataset(source, size, directory / "cache").train
    return mean_offset(((read.image(i), read.label(i)) for i in range(len(read))), axis)


def scored_at_full_size(own: Size, size: Size, axis: int) -> float:
    """Score a model of one size at the masks' own size: the decided edge against the mask's."""
    samples = [
        (
            torch.from_numpy(resize_image(image, size)).permute(2, 0, 1)[None],
            torch.from_numpy(labels)[None],
        )
        for image, labels in edges(own, axis)
    ]
    evaluation = evaluate(
        _ByBrightness(),
        samples,
        [str(number) for number in range(len(samples))],
        {"own": make_ruler(MAPPING, MAPPING)},
        preprocessing=_preprocessing(size),
        compute=CPU,
    )
    counted = evaluation.confusions["own"]  # (N, truth, prediction)
    differences = counted[:, 1, 0] - counted[:, 0, 1]  # decided dark too often, or too rarely
    return -float(differences.mean()) / own[1 - axis]


def predicted(own: Size, size: Size, axis: int, directory: Path) -> float:
    """Predict picture files: where the picture's own edge is, behind the decided one."""
    places = list(edges(own, axis))
    files = []
    for number, (image, _) in enumerate(places):
        files.append(ImageFile(directory / f"{number}.png", Path(str(number))))
        Image.fromarray(image).save(files[-1].path)
    made = predict_masks(_ByBrightness(), _preprocessing(size), CPU, files)
    return mean_offset(((image, p.mask) for (image, _), p in zip(places, made, strict=True)), axis)


class _ByBrightness(nn.Module):
    """Logits of dark and bright: how far a pixel is under or over the middle."""

    def forward(self, images: Tensor) -> Tensor:
        level = images[:, :1]
        return torch.cat([-level, level], dim=1)


def _preprocessing(size: Size) -> Preprocessing:
    return Preprocessing(size, (MIDDLE,) * 3, (0.25, 0.25, 0.25))
