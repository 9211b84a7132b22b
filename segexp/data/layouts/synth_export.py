"""Synthetic scenes as files: the npy layout of Kaggle's Cityscapes, read by the real loader."""

import secrets
import shutil
from pathlib import Path

import numpy as np

from segexp.core.errors import InputError, WorkError
from segexp.data.layouts.synthetic import SyntheticCounts, open_synthetic
from segexp.data.source import Sample, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.labels.taxonomy import VOID, Taxonomy


def write_npy_layout(
    directory: Path,
    counts: SyntheticCounts,
    taxonomy: Taxonomy,
    progress: Progress | None = None,
) -> None:
    """Write ``{train,val,test}/{image,label}/<n>.npy``; the folder appears whole or not at all.

    Images are float32 (H, W, 3) in 0..1, labels int16 (H, W) with -1 for void, as on Kaggle.

    Args:
        directory: A folder that is empty or not there yet.
        counts: Which scenes.
        taxonomy: cityscapes19.
        progress: Called with how many scenes are written, and of how many.

    Raises:
        InputError: When the folder is not empty, or is no folder.
        WorkError: When it cannot be written.
    """
    source = open_synthetic(counts, taxonomy)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        what = "is not empty" if directory.is_dir() else "is not a folder"
        raise InputError(f"{directory}: {what}; name a new folder or an empty one")
    directory = directory.absolute()
    beside = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}")
    try:
        for split in source.splits:
            (beside / split / "image").mkdir(parents=True)
            (beside / split / "label").mkdir()
        scenes = [
            (split, number, sample)
            for split, samples in source.splits.items()
            for number, sample in enumerate(samples)
        ]
        map_in_threads(
            lambda scene: _write_scene(source, beside / scene[0], *scene[1:]), scenes, progress
        )
        beside.rename(directory)
    except OSError as error:
        raise WorkError(f"{directory}: cannot be written: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_scene(source: Source, split: Path, number: int, sample: Sample) -> None:
    labels = source.read_labels(sample)
    raw = np.where(labels == VOID, -1, labels.astype(np.int16)).astype(np.int16)
    image = source.read_image(sample).astype(np.float32) / np.float32(255)
    np.save(split / "image" / f"{number}.npy", image, allow_pickle=False)
    np.save(split / "label" / f"{number}.npy", raw, allow_pickle=False)
