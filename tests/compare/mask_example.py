"""Folders of masks as other tools write them: a truth, and what two models made of it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.project import ROOT
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping

PROJECT = ROOT
FINE, COARSE = find_mappings(PROJECT, ["cityscapes19", "merged10"])
VOID = 255


def write(path: Path, pixels: NDArray[np.integer]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def truths(count: int = 8, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Raw ids: sky, something in the middle, road, and a void border."""
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(count):
        raw = np.full((12, 16), 0, np.uint8)
        raw[:4], raw[4:7] = 10, rng.choice([2, 3, 8, 11, 13, 18])
        raw[9:, :6], raw[2:8, 10] = 1, 5
        raw[11:] = VOID
        found[f"scene {i}"] = raw
    return found


def predict(raw: NDArray[np.uint8], mapping: Mapping, share: float, seed: int) -> NDArray[np.uint8]:
    """Class indices that are wrong in a share of the pixels, also where the truth is void."""
    rng = np.random.default_rng(seed)
    classes = mapping.lookup()[raw]
    wrong = (rng.random(raw.shape) < share) | (classes == VOID)
    guessed = rng.integers(0, len(mapping.classes), raw.shape)
    return np.where(wrong, guessed, classes).astype(np.uint8)


def lay_out(root: Path, count: int = 8) -> dict[str, Path]:
    """Write ``truth``, ``a`` (cityscapes19, indices) and ``b`` (merged10, indices)."""
    for i, (name, raw) in enumerate(truths(count).items()):
        write(root / "truth" / f"{name}.png", raw)
        write(root / "a" / f"{name}.png", predict(raw, FINE, 0.3, i))
        write(root / "b" / f"{name}_mask.png", predict(raw, COARSE, 0.1, 100 + i))
    return {name: root / name for name in ("truth", "a", "b")}
