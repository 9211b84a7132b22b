"""Hostile TIFF, BMP, GIF, WebP, JPEG and npz files, as masks under any rules and as images."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.fuzzing.mutations import damaged, pick
from harness.trees import CAMVID, SIZE, camvid_like
from segexp.core.data_config import MasksConfig
from segexp.data.check import check_source
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.mask_rules import with_rules

COUNT = 4_000

_RULES: tuple[dict[str, Any], ...] = (
    *({}, {}, {"void": [255, -1]}, {"ids": {255: 1, 20: "car"}}, {"divide": 256}),
    *({"nearest_color": 48}, {"nearest_color": 441}, {"channels": "bgr"}, {"channels": "grey"}),
    *({"channels": "rgb"}, {"channels": "rgb", "nearest_color": 200}, {"array": "mask"}),
)
_HUGE = (0, 1, 8, 255, 8_001, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
_TIFF_TAGS = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 338, 339)


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Read one hostile file as a mask or as an image."""
    role = pick(rng, ("mask", "mask", "image"))
    suffix = pick(rng, (".tif", ".bmp", ".gif", ".webp", ".npz", ".jpg"))
    data = _npz(rng) if suffix == ".npz" else _picture(rng, suffix)
    if suffix == ".tif" and rng.random() < 0.5:
        data = _with_other_tags(rng, data)
    elif suffix == ".bmp" and rng.random() < 0.5:
        data = _with_another_header(rng, data)
    if rng.random() < 0.4:
        data = damaged(rng, data)
    root = camvid_like(directory / "data", train=1, val=2)
    folder = root / ("trainannot" if role == "mask" else "train")
    (folder / "train_0.png").write_bytes(data)  # the content decides
    source = open_source("folder", root, CAMVID, SyntheticCounts())
    source = with_rules(source, MasksConfig.model_validate(pick(rng, _RULES)))
    if check_source(source).faults:
        return "refused"
    sample = source.splits["train"][0]
    labels, image = source.read_labels(sample), source.read_image(sample)
    assert labels.shape == image.shape[:2]
    assert set(np.unique(labels).tolist()) <= {*range(len(CAMVID.labels)), 255}
    return "accepted"


def _picture(rng: np.random.Generator, suffix: str) -> bytes:
    """A sound file of a mode that its kind has."""
    modes = {
        ".tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"),
        ".bmp": ("1", "L", "P", "RGB", "RGBA"),
        ".gif": ("1", "L", "P", "RGB"),
        ".webp": ("RGB", "RGBA"),
        ".jpg": ("L", "RGB", "CMYK"),
    }[suffix]
    pages = [_pixels(rng, pick(rng, modes)) for _ in range(1 if rng.random() < 0.9 else 3)]
    options: dict[str, object] = {}
    if suffix == ".tif":
        options["compression"] = pick(rng, ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"))
    if suffix == ".webp":
        options["lossless"] = bool(rng.random() < 0.7)
    if suffix in (".tif", ".gif", ".webp") and len(pages) > 1:
        others = [page.resize(pages[0].size) for page in pages[1:]]
        options |= {"save_all": True, "append_images": others}
    file = io.BytesIO()
    kind = {".tif": "TIFF", ".jpg": "JPEG"}.get(suffix, suffix[1:].upper())
    pages[0].save(file, kind, **options)
    return file.getvalue()


def _pixels(rng: np.random.Generator, mode: str) -> Image.Image:
    height, width = SIZE if rng.random() < 0.8 else (int(n) for n in rng.integers(1, 40, 2))
    few = rng.random() < 0.6  # ids that the taxonomy may know, or its colours
    values = rng.integers(0, 12 if few else 256, (height, width), np.uint8)
    if mode in ("I;16", "I", "F"):
        scale = pick(rng, (1, 256, 257))
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray((values.astype(np.int64) * scale).astype(dtype))
    if mode == "P":
        image = Image.fromarray(values, "P")
        image.putpalette(rng.bytes(3 * int(rng.integers(1, 257))))
        return image
    if few and mode in ("RGB", "RGBA"):
        colors = np.array([*CAMVID.colors, CAMVID.void_color], np.uint8)[values % 12]
        return Image.fromarray(colors).convert(mode)
    if few and mode in ("1", "L"):
        return Image.fromarray(values * np.uint8(rng.integers(1, 23))).convert(mode)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).convert(mode)


def _with_other_tags(rng: np.random.Generator, data: bytes) -> bytes:
    """Change numbers of the first directory of a TIFF (TIFF 6.0, section 2)."""
    changed = bytearray(data)
    (place,) = struct.unpack_from("<I", changed, 4)
    if place + 2 > len(changed):
        return data
    (count,) = struct.unpack_from("<H", changed, place)
    for _ in range(int(rng.integers(1, 4))):
        entry = place + 2 + 12 * int(rng.integers(max(1, count)))
        if entry + 12 > len(changed):
            break
        field = int(rng.integers(4))
        if field == 0:
            struct.pack_into("<H", changed, entry, pick(rng, _TIFF_TAGS))
        elif field == 1:
            struct.pack_into("<H", changed, entry + 2, int(rng.integers(0, 14)))
        elif field == 2:
            struct.pack_into("<I", changed, entry + 4, pick(rng, _HUGE))
        else:
            struct.pack_into("<I", changed, entry + 8, pick(rng, (*_HUGE, 2, 3, 4, 5, 7, 16, 32)))
    return bytes(changed)


def _with_another_header(rng: np.random.Generator, data: bytes) -> bytes:
    """Change numbers of the header of a BMP: size, bits, compression, colours."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 3))):
        place = pick(rng, (10, 14, 18, 22, 30, 34, 46))
        if place == 14:
            struct.pack_into("<H", changed, 28, pick(rng, (0, 1, 2, 4, 8, 16, 24, 32, 64)))
        else:
            struct.pack_into("<I", changed, place, pick(rng, (*_HUGE, 2, 3, 16)))
    return bytes(changed)


def _npz(rng: np.random.Generator) -> bytes:
    """A ZIP of arrays, of what is none, and of arrays that inflate to far more than they say."""
    file = io.BytesIO()
    method = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in ("mask.npy", "other.npy", "notes.txt")[: int(rng.integers(0, 4))]:
            array = io.BytesIO()
            dtype = pick(rng, (np.uint8, np.int64, np.float32))
            np.save(array, rng.integers(0, 14, SIZE).astype(dtype))
            content = array.getvalue()
            if rng.random() < 0.2:
                content = damaged(rng, content)
            if rng.random() < 0.05:
                content += bytes(50_000_000)
            archive.writestr(name, content)
    data = file.getvalue()
    if rng.random() < 0.1:  # an encrypted member, by its flag
        data = data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    return data
