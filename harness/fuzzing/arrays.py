"""Hostile npy images and masks, and npz files of confusion matrices and predictions."""

import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from harness.fuzzing.mutations import damaged, pick
from harness.trees import CITYSCAPES, picture, save
from segexp.core.errors import InputError, WorkError
from segexp.data.check import check_source
from segexp.data.layout import SyntheticCounts, open_source
from segexp.evaluation.confusions import (
    Confusions,
    Predictions,
    load_confusions,
    load_predictions,
    save_confusions,
    save_predictions,
)
from segexp.evaluation.metrics import RULERS

COUNT = 4_000

SIZE = (8, 12)
_SIDES = (0, 1, 8, 12, -1, 65_535, 65_536, 8_000, 2**31, 2**62, 2**63, 2**64, 10**30, 10**400)
_TYPES = (
    *("|u1", "|i1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", ">i8", "<u8", "<f2", "<f4", ">f4"),
    *("<f8", ">f8", "<f16", "|b1", "<c8", "|O", "|S4", "<U9", "|V8", "<M8[s]", "", "<f3", "x"),
)
_NUMBERS = (
    *(0, 1, -1, 18, 19, 255, 256, 0.5, 1e-9, 254.999, 1e38, 1e300, -0.0, 2**31, 2**63),
    *(float("nan"), float("inf"), -float("inf")),
)


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Read one hostile file as the image or the mask of a data set, or as a trial's npz file."""
    role = pick(rng, ("image", "label", "image", "label", "confusions", "predictions"))
    if role in ("confusions", "predictions"):
        return _npz_case(rng, directory / f"{role}.npz", role)
    root = _data_set(directory / "data")
    (root / "train" / role / "0.npy").write_bytes(_npy(rng, role))
    source = open_source("cityscapes-npy", root, CITYSCAPES, SyntheticCounts())
    if check_source(source).faults:
        return "refused"
    sample = source.splits["train"][0]
    labels, image = source.read_labels(sample), source.read_image(sample)
    assert image.dtype == np.uint8
    assert image.shape == (*labels.shape, 3)
    assert set(np.unique(labels).tolist()) <= {*range(len(CITYSCAPES.labels)), 255}
    return "accepted"


def _data_set(root: Path) -> Path:
    for place, split in enumerate(("train", "val", "val")):
        save(root / split / "image" / f"{place}.npy", picture(place, SIZE) / 255.0)
        save(root / split / "label" / f"{place}.npy", np.full(SIZE, place))
    return root


def _npy(rng: np.random.Generator, role: str) -> bytes:
    """An npy file with a header that lies or values that do not fit; now and then a sound one."""
    array = _image(rng) if role == "image" else _mask(rng)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    data = file.getvalue()
    action = rng.integers(5)
    if action == 0:
        return damaged(rng, data)
    if action == 1:
        return _with_header(rng, array)
    if action == 2:
        return damaged(rng, _with_header(rng, array))
    return data


def _image(rng: np.random.Generator) -> Any:
    array: Any = rng.random((*SIZE, 3))
    action = rng.integers(9)
    if action == 0:
        array = array.astype(pick(rng, ("f2", "f4", "f8", ">f4", "f16")))
    elif action == 1:
        array = (array * pick(rng, (255, 1.001, 1.01, 2, 1e-3, 1e-9, -1))).astype("f4")
    elif action == 2:
        array = np.rint(array * pick(rng, (0.4, 1, 255))).astype(pick(rng, ("u1", "f4", "i8")))
    elif action == 3:
        array[tuple(rng.integers(0, side) for side in array.shape)] = pick(rng, _NUMBERS)
    elif action == 4:
        array = array.reshape(pick(rng, ((3, *SIZE), (12, 8, 3), (8, 36), (288,), (8, 3, 12))))
    elif action == 5:
        array = np.asfortranarray(array)
    elif action == 6:
        array = array[:, :0] if rng.random() < 0.3 else array + 1j
    elif action == 7:
        array = np.full(SIZE, {"a": 1}, object)
    return array


def _mask(rng: np.random.Generator) -> Any:
    array: Any = rng.integers(-1, 19, SIZE)
    action = rng.integers(7)
    if action == 0:
        array = array.astype(pick(rng, ("i1", "i2", ">i4", "f2", "f4", "f8", "u1", "u8", "?")))
    elif action == 1:
        array = array.astype(pick(rng, ("f4", "f8", "f16")))
        with np.errstate(over="ignore"):
            array[tuple(rng.integers(0, SIZE))] = pick(rng, _NUMBERS)
    elif action == 2:
        array[tuple(rng.integers(0, SIZE))] = int(rng.integers(-(2**40), 2**40))
    elif action == 3:
        array = array.reshape(pick(rng, ((12, 8), (1, 8, 12), (96,), (8, 12, 1), (1,) * 30 + SIZE)))
    elif action == 4:
        array = np.asfortranarray(array)
    elif action == 5:
        array = np.zeros(SIZE, [("id", "i4"), ("b", "f8")])
    return array


