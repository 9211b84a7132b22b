"""Raw ids counted in the masks as they are stored."""

from pathlib import Path

import numpy as np
from PIL import Image

from harness.trees import (
    CAMVID,
    CITYSCAPES,
    camvid_like,
    npy_like,
    opened,
    raw_mask,
    save,
    truncate,
)
from segexp.data.files.masks import look_at_mask
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.raw_ids import count_raw_ids


def counted(*masks: np.ndarray) -> dict[int, int]:
    ids, counts = np.unique(np.stack(masks), return_counts=True)
    return {int(raw_id): int(n) for raw_id, n in zip(ids, counts, strict=True)}


def test_ids_of_png_masks_are_counted_over_the_split(tmp_path: Path):
    source = opened(camvid_like(tmp_path / "data", train=3, val=2))
    assert count_raw_ids(source) == counted(raw_mask(0), raw_mask(1), raw_mask(2))
    assert count_raw_ids(source, "val") == counted(raw_mask(3), raw_mask(4))
    assert count_raw_ids(source, "test") == {}


def test_negative_ids_of_npy_masks_are_counted(tmp_path: Path):
    source = opened(npy_like(tmp_path / "data", train=2, val=1), CITYSCAPES)
    counts = count_raw_ids(source)
    assert counts[-1] == 2
    assert list(counts) == sorted(counts)
    assert sum(counts.values()) == 2 * 6 * 8


def test_ids_that_the_taxonomy_does_not_know_are_counted_too(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=1, val=1)
    save(root / "trainannot" / "train_0.png", np.full((6, 8), 77, np.uint8))
    assert count_raw_ids(opened(root)) == {77: 48}


def test_masks_that_cannot_be_read_are_left_out(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=2, val=1)
    truncate(root / "trainannot" / "train_0.png")
    assert count_raw_ids(opened(root)) == counted(raw_mask(1))


def test_colours_and_drawn_scenes_have_no_raw_ids(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=1, val=1)
    mask = root / "trainannot" / "train_0.png"
    save(mask, np.array(CAMVID.colors, np.uint8)[raw_mask(0) % 11])
    assert look_at_mask(mask).ids == {}
    assert count_raw_ids(opened(root)) == {}
    assert count_raw_ids(open_source("synthetic", None, CITYSCAPES, SyntheticCounts())) == {}


def test_palette_masks_are_counted_by_index(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=1, val=1)
    picture = Image.fromarray(raw_mask(0)).convert("P")
    picture.putdata(raw_mask(0).ravel().tolist())
    picture.save(root / "trainannot" / "train_0.png")
    assert count_raw_ids(opened(root)) == counted(raw_mask(0))


def test_progress_is_told_mask_by_mask(tmp_path: Path):
    told: list[tuple[int, int]] = []
    source = opened(camvid_like(tmp_path / "data", train=3, val=1))
    count_raw_ids(source, "train", lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
