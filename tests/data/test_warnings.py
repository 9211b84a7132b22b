from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, picture, save
from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.leaks import NONE
from segexp.data.open import find_source, open_data
from segexp.data.warnings import (
    data_warnings,
    label_counts,
    refuse_data,
    source_warnings,
    warn_of_data,
)
from segexp.labels.files import find_mappings


@pytest.fixture
def config(project: Path, tmp_path: Path) -> Config:
    """Of a project whose data is a folder like CamVid's."""
    camvid_like(tmp_path / "data", train=2, val=2)
    overrides = {"data.root": str(tmp_path / "data"), "data.format": "folder"}
    return load_config(project / "config.yaml", overrides)


def silent(done: int, total: int) -> None:
    pass


def opened(project: Path, config: Config):
    mappings = find_mappings(project, ["camvid11"])
    return open_data(project, config, find_source(project, config, mappings), silent), mappings


def test_each_split_is_counted_as_training_sees_it(project: Path, config: Config) -> None:
    dataset, _ = opened(project, config)
    counts = label_counts(dataset)
    assert list(counts) == ["train", "val", "held-out"]
    height, width = next(iter(dataset.sizes))
    assert counts["train"].sum() == 2 * height * width
    assert counts["val"].sum() + counts["held-out"].sum() == 2 * height * width  # halves of val


def test_what_is_said_before_training_is_what_is_kept_beside_the_score(
    project: Path, config: Config
) -> None:
    dataset, mappings = opened(project, config)
    lines: list[str] = []
    found = warn_of_data(dataset, mappings, mappings, lines.append)
    assert found == data_warnings(dataset, mappings)
    assert lines == [f"warning: {line}" for line in found]
    kinds = [w.kind for w in source_warnings(dataset.source, mappings, label_counts(dataset))]
    assert len(kinds) <= len(found)


def test_images_of_two_splits_that_look_the_same_are_warned_of(
    project: Path, config: Config, tmp_path: Path
) -> None:
    almost = picture(0)
    almost[0, 0] ^= 1
    save(tmp_path / "data" / "val" / "val_0.png", almost)
    dataset, mappings = opened(project, config)
    assert any("val_0" in line for line in data_warnings(dataset, mappings))
    counts = label_counts(dataset)
    kinds = {w.kind for w in source_warnings(dataset.source, mappings, counts, NONE)}
    assert "near-duplicate" not in kinds


def test_data_of_one_class_is_refused_before_anything_is_trained(
    project: Path, config: Config, tmp_path: Path
) -> None:
    for mask in (tmp_path / "data").glob("*annot/*"):
        save(mask, np.zeros((6, 8), np.uint8))
    with pytest.raises(InputError, match="only"):
        refuse_data(project, config, ["camvid11"], silent)


def test_a_mapping_that_cannot_be_read_is_left_to_the_command(
    project: Path, config: Config
) -> None:
    refuse_data(project, config, ["nowhere"], silent)
