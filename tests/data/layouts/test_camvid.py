"""CamVid in 32 colours."""

import numpy as np

from harness.trees import lay_out, opened, pairs_of, picture, save
from segexp.data.layout import layout_of
from segexp.data.sequences import places_of
from segexp.data.source import UNDIVIDED

PAIRS = {
    "train": {"CamVid/train/0016E5_00390.png": "CamVid/train_labels/0016E5_00390_L.png"},
    "val": {"CamVid/val/0016E5_07959.png": "CamVid/val_labels/0016E5_07959_L.png"},
    "test": {"CamVid/test/Seq05VD_f00030.png": "CamVid/test_labels/Seq05VD_f00030_L.png"},
}


def test_kaggles_folders_are_splits(tmp_path):
    for pairs in PAIRS.values():
        lay_out(tmp_path, pairs)
    (tmp_path / "CamVid" / "class_dict.csv").write_text("name,r,g,b\nAnimal,64,128,64\n")
    source = opened(tmp_path)
    assert source.format == "camvid"
    assert source.faults == ()
    assert pairs_of(source) == PAIRS
    assert [s.id for s in source.splits["test"]] == ["Seq05VD_f00030"]
    assert layout_of("camvid").taxonomy(tmp_path) == "camvid32"


def test_the_authors_folders_are_not_divided(tmp_path):
    names = ("0001TP_006690", "0006R0_f00930")
    for number, name in enumerate(names):
        save(tmp_path / "701_StillsRaw_full" / f"{name}.png", picture(number))
        color = np.full((6, 8, 3), (128, 0, 0), np.uint8)
        save(tmp_path / "LabeledApproved_full" / f"{name}_L.png", color)
    source = opened(tmp_path)
    assert source.format == "camvid"
    assert source.faults == ()
    assert [s.id for s in source.splits[UNDIVIDED]] == [*names]
    assert np.all(source.read_labels(source.splits[UNDIVIDED][0]) == 1)  # building


def test_frames_name_their_video():
    ids = ["0001TP_006690", "0006R0_f00930", "Seq05VD_f00030", "0001TP_006720"]
    assert places_of("sequence", ids, "camvid") == ["0001TP", "0006R0", "Seq05VD", "0001TP"]
