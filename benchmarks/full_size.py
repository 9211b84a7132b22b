"""Images at 1024x2048 in the cache, and crops of them, against decoding the files each time.

python benchmarks/full_size.py                        # 60 images, about three minutes
python benchmarks/full_size.py --images 2975          # as many as Cityscapes has: 47 GB of disk

Drawn scenes are written as PNG in the layout of Cityscapes. Then, each in a process of its own: the
cache is built (of all images, and of a third of them, for the memory); crops are read from it in
one thread, by the loader that training uses, from disk (the system is told to forget the files
first) and again from memory; and the bare way, one thread that decodes the files with OpenCV and
cuts the crop out. Bytes touched are those of the tiles; bytes read are what the process had fetched
from disk, by /proc/self/io. Memory is the process's own (RssAnon): pages of the cache's files are
the system's, who takes them back when it needs them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
from cache import FULL_SIZE, files_of, write_png
from one_trial import MAPPINGS
from study import machine

from segexp.data.augment import make_augmentation, make_finish, zoom_of
from segexp.data.batches import make_loader
from segexp.data.cache import Dataset, open_dataset
from segexp.data.crops import Crops
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.split import Split
from segexp.data.tiles import TILE, Size
from segexp.labels.taxonomy import load_taxonomy

CROPS = ((512, 1024), (256, 512))
STRENGTHS = (0.0, 0.3)
BATCH = 8
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=5, help="of crops of every image, in memory")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step is not None:
        print(json.dumps(STEPS[given.step](given.folder, given.epochs)))
        return
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
    with tempfile.TemporaryDirectory(prefix="segexp-") as name:
        folder = Path(name)
        for part, count in (("third", given.images // 3), ("all", given.images)):
            write_png(folder / part / "data", {"train": count, "val": 2}, taxonomy)
        time.sleep(3)  # younger files are hashed again each time
        third = measured("build", folder / "third", given.epochs)
        whole = measured("build", folder / "all", given.epochs)
        rows = measured("read", folder / "all", given.epochs)
        bare = measured("decode", folder / "all", given.epochs)
    print(f"{machine()}. {given.images} images of {FULL_SIZE[0]}x{FULL_SIZE[1]}.\n")
    print("| built | images/s | MiB on disk | more MiB of memory |\n|---|---|---|---|")
    for count, found in ((given.images // 3 + 2, third), (given.images + 2, whole)):
        print(
            f"| {count} images | {count / found['seconds']:.1f} | {found['disk'] / MIB:.0f} | "
            f"{found['peak'] / MIB:.0f} |"
        )
    print(
        "\n| crop | augmentation | decode and cut, images/s | segexp, from memory | ratio | "
        "from disk | ratio | KiB touched | KiB read | of the image and mask | more MiB |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for row in rows:
        decoded = bare[row["crop"]]
        print(
            f"| {row['crop']} | {row['strength']} | {decoded:.1f} | {row['warm']:.1f} | "
            f"{row['warm'] / decoded:.1f} | {row['cold']:.1f} | {row['cold'] / decoded:.1f} | "
            f"{row['touched'] / 1024:.0f} | {row['read'] / 1024:.0f} | "
            f"{row['read'] / (4 * FULL_SIZE[0] * FULL_SIZE[1]):.0%} | {row['peak'] / MIB:.0f} |"
        )


def measured(step: str, folder: Path, epochs: int) -> Any:
    """Run a step in a process of its own."""
    words = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(
        [*words, "--epochs", str(epochs)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def opened(folder: Path) -> Dataset:
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
    source = open_source("cityscapes", folder / "data", taxonomy, SyntheticCounts())
    return open_dataset(source, CROPS[0], folder / "cache", resize="none")


def build(folder: Path, epochs: int) -> dict[str, float]:
    with Peak() as peak:
        begun = time.perf_counter()
        opened(folder)
        seconds = time.perf_counter() - begun
    disk = sum(path.stat().st_size for path in (folder / "cache").rglob("*.npy"))
    return {"seconds": seconds, "disk": disk, "peak": peak.bytes}


def read(folder: Path, epochs: int) -> list[dict[str, Any]]:
    cv2.setNumThreads(1)
    rows = []
    for crop in CROPS:
        for strength in STRENGTHS:
            forget(folder)  # before they are mapped
            train = opened(folder).train
            before = fetched()
            with Peak() as peak:
                cold = images_per_second(train, crop, strength, 1)
            fetched_bytes = fetched() - before
            warm = images_per_second(train, crop, strength, epochs)
            rows.append(
                {
                    "crop": f"{crop[0]}x{crop[1]}",
                    "strength": strength,
                    "cold": cold,
                    "warm": warm,
                    "read": fetched_bytes / len(train),
                    "touched": touched(train, crop, strength),
                    "peak": peak.bytes,
                }
            )
            del train
    return rows


def decode(folder: Path, epochs: int) -> dict[str, float]:
    """Decode every file and cut a crop out; images/s by crop. The files are in memory."""
    cv2.setNumThreads(1)
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
    source = open_source("cityscapes", folder / "data", taxonomy, SyntheticCounts())
    pairs = files_of(source)
    rng = np.random.default_rng(0)
    found = {}
    for crop in CROPS:
        begun = time.perf_counter()
        for image, mask in pairs:
            pixels = cv2.imread(str(image), cv2.IMREAD_COLOR_RGB)
            labels = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
            assert pixels is not None
            assert labels is not None
            top, left = (
                int(rng.integers(full - side + 1))
                for full, side in zip(FULL_SIZE, crop, strict=True)
            )
            part = np.s_[top : top + crop[0], left : left + crop[1]]
            np.ascontiguousarray(pixels[part]), np.ascontiguousarray(labels[part])
        found[f"{crop[0]}x{crop[1]}"] = len(pairs) / (time.perf_counter() - begun)
    return found


STEPS: dict[str, Callable[[Path, int], Any]] = {"build": build, "read": read, "decode": decode}


def images_per_second(split: Split, crop: Size, strength: float, epochs: int) -> float:
    loader = make_loader(
        split,
        np.arange(256, dtype=np.uint8),
        batch_size=BATCH,
        shuffle=True,
        seed=0,
        augment=make_augmentation(strength, crop),
        crops=Crops(crop, zoom_of(strength, None)),
        finish=make_finish(strength),
    )
    begun = time.perf_counter()
    for epoch in range(1, epochs + 1):
        loader.set_epoch(epoch)
        for _ in loader:
            pass
    return epochs * len(split) / (time.perf_counter() - begun)


class Counting(np.ndarray):
    """Tiles that count how often one is read."""

    count = 0

    def __getitem__(self, key: Any) -> Any:
        Counting.count += 1
        return np.asarray(self)[key]


def touched(split: Split, crop: Size, strength: float) -> float:
    """Return the bytes of the tiles that a crop touches, on average."""
    counting = Split(
        split.name,
        split.ids,
        split.images.view(Counting),
        split.labels.view(Counting),
        split.counts,
        split.places,
    )
    Counting.count = 0
    images_per_second(counting, crop, strength, 1)
    return Counting.count / 2 * TILE[0] * TILE[1] * 4 / len(split)


def forget(folder: Path) -> None:
    """Ask the system to drop the arrays from its memory."""
    os.sync()
    for path in (folder / "cache").rglob("*.npy"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fetched() -> int:
    """Return how many bytes this process had fetched from disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


class Peak:
    """How much more memory of its own a process had within a `with` than before, every 10 ms."""

    def __enter__(self) -> "Peak":
        self.bytes, self._before = 0, own_memory()
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.bytes = max(self.bytes, own_memory() - self._before)


def own_memory() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    main()
