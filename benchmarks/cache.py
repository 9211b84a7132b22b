"""Building segexp's cache of a data set against the least that does the same, in one run.

python benchmarks/cache.py                                  # a fifth of the npy Cityscapes
python benchmarks/cache.py --train 2975 --val 500           # all of it: 3.6 GB of files
python benchmarks/cache.py --layout png                     # the official tree, 1024x2048

npy: float64 images and int64 masks of 128x256, as on Kaggle, against (1) `np.load` of every file
and one write of as many bytes as the cache has, and (2) that with every image turned into 8 bits,
on all cores. png: against (2) a thread pool that decodes and resizes with OpenCV on all cores, and
one write. segexp hashes and checks every file besides. The files were just written: the system has
them in memory. Exit status 1 when the arrays differ.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from one_trial import MAPPINGS
from study import machine

from segexp.data.cache import open_dataset
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.resize import resize_labels
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy, load_taxonomy

SIZE = (128, 256)
FULL_SIZE = (1024, 2048)
DRAWN = 24

Pixels = NDArray[np.uint8]
Read = Callable[[Path, Path], tuple[Pixels, Pixels]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layout", choices=("npy", "png"), default="npy")
    parser.add_argument("--train", type=int)
    parser.add_argument("--val", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    train, val = (given.train or 595, given.val or 100)
    if given.layout == "png":
        train, val = (given.train or 30, given.val or 6)
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
    with tempfile.TemporaryDirectory(prefix="segexp-") as folder:
        root = Path(folder) / "data"
        write = write_npy if given.layout == "npy" else write_png
        write(root, {"train": train, "val": val}, taxonomy)
        name = "cityscapes-npy" if given.layout == "npy" else "cityscapes"
        source = open_source(name, root, taxonomy, SyntheticCounts())
        time.sleep(3)  # younger files are read again each time
        sides = sides_of(given.layout, source, Path(folder))
        times: dict[str, list[float]] = {side: [] for side in [*sides, BUILD, AGAIN]}
        for repeat in range(given.repeats):
            for side, run in sides.items():
                times[side].append(timed(run))
            cache = Path(folder) / f"cache-{repeat}"
            for side in (BUILD, AGAIN):
                times[side].append(timed(partial(open_dataset, source, SIZE, cache)))
        differences = differences_of(given.layout, source, Path(folder) / "cache-0")
    print(f"{machine()}. {train} + {val} samples, {given.layout}; medians of {given.repeats}.\n")
    print(
        "| what | seconds (smallest to largest) | samples/s | of segexp's time |\n|---|---|---|---|"
    )
    built = statistics.median(times[BUILD])
    for side, taken in times.items():
        median = statistics.median(taken)
        shown = f"{median:.2f} ({min(taken):.2f} to {max(taken):.2f})"
        print(f"| {side} | {shown} | {(train + val) / median:.0f} | {median / built:.2f} |")
    if differences:
        sys.exit(f"{differences} arrays differ from those of the bare decoder")


BUILD, AGAIN = "segexp builds the cache", "segexp opens it again"


def sides_of(layout: str, source: Source, folder: Path) -> dict[str, Callable[[], None]]:
    pairs = files_of(source)
    bytes_of_cache = len(pairs) * SIZE[0] * SIZE[1] * 4

    def load_and_write() -> None:
        for pair in pairs:
            for path in pair:
                np.load(path)
        write_synced(folder / "plain", [b"\0" * bytes_of_cache])

    def decode_on_all_cores() -> None:
        cv2.setNumThreads(1)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = pool.map(lambda pair: READ[layout](*pair), pairs)
            write_synced(folder / "plain", (part for sample in decoded for part in sample))

    sides = {"one decode on each core, one write": decode_on_all_cores}
    if layout == "npy":
        sides = {"`np.load` of every file, one write": load_and_write, **sides}
    return sides


def files_of(source: Source) -> list[tuple[Path, Path]]:
    return [
        (s.image, s.mask) for split in source.splits.values() for s in split if s.image and s.mask
    ]


def read_npy(image: Path, mask: Path) -> tuple[Pixels, Pixels]:
    pixels = np.rint(np.load(image).astype(np.float32) * 255).astype(np.uint8)
    return pixels, np.load(mask).astype(np.uint8)  # -1 is void, 255


def read_png(image: Path, mask: Path) -> tuple[Pixels, Pixels]:
    pixels = cv2.imread(str(image), cv2.IMREAD_COLOR_RGB)
    raw = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert raw is not None
    small = cv2.resize(pixels, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False), resize_labels(raw.astype(np.uint8, copy=False), SIZE)


READ: dict[str, Read] = {"npy": read_npy, "png": read_png}


def differences_of(layout: str, source: Source, cache: Path) -> int:
    """Count the images that the two sides decode to other arrays."""
    dataset = open_dataset(source, SIZE, cache)
    found = dict(zip(dataset.train.ids, dataset.train.images, strict=True))
    pairs = {s.id: s.files for s in source.splits["train"]}
    return sum(
        not np.array_equal(found[id_], READ[layout](files[0], files[1])[0])
        for id_, files in pairs.items()
    )


def write_npy(root: Path, counts: dict[str, int], taxonomy: Taxonomy) -> None:
    """Write samples in Kaggle's layout; drawn scenes, shifted so that no two are the same."""
    images, masks = scenes(SIZE, taxonomy)
    for split, count in counts.items():
        for part in ("image", "label"):
            (root / split / part).mkdir(parents=True)
        for n in range(count):
            image, mask = different(images, masks, n + 7919 * (split == "val"))
            np.save(root / split / "image" / f"{n}.npy", image / 255.0)
            raw = mask.astype(np.int64)
            raw[mask == 255] = -1
            np.save(root / split / "label" / f"{n}.npy", raw)


def write_png(root: Path, counts: dict[str, int], taxonomy: Taxonomy) -> None:
    """Write samples in the layout of the official Cityscapes, with train ids."""
    images, masks = scenes(FULL_SIZE, taxonomy, drawn=4)
    for split, count in counts.items():
        for n in range(count):
            image, mask = different(images, masks, n + 7919 * (split == "val"))
            stem = f"{split}stadt_{n:06d}_000019"
            for tree, kind, pixels in (
                ("leftImg8bit", "leftImg8bit", image[..., ::-1]),
                ("gtFine", "gtFine_labelTrainIds", mask),
            ):
                path = root / tree / split / f"{split}stadt" / f"{stem}_{kind}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), pixels)


def scenes(
    size: tuple[int, int], taxonomy: Taxonomy, drawn: int = DRAWN
) -> tuple[list[Pixels], list[Pixels]]:
    source = open_source("synthetic", None, taxonomy, SyntheticCounts(drawn, 1, 1, 0, size))
    samples = source.splits["train"]
    return [source.read_image(s) for s in samples], [source.read_labels(s) for s in samples]


def different(images: Sequence[Pixels], masks: Sequence[Pixels], n: int) -> tuple[Pixels, Pixels]:
    image = images[n % len(images)].copy()
    image[0, :4] = np.frombuffer(n.to_bytes(12, "little"), np.uint8).reshape(4, 3)
    image[1, 0] = 255
    return image, masks[n % len(masks)]


def write_synced(path: Path, parts: Iterable[Any]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
