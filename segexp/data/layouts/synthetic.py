"""The synthetic source: street scenes rendered from seeds, the data of a fresh machine."""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.source import SPLITS, Sample, Source
from segexp.labels.taxonomy import Taxonomy
from segexp.scenes import LABELS, Scene, generator_version, render_scene

SMALLEST_SIDE = 32


@dataclass(frozen=True)
class SyntheticCounts:
    """How many scenes to render, and how.

    Attributes:
        train: Scenes of the train split.
        val: Scenes of the val split.
        test: Scenes of the test split; 0 for none.
        seed: Another seed gives other scenes.
        size: Height and width that the scenes are rendered at.
    """

    train: int = 96
    val: int = 32
    test: int = 512
    seed: int = 0
    size: tuple[int, int] = (64, 128)


def scene_seed(seed: int, split: str, number: int) -> int:
    """Derive the seed of one scene; more scenes in a split leave the earlier ones as they are."""
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), number])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def open_synthetic(counts: SyntheticCounts, taxonomy: Taxonomy) -> Source:
    """List the scenes of a seed.

    Raises:
        InputError: When the taxonomy is not that of the scenes, or the counts make no data set.
    """
    faults = []
    if taxonomy.names != LABELS:
        faults.append(
            f"synthetic scenes are labelled with cityscapes19, not {taxonomy.name}: choose a "
            "mapping over cityscapes19"
        )
    if min(counts.train, counts.val) < 1 or counts.test < 0 or counts.seed < 0:
        faults.append(f"{counts}: train and val need a scene, and nothing may be negative")
    if min(counts.size) < SMALLEST_SIDE:
        faults.append(
            f"synthetic scenes of {counts.size[0]}x{counts.size[1]} pixels: at least "
            f"{SMALLEST_SIDE} a side"
        )
    if faults:
        raise InputError(faults)
    numbers = {"train": counts.train, "val": counts.val, "test": counts.test}
    splits = {
        split: tuple(
            Sample(f"{split}_{n:04d}", None, None, scene_seed(counts.seed, split, n))
            for n in range(count)
        )
        for split, count in numbers.items()
        if count
    }
    height, width = counts.size

    return Source(
        "synthetic",
        "synthetic",
        None,
        taxonomy,
        splits,
        (),
        read_image=partial(_read_image, height, width),
        read_labels=partial(_read_labels, height, width),
        reading=f"generator {generator_version(height)}, {height}x{width}",
    )


def _read_image(height: int, width: int, sample: Sample) -> NDArray[np.uint8]:
    return _render(sample.seed or 0, height, width).image


def _read_labels(height: int, width: int, sample: Sample) -> NDArray[np.uint8]:
    return _render(sample.seed or 0, height, width).labels


@lru_cache(maxsize=16)  # image and labels of a scene are asked for one after the other
def _render(seed: int, height: int, width: int) -> Scene:
    return render_scene(seed, height, width)