def _with_header(rng: np.random.Generator, array: np.ndarray) -> bytes:
    """A header with one entry that is not the array's, of a version and length that may lie."""
    descr = f"'{array.dtype.str}'"
    shape = str(array.shape)
    order = "False"
    action = rng.integers(7)
    if action == 0:
        descr = f"'{pick(rng, _TYPES)}'"
    elif action == 1:
        sides = [int(pick(rng, _SIDES)) for _ in range(int(rng.integers(0, 5)))]
        shape = str(tuple(sides)) if max(sides, default=0) < 10**30 else f"({'9' * 5000},)"
    elif action == 2:
        shape = str((1,) * int(rng.integers(1, 200)) + array.shape)
    elif action == 3:
        order = pick(rng, ("True", "None", "1", "[]", "()"))
    elif action == 4:
        descr = pick(
            rng, ("[('a', '<f4')]", "('<f4', (3,))", "('|O', {})", "None", "-1", "'\\x00'")
        )
    elif action == 5:
        shape = pick(rng, ("(3,", "[3]", "3", "(3.0,)", "('a',)", "(True, 3)", "(" * 3000, "{}"))
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.1:
        text = pick(rng, ("", "{}", "__import__('os')", "{'descr': 1}" + text, text[:-1], text * 2))
    header = text.encode("latin-1").ljust(int(pick(rng, (0, 118, 12_000)))) + b"\n"
    version = pick(rng, (b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\1\1", b"\xff\xff"))
    length = len(header) if rng.random() < 0.7 else int(rng.integers(0, 2**16))
    size = struct.pack("<H" if version[:1] == b"\1" else "<I", length)
    body = array.tobytes() if array.dtype != object else bytes(8 * array.size)
    return b"\x93NUMPY" + version + size + header + body


def _npz_case(rng: np.random.Generator, path: Path, role: str) -> str:
    _write_sound(rng, path, role)
    action = rng.integers(4)
    if action == 0:
        path.write_bytes(damaged(rng, path.read_bytes()))
    elif action > 1:
        _rewrite(rng, path)
    try:
        if role == "predictions":
            found = load_predictions(path)
            for masks in zip(*found.by.values(), strict=True):
                assert len({mask.shape for mask in masks}) == 1
                assert {mask.dtype for mask in masks} == {np.dtype(np.uint8)}
            assert len(found.by["own"]) == len(found.image_ids)
        else:
            for confusions in load_confusions(path).values():
                own = confusions.by["own"]
                assert own.min() >= 0
                assert len(own) == len(confusions.image_ids)
                assert own.sum() >= 0
    except (InputError, WorkError):
        return "refused"
    return "accepted"


def _write_sound(rng: np.random.Generator, path: Path, role: str) -> None:
    ids = tuple(f"scene_{i}" for i in range(3))
    if role == "predictions":
        heights = (4, 4, 4) if rng.random() < 0.5 else (4, 7, 1)
        masks = [rng.integers(0, 5, (height, 6), np.uint8) for height in heights]
        save_predictions(path, Predictions(ids, dict.fromkeys(RULERS, masks)))
    else:
        own, common = rng.integers(0, 99, (3, 4, 5)), rng.integers(0, 99, (3, 2, 3))
        by = {"own": own, "common": common, "common_argmax": common}
        save_confusions(path, {"val": Confusions(ids, by)})


def _rewrite(rng: np.random.Generator, path: Path) -> None:
    """Put other members into the archive: wrong arrays, bombs, strangers, duplicates."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    place = int(rng.integers(len(members)))
    name, data = members[place]
    action = rng.integers(9)
    if action == 0:
        members[place] = (name, _npy(rng, pick(rng, ("image", "label"))))
    elif action == 1:
        members[place] = (name, damaged(rng, data))
    elif action == 2:
        members[place] = (name, _with_header(rng, rng.integers(-5, 99, (3, 4, 5))))
    elif action == 3:
        del members[place]
    elif action == 4:
        members.append(members[place])
    elif action == 5:
        stranger = pick(rng, ("../x.npy", "/etc/x.npy", "a\\b", "x.pkl", "val/more.npy", "é" * 300))
        members.append((stranger, rng.bytes(30)))
    elif action == 6:
        members[place] = (name, bytes(int(rng.integers(1, 40_000_000))))
    elif action == 7:
        file = io.BytesIO()
        wrong = rng.integers(-(2**62), 2**62, (3, 4, 5)).astype(pick(rng, ("i8", "u8", "f8", "O")))
        np.save(file, wrong, allow_pickle=True)
        members[place] = (name, file.getvalue())
    else:
        members = [(f"{i}/image_ids.npy", data) for i in range(int(rng.integers(1, 300)))]
    compression = pick(rng, (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of names that are there twice
        for member, content in members:
            archive.writestr(member, content)
    if rng.random() < 0.3:
        path.write_bytes(_lying_sizes(rng, path.read_bytes()))


def _lying_sizes(rng: np.random.Generator, data: bytes) -> bytes:
    """Change the sizes that the central directory states."""
    changed = bytearray(data)
    entry = data.rfind(b"PK\1\2")
    if entry >= 0:
        at = entry + int(pick(rng, (20, 24)))
        struct.pack_into("<I", changed, at, int(pick(rng, (0, 1, 2**20, 2**31, 2**32 - 1))))
    return bytes(changed)
