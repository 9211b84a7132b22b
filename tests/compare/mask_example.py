"""Folders of masks as other tools write them: a truth, and what two models made of it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.project import ROOT
from segexp.compare.folder_truth import folder_truth
from segexp.compare.predictions import compare_masks, plan_masks
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping

PROJECT = ROOT
FINE, COARSE = find_mappings(PROJECT, ["cityscapes19", "merged10"])
VOID = 255

MAPPINGS = {"a": FINE, "b": COARSE}


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


def compared(
    folders: dict[str, Path], mappings: dict[str, Mapping] | None = None, cluster: str = "none"
) -> dict[str, Any]:
    arms = {name: path for name, path in folders.items() if name != "truth"}
    truth = folder_truth(folders["truth"], FINE.taxonomy, "folder")
    study = plan_masks("masks", arms, mappings or MAPPINGS, truth)
    return compare_masks(study, cluster, margin=0.01).result
