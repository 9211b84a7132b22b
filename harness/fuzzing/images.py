"""Hostile PNG and JPEG files, as images, as masks, and as what `segexp predict` is given."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from harness.fuzzing.mutations import damaged, pick
from harness.trees import CAMVID, picture, png_chunk, raw_mask, save
from segexp.core.errors import InputError, WorkError
from segexp.data.check import check_source
from segexp.data.files.png import PNG_MAGIC
from segexp.data.layout import SyntheticCounts, open_source
from segexp.evaluation.image_files import find_images
from segexp.evaluation.predict import predict_masks
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing

COUNT = 6_000

SIZE = (8, 12)
_PREPROCESSING = Preprocessing((32, 32), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
_HUGE = (0, 1, 7, 255, 65_535, 65_536, 8_001, 2**31 - 1, 2**31, 2**32 - 1)

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_KINDS = [(0, b) for b in (1, 2, 4, 8, 16)] + [(2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)]
_KINDS += [(4, 8), (4, 16), (6, 8), (6, 16)]


class _Colors(nn.Module):
    """Logits from the colours alone."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Read one hostile file as an image, as a mask and as an input of `segexp predict`."""
    is_jpeg = rng.random() < 0.4
    data = _jpeg(rng) if is_jpeg else _png(rng)
    role = pick(rng, ("image", "mask", "predict"))
    suffix = pick(rng, (".png", ".jpg", ".jpeg")) if role != "mask" else ".png"
    if role == "predict":
        path = directory / f"x{suffix}"
        path.write_bytes(data)
        return _predicted(path)
    root = _data_set(directory / "data")
    annot = "annot" if role == "mask" else ""
    (root / f"train{annot}" / "0.png").unlink()
    (root / f"train{annot}" / f"0{suffix}").write_bytes(data)
    source = open_source("folder", root, CAMVID, SyntheticCounts())
    report = check_source(source)
    sample = source.splits["train"][0]
    if report.faults:
        return "refused"
    labels, image = source.read_labels(sample), source.read_image(sample)
    assert labels.shape == image.shape[:2]
    assert set(np.unique(labels).tolist()) <= {*range(len(CAMVID.labels)), 255}
    return "accepted"


def _predicted(path: Path) -> str:
    compute = Compute(torch.device("cpu"), bf16=False, channels_last=False)
    files = find_images([path])
    try:
        for found in predict_masks(_Colors(), _PREPROCESSING, compute, files):
            assert found.mask.shape == found.image.shape[:2]
            assert found.mask.max() < 3
    except (InputError, WorkError):
        return "refused"
    return "accepted"


def _data_set(root: Path) -> Path:
    for place, split in enumerate(("train", "val", "val")):
        save(root / split / f"{place}.png", picture(place, SIZE))
        save(root / f"{split}annot" / f"{place}.png", raw_mask(place, SIZE))
    return root


# PNG, chunk by chunk


def _png(rng: np.random.Generator) -> bytes:
    """A PNG of any kind, with chunks that are wrong in one way or more; now and then sound."""
    color_type, bits = pick(rng, _KINDS)
    height, width = (int(n) for n in rng.integers(1, 17, 2)) if rng.random() < 0.5 else SIZE
    interlace = int(rng.random() < 0.2)
    header = [width, height, bits, color_type, 0, 0, interlace]
    rows = _rows(rng, height, width, bits * _SAMPLES[color_type], bool(interlace))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header))]
    if color_type == 3:
        chunks.append((b"PLTE", rng.bytes(3 * int(rng.integers(1, 2**bits + 1)))))
    if rng.random() < 0.2:
        chunks.append((b"tRNS", rng.bytes(int(rng.integers(0, 8)))))
    chunks += _ancillary(rng)
    compressed = zlib.compress(rows, 1)
    cut = int(rng.integers(0, len(compressed) + 1))
    chunks += [(b"IDAT", part) for part in (compressed[:cut], compressed[cut:]) if part]
    chunks.append((b"IEND", b""))
    for _ in range(int(rng.integers(0, 3))):
        chunks = _changed_chunks(rng, chunks, header)
    data = PNG_MAGIC + b"".join(png_chunk(kind, body) for kind, body in chunks)
    return damaged(rng, data) if rng.random() < 0.4 else data


def _rows(
    rng: np.random.Generator, height: int, width: int, pixel_bits: int, is_interlaced: bool
) -> bytes:
    passes = [(0, 0, 1, 1)]
    if is_interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                  (1, 0, 2, 2), (0, 1, 1, 2)]  # fmt: skip
    smooth = rng.random() < 0.5  # small values: raw ids that a taxonomy may know
    rows = []
    for x, y, dx, dy in passes:
        columns = len(range(x, width, dx))
        length = (columns * pixel_bits + 7) // 8
        for _ in range(y, height, dy):
            if columns:
                body = rng.integers(0, 12 if smooth else 256, length, np.uint8).tobytes()
                filter_type = 0 if smooth else int(rng.integers(0, 6) % 5)
                rows.append(bytes([filter_type]) + body)
    return b"".join(rows)


