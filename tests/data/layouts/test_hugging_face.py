"""Hugging Face's Parquet files, written by pyarrow as `datasets` writes them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from harness.trees import opened, picture, raw_mask
from segexp.core.data_config import MasksConfig
from segexp.core.errors import InputError
from segexp.data.check import check_source
from segexp.data.mask_rules import with_rules
from segexp.data.source import UNDIVIDED, SampleFault

PICTURES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def cell(pixels):
    if pixels is None:
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def write(path, numbers, columns=("pixel_values", "label"), has_masks=True):
    """Rows in groups of two; each picture has its number's mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    masks = [cell(raw_mask(n)) if has_masks else None for n in numbers]
    cells = [[cell(picture(n)) for n in numbers], masks, [json.dumps(n) for n in numbers]]
    table = pa.table(
        [pa.array(cells[0], PICTURES), pa.array(cells[1], PICTURES), pa.array(cells[2])],
        names=[*columns, "id"],
    )
    pq.write_table(table, path, row_group_size=2)


@pytest.fixture
def parquet(tmp_path):
    write(tmp_path / "data" / "train-00000-of-00002-f3a663f7140ee7fd.parquet", range(3))
    write(tmp_path / "data" / "train-00001-of-00002-74610e243c32d5d6.parquet", range(3, 8))
    write(tmp_path / "data" / "validation-00000-of-00001.parquet", range(8, 10))
    write(tmp_path / "data" / "test-00000-of-00001.parquet", range(20, 22), has_masks=False)
    return tmp_path


def test_each_row_is_an_image_with_its_own_mask(parquet):
    source = opened(parquet)
    assert source.format == "hugging-face"
    assert source.faults == ()
    assert list(source.splits) == ["train", "val"]
    assert len({s.id for s in source.splits["train"]}) == 8
    for number, sample in enumerate([*source.splits["train"], *source.splits["val"]]):
        assert np.array_equal(source.read_image(sample), picture(number))
        expected = raw_mask(number)
        expected[0, 0] = 255
        assert np.array_equal(source.read_labels(sample), expected)
    assert "test-00000-of-00001.parquet: no masks; it is left out" in source.notes[0]
    assert "images are the column 'pixel_values', masks 'label'" in source.notes[1]
    assert check_source(source).faults == ()
    assert check_source(with_rules(source, MasksConfig(nearest_color=9))).faults == ()


def test_folders_name_splits_too_and_other_columns_are_told_by_their_words(tmp_path):
    write(tmp_path / "default" / "train" / "0000.parquet", range(2), ("image", "annotation"))
    write(tmp_path / "default" / "validation" / "0000.parquet", range(2, 4), ("image", "mask"))
    assert list(opened(tmp_path).splits) == ["train", "val"]
    (tmp_path / "alone").mkdir()
    write(tmp_path / "alone" / "pets.parquet", range(4), ("image", "segmentation_mask"))
    assert list(opened(tmp_path / "alone").splits) == [UNDIVIDED]


def test_two_columns_of_masks_are_refused_with_their_names(parquet):
    write(parquet / "data" / "validation-00000-of-00001.parquet", range(2), ("mask", "label"))
    with pytest.raises(InputError, match="columns of pictures: mask, label; expected one called"):
        opened(parquet)


def test_a_damaged_file_and_a_damaged_cell_are_named(parquet):
    source = opened(parquet)
    sample = source.splits["val"][1]
    path = sample.image
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SampleFault, match=r"validation-00000-of-00001\.parquet: no Parquet file"):
        source.read_image(sample)
    broken = pa.array([{"bytes": b"nothing", "path": None}] * 2, PICTURES)
    pq.write_table(pa.table([broken, broken], names=["pixel_values", "label"]), path)
    with pytest.raises(SampleFault, match=r"validation-00000-of-00001\.parquet:1: not an image"):
        source.read_image(sample)


def test_pictures_that_are_paths_are_refused_with_what_to_do(parquet):
    path = parquet / "data" / "validation-00000-of-00001.parquet"
    cells = pa.array([{"bytes": None, "path": "a.png"}] * 2, PICTURES)
    pq.write_table(pa.table([cells, cells], names=["image", "label"]), path)
    source = opened(parquet)
    with pytest.raises(SampleFault, match=r"has the path 'a\.png' and no bytes; embed"):
        source.read_image(source.splits["val"][0])
