"""Near-duplicates between what is trained on, tuned on and held out, and how they are told."""

import numpy as np
import pytest

from harness.trees import SIZE, camvid_like, opened, picture, raw_mask, save
from segexp.data.cache import open_dataset
from segexp.data.check import check_source
from segexp.data.leaks import Leaks, Pair, describe_leaks, find_leaks
from segexp.data.near_duplicates import look_of

BIG = (48, 64)


def brighter(number):
    return np.clip(picture(number, BIG).astype(int) + 1, 0, 255).astype(np.uint8)


@pytest.fixture
def root(tmp_path):
    """Six pictures; one of test is one of train a grey level brighter, another one of val."""
    numbers = {"train": [0, 1, 2], "val": [10, 11], "test": [20, 21, 22]}
    for split, pictures in numbers.items():
        for n, number in enumerate(pictures):
            save(tmp_path / "data" / split / f"{split}_{n}.png", picture(number, BIG))
            save(tmp_path / "data" / f"{split}annot" / f"{split}_{n}.png", raw_mask(n, BIG))
    save(tmp_path / "data" / "test" / "test_0.png", brighter(2))
    save(tmp_path / "data" / "test" / "test_2.png", brighter(10))
    return tmp_path / "data"


def named(leaks):
    return [(pair.of, pair.image, pair.like, pair.other) for pair in leaks.pairs]


def test_a_grey_level_does_not_hide_a_picture_in_two_splits(root):
    report = check_source(opened(root))
    assert report.faults == ()
    assert named(report.leaks) == [
        ("held-out", "test_0", "train", "train_2"),
        ("held-out", "test_2", "val", "val_0"),
    ]
    assert describe_leaks(report.leaks) == [
        "1 of 3 held-out images has a near-duplicate in train: scores flatter (test_0 is like "
        "train_2)",
        "1 of 3 held-out images has a near-duplicate among the images that tuning sees: scores "
        "flatter (test_2 is like val_0)",
    ]


def test_the_cache_keeps_what_the_check_finds(root, tmp_path):
    first = open_dataset(opened(root), SIZE, tmp_path / "cache").report.leaks
    again = open_dataset(opened(root), SIZE, tmp_path / "cache").report.leaks
    assert first == again == check_source(opened(root)).leaks
    assert first.images == {"train": 3, "val": 2, "held-out": 3}


def test_where_val_is_halved_the_halves_are_compared(tmp_path):
    root = camvid_like(tmp_path, train=1)
    for name, pixels in (("d", picture(50, BIG)), ("a", brighter(50)), ("c", picture(51, BIG))):
        save(root / "val" / f"{name}.png", pixels)
        save(root / "valannot" / f"{name}.png", raw_mask(1, BIG))
    # By the SHA-256 of their ids d and c are for tuning, and a is held out.
    report = check_source(opened(root))
    assert named(report.leaks) == [("held-out", "a", "val", "d")]


def test_a_test_split_without_labels_is_compared_with_nothing(root):
    for n in range(3):
        save(root / "testannot" / f"test_{n}.png", np.full(BIG, 11, np.uint8))
    report = check_source(opened(root))
    assert report.void_test
    assert report.leaks.images == {"train": 3, "val": 1, "held-out": 1}
    assert report.leaks.pairs == ()


def test_pictures_of_one_part_are_not_compared_with_each_other():
    look = look_of(picture(0, BIG))
    other = look_of(picture(1, BIG))
    part = {"a": look, "b": look}
    assert find_leaks({"train": {"x": other}, "val": {}, "held-out": part}).pairs == ()


def test_the_first_pairs_are_named_and_the_rest_counted():
    pairs = [Pair("held-out", f"h{n // 2}", "train", f"t{n}", 0.1) for n in range(5)]
    (line,) = describe_leaks(Leaks({"train": 9, "val": 4, "held-out": 64}, tuple(pairs)))
    assert line == (
        "3 of 64 held-out images have a near-duplicate in train: scores flatter (h0 is like t0; "
        "h0 is like t1; h1 is like t2; 2 more pairs: `segexp data check --json`)"
    )