def _ancillary(rng: np.random.Generator) -> list[tuple[bytes, bytes]]:
    if rng.random() < 0.6:
        return []
    bomb = zlib.compress(bytes(int(rng.integers(1, 30_000_000))), 1)
    return [
        pick(
            rng,
            [
                (b"zTXt", b"Comment\0\0" + bomb),
                (b"iTXt", b"Comment\0\1\0\0\0" + bomb),
                (b"iCCP", b"profile\0\0" + bomb),
                (b"tEXt", b"segexp class indices\0merged10"),
                (b"tEXt", rng.bytes(50)),
                (b"eXIf", _exif(rng)),
                (b"acTL", struct.pack(">II", int(rng.integers(0, 9)), 0)),
                (b"fcTL", rng.bytes(26)),
                (b"gAMA", rng.bytes(4)),
                (b"cHRM", rng.bytes(32)),
                (b"sBIT", rng.bytes(3)),
                (b"pHYs", rng.bytes(9)),
                (b"tIME", rng.bytes(7)),
                (b"QQQQ", b"critical, and unknown"),
                (b"\0\x1b[2", rng.bytes(4)),
            ],
        )
    ]


def _changed_chunks(
    rng: np.random.Generator, chunks: list[tuple[bytes, bytes]], header: list[int]
) -> list[tuple[bytes, bytes]]:
    changed = list(chunks)
    place = int(rng.integers(len(changed)))
    kind, body = changed[place]
    action = int(rng.integers(8))
    if action == 0:
        del changed[place]
    elif action == 1:
        changed.insert(int(rng.integers(len(changed) + 1)), changed[place])
    elif action == 2:
        other = int(rng.integers(len(changed)))
        changed[place], changed[other] = changed[other], changed[place]
    elif action == 3:
        changed[place] = (kind, damaged(rng, body))
    elif action == 4:
        changed[place] = (rng.bytes(4), body)
    elif action == 5:  # a header that lies
        lying = list(header)
        which = int(rng.integers(len(lying)))
        lying[which] = int(pick(rng, _HUGE)) if which < 2 else int(rng.integers(256))
        changed[0] = (b"IHDR", struct.pack(">IIBBBBB", *lying))
    elif action == 6:  # pixels that inflate to far more than the header says
        changed = [(k, b) for k, b in changed if k != b"IDAT"]
        bomb = zlib.compress(bytes(int(rng.integers(1, 30_000_000))), 1)
        changed.insert(max(1, len(changed) - 1), (b"IDAT", bomb))
    else:  # the megapixels that the header promises are really there
        side = int(pick(rng, (int(rng.integers(3_000, 5_000)), int(rng.integers(8_001, 9_000)))))
        changed = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))]
        length = side * (1 + (side + 7) // 8)
        changed += [(b"IDAT", zlib.compress(bytes(length), 1)), (b"IEND", b"")]
    return changed or [(b"IEND", b"")]


def _exif(rng: np.random.Generator) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(0, 11))
    exif[0x010E] = "x" * int(rng.integers(0, 50))
    data = exif.tobytes()
    return damaged(rng, data) if rng.random() < 0.4 else data


# JPEG, marker by marker


def _jpeg(rng: np.random.Generator) -> bytes:
    """A JPEG of any kind, with segments that are wrong in one way or more; now and then sound."""
    mode = pick(rng, ("L", "RGB", "RGB", "CMYK"))
    height, width = (int(n) for n in rng.integers(1, 40, 2)) if rng.random() < 0.5 else SIZE
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
    file = io.BytesIO()
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    options = {"exif": _exif(rng)} if rng.random() < 0.4 else {}
    image.save(file, "JPEG", progressive=bool(rng.random() < 0.4), quality=80, **options)
    segments = _segments(file.getvalue())
    for _ in range(int(rng.integers(0, 3))):
        segments = _changed_segments(rng, segments)
    data = b"".join(segments)
    return damaged(rng, data) if rng.random() < 0.4 else data


def _segments(data: bytes) -> list[bytes]:
    """Take a sound JPEG apart: SOI, each segment, scans with their pixel data, EOI."""
    starts = [0, 2]
    place = 2
    while data[place + 1] != 0xD9:
        marker = data[place + 1]
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
        if marker == 0xDA:
            while data[place] != 0xFF or data[place + 1] in (0, *range(0xD0, 0xD8)):
                place += 1
        starts.append(place)
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def _changed_segments(rng: np.random.Generator, segments: list[bytes]) -> list[bytes]:
    changed = list(segments)
    place = int(rng.integers(len(changed)))
    action = int(rng.integers(7))
    if action == 0:
        del changed[place]
    elif action == 1:
        repeats = int(pick(rng, (1, 2, 60, 300)))
        changed[place:place] = [changed[place]] * repeats
    elif action == 2:
        other = int(rng.integers(len(changed)))
        changed[place], changed[other] = changed[other], changed[place]
    elif action == 3:
        changed[place] = damaged(rng, changed[place])
    elif action == 4:  # a frame that lies about its size
        for i, segment in enumerate(changed):
            if segment[1:2] in (b"\xc0", b"\xc2"):
                lying = bytearray(segment)
                side = min(65_535, int(pick(rng, _HUGE)))
                struct.pack_into(">H", lying, 5 + 2 * int(rng.integers(2)), side)
                changed[i] = bytes(lying)
    elif action == 5:
        body = rng.bytes(int(rng.integers(0, 300)))
        marker = bytes([0xFF, int(rng.integers(0xC0, 0xFF))])
        changed.insert(place, marker + struct.pack(">H", 2 + len(body)) + body)
    else:  # pixel data that end early, with the end of the picture behind them
        changed[-2] = changed[-2][: max(4, len(changed[-2]) // 2)]
    return changed or [b"\xff\xd8\xff\xd9"]
