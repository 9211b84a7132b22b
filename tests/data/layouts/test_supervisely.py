"""Supervisely's exports with masks."""

import numpy as np
import pytest

from harness.trees import lay_out, opened, pairs_of, picture, save
from segexp.data.source import UNDIVIDED, SampleFault


@pytest.fixture
def project(tmp_path):
    names = [(ds, name) for ds in ("ds1", "ds2") for name in ("a", "b")]
    pairs = {f"{ds}/img/{name}.jpg": f"{ds}/masks_machine/{name}.png" for ds, name in names}
    lay_out(tmp_path, pairs)
    for ds, name in names:
        save(tmp_path / ds / "masks_human" / f"{name}.png", picture(3, (6, 16)))
        save(tmp_path / ds / "masks_instances" / name / "car.png", picture(4))
        (tmp_path / ds / "ann").mkdir(exist_ok=True)
        (tmp_path / ds / "ann" / f"{name}.jpg.json").write_text("{}")
    (tmp_path / "meta.json").write_text('{"classes": []}')
    return tmp_path, pairs


def test_machine_masks_are_read_and_others_are_left_out(project):
    root, pairs = project
    source = opened(root)
    assert source.format == "supervisely"
    assert source.faults == ()
    assert pairs_of(source) == {UNDIVIDED: pairs}
    assert [s.id for s in source.splits[UNDIVIDED]] == ["ds1_a", "ds1_b", "ds2_a", "ds2_b"]
    assert source.read_labels(source.splits[UNDIVIDED][0])[1].tolist() == [1] * 8


def test_three_channels_hold_one_id(project):
    root, _ = project
    save(root / "ds1/masks_machine/a.png", np.full((6, 8, 3), 2, np.uint8))
    save(root / "ds1/masks_machine/b.png", picture(1))
    source = opened(root)
    first, second, *_ = source.splits[UNDIVIDED]
    assert np.all(source.read_labels(first) == 2)
    with pytest.raises(SampleFault, match="pixels are not grey"):
        source.read_labels(second)
