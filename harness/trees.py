"""Tiny data sets in the folder layouts of the real ones, and the taxonomies that they use."""

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from harness.project import ROOT
from segexp.data.layout import SyntheticCounts, open_source, recognise_format
from segexp.data.source import Source
from segexp.labels.files import load_mapping
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import Taxonomy, load_taxonomy

MAPPINGS = ROOT / "mappings"
CAMVID = load_taxonomy(MAPPINGS / "taxonomies" / "camvid11.yaml")
CITYSCAPES = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
SIZE = (6, 8)


def mapping(name: str) -> Mapping:
    return load_mapping(MAPPINGS / f"{name}.yaml")


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture that no other number has."""
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def raw_mask(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Raw ids 0..9, shifted by the number, with a void corner (11, as in camvid11)."""
    height, width = size
    mask = ((np.arange(height * width).reshape(size) // width + number) % 10).astype(np.uint8)
    mask[0, 0] = 11
    return mask


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    return path


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk as it stands in a PNG file, with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def camvid_like(root: Path, **images: int) -> Path:
    """`<split>/` beside `<split>annot/`, with files named `<split>_<n>.png`."""
    number = 0
    for split, count in images.items():
        for n in range(count):
            save(root / split / f"{split}_{n}.png", picture(number))
            save(root / f"{split}annot" / f"{split}_{n}.png", raw_mask(number))
            number += 1
    return root


def npy_like(root: Path, **images: int) -> Path:
    """Kaggle's layout: float images in 0..1, labels with -1 void, and a `depth/` to ignore."""
    number = 0
    for split, count in images.items():
        for n in range(count):
            mask = raw_mask(number).astype(np.int64)
            mask[mask == 11] = -1
            save(root / split / "image" / f"{n}.npy", picture(number) / 255.0)
            save(root / split / "label" / f"{n}.npy", mask)
            save(root / split / "depth" / f"{n}.npy", np.zeros(SIZE))
            number += 1
    return root


def cityscapes_like(root: Path, kind: str = "labelIds", **images: int) -> Path:
    """The official tree, one city a split; raw ids 7 road, 26 car, 0 unlabeled (by label id)."""
    number = 0
    for split, count in images.items():
        for n in range(count):
            stem = f"{split}stadt_{n:06d}_000019"
            mask = np.zeros(SIZE, np.uint8) if kind == "labelIds" else np.full(SIZE, 255, np.uint8)
            mask[3:] = 7 if kind == "labelIds" else 0
            mask[4:, 2:5] = 26 if kind == "labelIds" else 13
            city = f"{split}stadt"
            image = root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png"
            save(image, picture(number))
            save(root / "gtFine" / split / city / f"{stem}_gtFine_{kind}.png", mask)
            number += 1
    return root


def opened(root: Path, taxonomy: Taxonomy = CAMVID) -> Source:
    return open_source(recognise_format(root), root, taxonomy, SyntheticCounts())


def lay_out(root: Path, pairs: dict[str, str]) -> Path:
    """Images and masks at paths below the root; an image whose mask is "" has none."""
    for number, (image, mask) in enumerate(pairs.items()):
        save(root / image, picture(number))
        if mask:
            save(root / mask, raw_mask(number))
    return root


def pairs_of(source: Source) -> dict[str, dict[str, str]]:
    """The path of each image's mask, by split and by the image's path below the root."""
    root = source.root
    return {
        split: {
            str(image.relative_to(root)): str(mask.relative_to(root))
            for image, mask in (sample.files for sample in samples)
        }
        for split, samples in source.splits.items()
        if root is not None
    }


def truncate(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def tree_digest(root: Path) -> str:
    """A digest of every name, content and modification time below a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(f"{path.relative_to(root)} {path.stat().st_mtime_ns}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
