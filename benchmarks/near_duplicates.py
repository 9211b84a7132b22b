"""Which near-duplicates `segexp data check` finds, and how many of them are false alarms.

python benchmarks/near_duplicates.py --camvid DIR   # copies found, false alarms, and the time

Copies: each picture against itself with one grey level of noise, re-encoded, moved by pixels,
halved. False alarms: all pairs of frames of CamVid's train split, which are a second apart and
more, and all pairs of 640 synthetic scenes. Time: as many pictures as Cityscapes has in train and
val, drawn as noise that is smoothed (decoding is not in it: `data check` does that anyway).
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.data.layouts.synthetic import scene_seed
from segexp.data.near_duplicates import (
    LIKENESS,
    LOOK,
    Looks,
    difference,
    find_pairs,
    look_of,
    make_looks,
)
from segexp.scenes import render_scene

Image = NDArray[np.uint8]
EDGE = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--camvid", type=Path, help="a folder with train/ of CamVid")
    parser.add_argument("--scenes", type=int, default=640)
    parser.add_argument("--copies", type=int, default=100, help="pictures that are copied")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    sets: dict[str, list[Image]] = {}
    if given.camvid:
        paths = sorted((given.camvid / "train").glob("*.png"))
        sets["CamVid, 240x180"] = [read(path) for path in paths]
    for height, width in ((64, 128), (128, 256)):
        scenes = (
            render_scene(scene_seed(0, "test", n), height, width).image for n in range(given.scenes)
        )
        sets[f"scenes, {width}x{height}"] = list(scenes)
    print(f"Copies found (in brackets the largest difference; {LIKENESS} is the limit):\n")
    print("| copy | " + " | ".join(sets) + " |\n|---" + "|---" * len(sets) + "|")
    for name, change in COPIES.items():
        cells = [found(evenly(images, given.copies), change) for images in sets.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("\nFalse alarms:\n")
    print("| pictures | pairs | called near-duplicates | smallest difference |\n|---|---|---|---|")
    for name, images in sets.items():
        looks = make_looks([str(n) for n in range(len(images))], [look_of(i) for i in images])
        alarms, least = alike(looks)
        print(f"| {name} | {len(images) * (len(images) - 1) // 2:,} | {alarms} | {least} |")
    print(f"\n{timed()}")


def read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.ascontiguousarray(image[:, :, ::-1], np.uint8)


def evenly(images: Sequence[Image], count: int) -> Sequence[Image]:
    return images[:: max(1, len(images) // count)][:count]


def found(images: Sequence[Image], change: Callable[[Image], tuple[Image, Image]]) -> str:
    differences, count = [], 0
    for image in images:
        looks = [make_looks([""], [look_of(np.ascontiguousarray(one))]) for one in change(image)]
        count += bool(find_pairs(looks[0], looks[1]))
        differences.append(difference(looks[0].fine[0], looks[1].fine[0]))
    return f"{count} of {len(images)} ({max(differences):.2f})"


def alike(looks: Looks) -> tuple[int, str]:
    """Return the pairs of different pictures that are called alike, and how near others come."""
    pairs = [pair for pair in find_pairs(looks, looks, limit=9.0) if pair[0] < pair[1]]
    alarms = sum(value <= LIKENESS for *_, value in pairs)
    return alarms, f"{min(value for *_, value in pairs):.3f}" if pairs else "none comes close"


def timed() -> str:
    rng = np.random.default_rng(0)
    looks = []
    for _ in range(2975 + 500):
        look = cv2.GaussianBlur(rng.normal(0, 1, LOOK), (0, 0), 2)
        looks.append((128 + 200 * look).clip(0, 255).astype(np.uint8))
    began = time.process_time()
    train = make_looks([str(n) for n in range(2975)], looks[:2975])
    val = make_looks([str(n) for n in range(500)], looks[2975:])
    prepared = time.process_time()
    find_pairs(val, train)
    end = time.process_time()
    image = rng.integers(0, 256, (1024, 2048, 3), np.uint8)
    for _ in range(10):
        look_of(image)
    of_one = (time.process_time() - end) / 10
    return (
        f"2,975 train and 500 val pictures, in seconds of one core: {prepared - began:.1f} to "
        f"prepare their looks, {end - prepared:.1f} to compare them; the look of 2048x1024 pixels "
        f"takes {of_one * 1e3:.1f} ms beside decoding them."
    )


def noise(image: Image) -> Image:
    by = np.random.default_rng(0).integers(-1, 2, image.shape)
    return np.clip(image.astype(int) + by, 0, 255).astype(np.uint8)


def jpeg(image: Image, quality: int) -> Image:
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def moved(image: Image, right: int, down: int) -> tuple[Image, Image]:
    """Two windows on one picture."""
    height, width = image.shape[0] - 2 * EDGE, image.shape[1] - 2 * EDGE
    there = image[EDGE + down : EDGE + down + height, EDGE + right : EDGE + right + width]
    return image[EDGE : EDGE + height, EDGE : EDGE + width], there


def halved(image: Image) -> Image:
    return np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


COPIES: dict[str, Callable[[Image], tuple[Image, Image]]] = {
    "-1, 0 or +1 grey level in each pixel": lambda i: (i, noise(i)),
    "JPEG, quality 90": lambda i: (i, jpeg(i, 90)),
    "JPEG, quality 50": lambda i: (i, jpeg(i, 50)),
    "JPEG, quality 20": lambda i: (i, jpeg(i, 20)),
    "moved by 1 pixel": lambda i: moved(i, 1, 0),
    "moved by 2 and 1": lambda i: moved(i, 2, 1),
    "moved by 3 and 2": lambda i: moved(i, 3, 2),
    "moved by 4 and 4": lambda i: moved(i, -4, 4),
    "moved by 3 and 3, JPEG, quality 50": lambda i: (
        (both := moved(i, 3, -3))[0],
        jpeg(np.ascontiguousarray(both[1]), 50),
    ),
    "at half the size": lambda i: (i, halved(i)),
}


if __name__ == "__main__":
    main()
