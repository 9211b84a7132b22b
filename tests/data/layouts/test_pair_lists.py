"""Lists that name a mask for each image."""

import pytest

from harness.trees import lay_out, opened, pairs_of
from segexp.data.layout import layout_of

PAIRS = {
    "train": {
        "JPEGImages/a.jpg": "Annotations/2.png",
        "JPEGImages/b.jpg": "Annotations/1.png",
    },
    "val": {"JPEGImages/c.jpg": "Annotations/a.png"},
}


@pytest.fixture
def listed(tmp_path):
    for pairs in PAIRS.values():
        lay_out(tmp_path, pairs)
    write(tmp_path, PAIRS)
    return tmp_path


def write(root, pairs, between=" ", suffix=".txt"):
    for split, of_split in pairs.items():
        lines = [f"{image}{between}{mask}\n" for image, mask in of_split.items()]
        (root / f"{split}{suffix}").write_text("".join(lines))


@pytest.mark.parametrize(("between", "suffix"), [(" ", ".txt"), ("\t", ".lst"), (",", ".csv")])
def test_the_pair_of_a_line_is_joined_whatever_the_names(listed, between, suffix):
    for path in listed.glob("*.txt"):
        path.unlink()
    write(listed, PAIRS, between, suffix)
    source = opened(listed)
    assert source.format == "pair-lists"
    assert source.faults == ()
    assert pairs_of(source) == PAIRS
    assert [s.id for s in source.splits["train"]] == ["a", "b"]
    assert layout_of("pair-lists").taxonomy(listed) is None


def test_a_missing_file_and_a_file_in_two_lists_are_faults(listed):
    write(listed, {"val": {"JPEGImages/a.jpg": "Annotations/a.png", "JPEGImages/d.jpg": "x.png"}})
    assert opened(listed).faults == (
        f"{listed}/val.txt: 'JPEGImages/d.jpg x.png': no file JPEGImages/d.jpg and no x.png",
        f"{listed}/val.txt: {listed}/JPEGImages/a.jpg is in {listed}/train.txt, too; keep it once",
    )


def test_a_line_without_a_mask_is_a_fault_but_for_test(listed):
    (listed / "val.txt").write_text("JPEGImages/c.jpg Annotations/a.png\nJPEGImages/a.jpg\n")
    (listed / "test.txt").write_text("JPEGImages/c.jpg\n")
    source = opened(listed)
    assert source.faults == (f"{listed}/val.txt: 1 line with an image and no mask; write both",)
    assert source.notes == (
        f"{listed}/test.txt: its images have no masks; the test split is left out",
    )
    assert list(source.splits) == ["train", "val"]


def test_paths_do_not_lead_out_of_the_data_set(listed):
    (listed.parent / "outside.png").touch()
    (listed / "val.txt").write_text("JPEGImages/c.jpg ../outside.png\n")
    assert "no file ../outside.png" in opened(listed).faults[-1]
