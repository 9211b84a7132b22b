"""Street scenes rendered from seeds: data for a fresh machine, as such or written as files."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segexp.core.errors import InputError, WorkError
from segexp.core.leftovers import folder_beside
from segexp.data.layout import Layout, SyntheticCounts
from segexp.data.source import SPLITS, Sample, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.labels.taxonomy import VOID, Taxonomy
from segexp.scenes import LABELS, Scene, generator_version, render_scene

SMALLEST_SIDE = 32


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
        None,
        taxonomy,
        splits,
        (),
        read_image=partial(_read_image, height, width),
        read_labels=partial(_read_labels, height, width),
        reading=f"generator {generator_version(height)}, {height}x{width}",
    )


def write_npy_layout(
    directory: Path,
    counts: SyntheticCounts,
    taxonomy: Taxonomy,
    progress: Progress | None = None,
) -> None:
    """Write scenes as ``{train,val,test}/{image,label}/<n>.npy``: the layout cityscapes-npy.

    The folder appears whole or not at all.
    Images are float32 (H, W, 3) in 0..1, labels int16 (H, W) with -1 for void, as on Kaggle.

    Args:
        directory: A folder that is empty or not there yet.
        counts: Which scenes.
        taxonomy: cityscapes19.
        progress: Called with how many scenes are written, and of how many.

    Raises:
        InputError: When the folder is not empty, or is not a folder.
        WorkError: When it cannot be written.
    """
    _write_layout(directory, open_synthetic(counts, taxonomy), _write_npy, progress)


def write_png_layout(
    directory: Path,
    counts: SyntheticCounts,
    taxonomy: Taxonomy,
    progress: Progress | None = None,
) -> None:
    """Write scenes as ``{images,masks}/{train,val,test}/<n>.png``: the layout folder.

    The folder appears whole or not at all. Masks are 8-bit grey with the indices of the labels, 255
    for void; ``labels.txt`` has the labels' names. See `write_npy_layout` for the rest.
    """
    texts = {"labels.txt": "".join(f"{name}\n" for name in taxonomy.names)}
    _write_layout(directory, open_synthetic(counts, taxonomy), _write_png, progress, texts)


def _write_layout(
    directory: Path,
    source: Source,
    write: Callable[[Source, Path, str, int, Sample], None],
    progress: Progress | None,
    texts: Mapping[str, str] | None = None,
) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        what = "is not empty" if directory.is_dir() else "is not a folder"
        raise InputError(f"{directory}: {what}; name a new folder or an empty one")
    directory = directory.absolute()
    scenes = [
        (split, number, sample)
        for split, samples in source.splits.items()
        for number, sample in enumerate(samples)
    ]
    try:
        with folder_beside(directory) as beside:
            map_in_threads(lambda scene: write(source, beside, *scene), scenes, progress)
            for name, text in (texts or {}).items():
                (beside / name).write_text(text, encoding="utf-8")
            beside.rename(directory)
    except OSError as error:
        raise WorkError(f"{directory}: cannot be written: {error}") from None


def _read_image(height: int, width: int, sample: Sample) -> NDArray[np.uint8]:
    return _render(sample.seed or 0, height, width).image


def _read_labels(height: int, width: int, sample: Sample) -> NDArray[np.uint8]:
    return _render(sample.seed or 0, height, width).labels


@lru_cache(maxsize=16)  # image and labels of a scene are asked for one after the other
def _render(seed: int, height: int, width: int) -> Scene:
    return render_scene(seed, height, width)


def _write_npy(source: Source, root: Path, split: str, number: int, sample: Sample) -> None:
    labels = source.read_labels(sample)
    raw = np.where(labels == VOID, -1, labels.astype(np.int16)).astype(np.int16)
    image = source.read_image(sample).astype(np.float32) / np.float32(255)
    for kind, pixels in (("image", image), ("label", raw)):
        path = root / split / kind / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, pixels, allow_pickle=False)


def _write_png(source: Source, root: Path, split: str, number: int, sample: Sample) -> None:
    pictures = {"images": source.read_image(sample), "masks": source.read_labels(sample)}
    for kind, pixels in pictures.items():
        path = root / kind / split / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


LAYOUT = Layout(draw=open_synthetic, taxonomy=lambda root: "cityscapes19")
