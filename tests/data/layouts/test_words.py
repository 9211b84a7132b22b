import pytest

from segexp.data.layouts._words import Meaning, meaning_of, says_mask, says_other, says_role


@pytest.mark.parametrize(
    ("name", "role", "split", "kind"),
    [
        ("train_labels", "mask", "train", "labels"),
        ("trainannot", "mask", "train", "annot"),
        ("imagesTr", "image", "train", "images"),
        ("SegmentationClass", "mask", None, "segmentationclass"),
        ("JPEGImages", "image", None, "jpegimages"),
        ("leftImg8bit", "image", None, "leftimg8bit"),
        ("label_images", "mask", None, "label_images"),
        ("valid", None, "val", ""),
        ("test2", None, "test", "2"),
        ("Instances", "other", None, "instances"),
    ],
)
def test_a_folders_name_says_what_lies_in_it(
    name: str, role: str | None, split: str | None, kind: str
) -> None:
    found = meaning_of(name)
    assert (found.role, found.split, found.kind) == (role, split, kind)


def test_the_word_of_the_split_is_kept_as_it_was_written() -> None:
    assert meaning_of("valid_masks") == Meaning("mask", "val", "valid", "masks")


@pytest.mark.parametrize("name", ["city_01", "trainval", "test_drive_3", "tr", "frankfurt"])
def test_what_is_no_role_and_no_single_split_says_nothing(name: str) -> None:
    found = meaning_of(name)
    assert (found.role, found.split, found.split_word) == (None, None, "")


def test_words_in_names_of_files_say_the_role() -> None:
    assert [says_role(w) for w in ("_leftImg8bit", "_sat", "_L", "_000019")] == [
        True,
        True,
        True,
        False,
    ]
    assert [says_mask(w) for w in ("_gtFine_labelIds", "_mask", "_sat")] == [True, True, False]
    assert [says_other(w) for w in ("_color", "_instanceIds", "_labelIds")] == [True, True, False]
