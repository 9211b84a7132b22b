"""Val in two: no city and no sequence on both sides, as equal as can be, the same in any order."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trees import (
    CITYSCAPES,
    SIZE,
    camvid_like,
    cityscapes_like,
    opened,
    picture,
    raw_mask,
    save,
)
from segexp.core.errors import InputError
from segexp.data.cache import open_dataset
from segexp.data.halves import divide


def cities(**images):
    return [f"{city}_{n:06d}_000019" for city, count in images.items() for n in range(count)]


def frames(**images):
    return [f"{video}_{n:05d}" for video, count in images.items() for n in range(count)]


def names(ids):
    return {id_.split("_")[0] for id_ in ids}


def test_the_three_cities_of_cityscapes_val_are_divided_267_to_233():
    halves = divide(cities(frankfurt=267, lindau=59, munster=174), "cityscapes")
    assert halves.by == "city"
    assert names(halves.tuning) == {"frankfurt"}
    assert names(halves.heldout) == {"lindau", "munster"}


def test_videos_of_a_folder_are_divided_whole():
    halves = divide(frames(v1=5, v2=3, v3=4), "folder")
    assert halves.by == "sequence"
    assert (names(halves.tuning), names(halves.heldout)) == ({"v2", "v3"}, {"v1"})


def test_one_city_is_divided_by_its_sequences():
    ids = [f"bonn_{s:06d}_{f:06d}" for s in range(3) for f in range(4)]
    halves = divide(ids, "cityscapes")
    assert halves.by == "sequence"
    assert (len(halves.tuning), len(halves.heldout)) == (8, 4)
    sides = [{id_[:11] for id_ in side} for side in (halves.tuning, halves.heldout)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("ids", "data_format"),
    [
        (frames(video1=6), "folder"),  # one video, as the val of CamVid
        (frames(img=3, pic=3), "folder"),  # a guess without a digit
        (["a", "b", "c", "d"], "folder"),
        (frames(v1=6, v2=6), "cityscapes-npy"),  # whose ids are numbers
    ],
)
def test_where_the_ids_name_no_two_videos_images_are_divided_by_their_hash(ids, data_format):
    halves = divide(ids, data_format)
    assert halves.by == "image"
    assert halves == divide(ids, data_format, "image")


def test_a_city_with_nearly_all_images_is_divided_by_sequence():
    ids = [f"bonn_{s:06d}_{f:06d}" for s in range(9) for f in range(4)] + cities(kiel=5)
    halves = divide(ids, "cityscapes")
    assert halves.by == "sequence"
    assert len(halves.tuning) == 21
    assert divide(ids, "cityscapes", "city").heldout == set(cities(kiel=5))


def test_videos_of_which_one_has_nearly_all_images_are_divided_by_image():
    assert divide(frames(v1=40, v2=2), "folder").by == "image"


def test_images_are_divided_by_the_rank_of_the_ids_sha256():
    # sha256: d 18ac..., c 2e7d..., b 3e23..., e 3f79..., a ca97...
    for ids in (["a", "b", "c", "d", "e"], ["e", "c", "a", "d", "b"]):
        halves = divide(ids, "folder")
        assert (halves.tuning, halves.heldout) == ({"b", "c", "d"}, {"a", "e"})
    assert divide(["a", "b", "c", "d"], "folder").tuning == {"c", "d"}


def test_of_equally_good_divisions_the_hashes_of_the_names_choose():
    # sha256: v1 3bfc..., v4 8e38..., v3 e0d2..., v2 fb04...
    halves = divide(frames(v1=2, v2=2, v3=2, v4=2), "folder")
    assert names(halves.tuning) == {"v1", "v4"}


@given(st.lists(st.integers(1, 9), min_size=2, max_size=7), st.randoms(use_true_random=False))
def test_no_video_is_on_both_sides_and_no_other_division_is_more_equal(sizes, random):
    ids = frames(**{f"v{n}": size for n, size in enumerate(sizes)})
    halves = divide(ids, "folder", "sequence") if len(ids) > len(sizes) else divide(ids, "folder")
    assert halves.tuning | halves.heldout == set(ids)
    assert not halves.tuning & halves.heldout
    if halves.by == "sequence":
        assert not names(halves.tuning) & names(halves.heldout)
        sums = [sum(part) for n in range(len(sizes)) for part in combinations(sizes, n)]
        most = max(s for s in sums if 2 * s <= len(ids))
        assert len(halves.heldout) == most
    shuffled = random.sample(ids, len(ids))
    assert divide(shuffled, "folder", halves.by) == halves


@pytest.mark.parametrize(
    ("rule", "ids", "data_format", "said"),
    [
        ("city", frames(v1=3, v2=3), "folder", "format folder name no city (the first is 'v1_000"),
        ("sequence", frames(v1=3), "folder", "all 3 images of val are of one sequence (v1)"),
        ("city", cities(bonn=3), "cityscapes", "all 3 images of val are of one city (bonn)"),
    ],
)
def test_a_rule_that_the_ids_cannot_follow_is_refused(rule, ids, data_format, said):
    with pytest.raises(InputError, match=r"^data\.heldout_by: ") as caught:
        divide(ids, data_format, rule)
    assert said in str(caught.value)


def two_videos(root):
    camvid_like(root, train=2)
    for n, name in enumerate(frames(v1=3, v2=3)):
        save(root / "val" / f"{name}.png", picture(50 + n))
        save(root / "valannot" / f"{name}.png", raw_mask(n))
    return root


def test_a_data_set_says_by_what_its_val_is_halved_and_has_a_cache_for_each_way(tmp_path):
    source = opened(two_videos(tmp_path / "data"))
    by_video = open_dataset(source, SIZE, tmp_path / "cache")
    by_image = open_dataset(source, SIZE, tmp_path / "cache", heldout_by="image")
    assert (by_video.heldout_by, by_image.heldout_by) == ("sequence", "image")
    assert names(by_video.val.ids).isdisjoint(names(by_video.heldout.ids))
    assert not names(by_image.val.ids).isdisjoint(names(by_image.heldout.ids))
    assert by_image.hash == by_video.hash
    again = open_dataset(source, SIZE, tmp_path / "cache")
    assert again.val.ids == by_video.val.ids
    for dataset in (by_video, by_image):
        for split in (dataset.val, dataset.heldout):
            for row, id_ in enumerate(split.ids):
                number = frames(v1=3, v2=3).index(id_)
                assert (split.image(row) == picture(50 + number)).all()


def test_with_a_test_split_val_is_not_halved(tmp_path):
    root = cityscapes_like(tmp_path / "data", train=1, val=4, test=2)
    dataset = open_dataset(opened(root, CITYSCAPES), SIZE, tmp_path / "cache")
    assert (len(dataset.val), dataset.heldout_by) == (4, None)
