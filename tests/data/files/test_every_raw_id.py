"""Every value that a mask can hold, one after the other: named by the taxonomy, or refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import (
    CAMVID,
    CITYSCAPES,
    camvid_like,
    npy_like,
    opened,
    raw_mask,
    save,
)
from segexp.data.check import check_source
from segexp.data.files.masks import read_labels
from segexp.data.source import SampleFault
from segexp.labels.taxonomy import Taxonomy

ENCODINGS = [
    pytest.param(CAMVID, "default", id="camvid"),
    pytest.param(CITYSCAPES, "default", id="trainIds"),
    pytest.param(CITYSCAPES, "labelIds", id="labelIds"),
]


def check_value(read, path: Path, value: int, taxonomy: Taxonomy, encoding: str, px: int) -> None:
    """Whether ``px`` pixels of a value are read as its label, or refused in the fault's words."""
    known = taxonomy.encodings[encoding]
    if value in known:
        assert (read(path, taxonomy, encoding)[1, :px] == known[value]).all()
        return
    with pytest.raises(SampleFault) as caught:
        read(path, taxonomy, encoding)
    assert str(caught.value).startswith(f"{path}: raw id {value} ({px} px) not in the taxonomy")


def base_mask(taxonomy: Taxonomy, encoding: str, dtype: str) -> np.ndarray:
    """A mask of known ids, with room for others in its second row."""
    ids = np.array([i for i in taxonomy.encodings[encoding] if 0 <= i < 128], dtype)
    return np.resize(ids, (3, 4))


@pytest.mark.parametrize(("taxonomy", "encoding"), ENCODINGS)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_every_8_bit_value_in_an_npy_mask(tmp_path, taxonomy, encoding, dtype):
    limits = np.iinfo(dtype)
    for value in range(limits.min, limits.max + 1):
        mask = base_mask(taxonomy, encoding, dtype)
        px = 1 + value % 4
        mask[1, :px] = value
        path = save(tmp_path / "m.npy", mask)
        check_value(read_labels, path, value, taxonomy, encoding, px)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["<i2", ">i2"])
def test_every_16_bit_value_in_an_npy_mask(tmp_path, dtype):
    # Twelve at a time, as many as a fault lists; only the file's numbers are written anew.
    known, path = CITYSCAPES.encodings["default"], tmp_path / "m.npy"
    mask = np.zeros((3, 12), dtype)
    header = save(path, mask).read_bytes()[: -mask.nbytes]
    starts = range(-(2**15), 2**15, 12) if dtype == "<i2" else range(-300, 300, 12)
    for start in starts:
        values = range(start, min(start + 12, 2**15))
        mask[1] = 0
        mask[1, : len(values)] = values
        path.write_bytes(header + mask.tobytes())
        strangers = ", ".join(f"{value} (1 px)" for value in values if value not in known)
        if not strangers:
            labels = read_labels(path, CITYSCAPES, "default")
            assert labels[1, : len(values)].tolist() == [known[value] for value in values]
            continue
        with pytest.raises(SampleFault, match=re.escape(f"m.npy: raw id {strangers} not in the")):
            read_labels(path, CITYSCAPES, "default")


@pytest.mark.parametrize(("taxonomy", "encoding"), ENCODINGS)
@pytest.mark.parametrize("mode", ["L", "P"])
def test_every_8_bit_value_in_a_png_mask(tmp_path, taxonomy, encoding, mode):
    for value in range(256):
        mask = base_mask(taxonomy, encoding, "uint8")
        px = 1 + value % 4
        mask[1, :px] = value
        image = Image.fromarray(mask, mode)
        if mode == "P":
            image.putpalette([255 - i // 3 for i in range(768)])
        image.save(tmp_path / "m.png")
        check_value(read_labels, tmp_path / "m.png", value, taxonomy, encoding, px)


def test_16_bit_values_in_a_png_mask(tmp_path):
    # Every value up to 600, around the ends of the types, and every 97th between.
    ends = [*range(2**15 - 3, 2**15 + 3), *range(2**16 - 300, 2**16)]
    for value in sorted({*range(600), *ends, *range(0, 2**16, 97)}):
        mask = base_mask(CITYSCAPES, "labelIds", "uint16")
        mask[1, :2] = value
        Image.fromarray(mask).save(tmp_path / "m.png")
        check_value(read_labels, tmp_path / "m.png", value, CITYSCAPES, "labelIds", 2)


def test_the_scan_refuses_what_no_taxonomy_names_before_anything_is_trained(tmp_path):
    camvid = camvid_like(tmp_path / "camvid", train=2, val=2)
    mask = raw_mask(0)
    mask[2, :5] = 200
    save(camvid / "valannot" / "val_1.png", mask)
    (fault,) = check_source(opened(camvid)).faults
    assert re.search(
        r"valannot/val_1\.png: raw id 200 \(5 px\) not in the taxonomy camvid11", fault
    )
    kaggle = npy_like(tmp_path / "kaggle", train=2, val=2)
    save(kaggle / "train" / "label" / "1.npy", np.full((6, 8), -7, np.int16))
    (fault,) = check_source(opened(kaggle, CITYSCAPES)).faults
    assert re.search(r"label/1\.npy: raw id -7 \(48 px\) not in the taxonomy cityscapes19", fault)
