import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.project import ROOT
from harness.trees import camvid_like
from segexp.data import content_hash
from segexp.data.content_hash import MEMO_NAME, source_hash, stamp_of
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.source import SampleFault, Source
from segexp.labels.taxonomy import load_taxonomy

CAMVID = load_taxonomy(ROOT / "mappings" / "taxonomies" / "camvid11.yaml")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    camvid_like(tmp_path / "data", train=2, val=1)
    long_ago = 1_000_000_000
    for path in (tmp_path / "data").rglob("*.png"):
        os.utime(path, (long_ago, long_ago))
    return open_source("folder", tmp_path / "data", CAMVID, SyntheticCounts(0, 0, 0))


def digest(source: Source, cache: Path) -> str:
    cache.mkdir(exist_ok=True)
    return source_hash(source, cache)[0]


def test_the_place_does_not_matter_and_content_splits_and_reading_do(
    source: Source, tmp_path: Path
) -> None:
    first = digest(source, tmp_path / "cache")
    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    moved = open_source("folder", tmp_path / "moved", CAMVID, SyntheticCounts(0, 0, 0))
    assert digest(moved, tmp_path / "cache") == first
    assert digest(replace(source, reading="another"), tmp_path / "cache") != first
    swapped = {"train": source.splits["val"], "val": source.splits["train"]}
    assert digest(replace(source, splits=swapped), tmp_path / "cache") != first
    image = source.splits["train"][0].image
    assert image is not None
    image.write_bytes(image.read_bytes() + b"\0")
    assert digest(source, tmp_path / "cache") != first


def test_a_file_that_looks_untouched_is_not_read_again(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_hash, "SETTLED_S", -1.0)  # however young
    first = digest(source, tmp_path / "cache")
    read: list[Path] = []
    monkeypatch.setattr(content_hash, "_file_digest", read.append)
    assert digest(source, tmp_path / "cache") == first
    assert read == []


@pytest.mark.parametrize("memo", ["", "[]", '{"a": 1, "b": [1, 2, 3, 4]}'])
def test_an_invalid_memo_is_dropped(source: Source, tmp_path: Path, memo: str) -> None:
    first = digest(source, tmp_path / "cache")
    (tmp_path / "cache" / MEMO_NAME).write_text(memo)
    assert digest(source, tmp_path / "cache") == first


def test_a_young_file_is_not_remembered(source: Source, tmp_path: Path) -> None:
    """Its change time is now; it could change once more within a tick of the clock."""
    digest(source, tmp_path / "cache")
    memo = tmp_path / "cache" / MEMO_NAME
    assert not memo.exists() or json.loads(memo.read_text()) == {}


def test_only_files_have_a_stamp(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    assert stamp_of(tmp_path / "a")[0] == 3
    os.mkfifo(tmp_path / "pipe")
    for name, fault in (("pipe", "is not a file"), ("absent", "cannot be read")):
        with pytest.raises(SampleFault, match=fault):
            stamp_of(tmp_path / name)
