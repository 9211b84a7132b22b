import pytest

from segexp.data.layouts._names import Affixes, Key, find_rules, frequent_affixes

CITY = [f"ulm_{n:06d}_000019" for n in range(6)]


def keys(names: list[str], place: tuple[str, ...] = ()) -> list[Key]:
    return [((None, place), name) for name in names]


def described(images: list[str], masks: list[str]) -> list[str]:
    return [rule.describe() for rule in find_rules(keys(images), keys(masks))]


def test_the_words_around_a_name_are_taken_off_and_something_must_be_left() -> None:
    mask = Affixes("gt_", "_labelIds")
    assert mask.core("gt_ulm_1_labelIds") == "ulm_1"
    assert mask.core("ulm_1_labelIds") is None
    assert mask.core("gt_labelIds") is None
    assert mask.describe("masks") == "masks gt_*_labelIds"


def test_the_same_names_need_no_words() -> None:
    (rule,) = find_rules(keys(CITY), keys(CITY))
    assert rule.is_plain
    assert len(rule.pairs) == 6


def test_the_words_of_cityscapes_are_found_from_the_listing() -> None:
    images = [f"{name}_leftImg8bit" for name in CITY]
    masks = [f"{name}_gtFine_labelIds" for name in CITY]
    assert described(images, masks)[0] == "images *_leftImg8bit with masks *_gtFine_labelIds"


def test_a_mask_of_each_image_is_found_among_other_drawings() -> None:
    masks = [f"{name}_{kind}" for name in CITY for kind in ("labelIds", "color", "instanceIds")]
    found = described(CITY, masks)
    assert sorted(found) == [
        f"images * with masks *_{kind}" for kind in ("color", "instanceIds", "labelIds")
    ]


def test_numbers_of_two_splits_are_not_joined_by_their_splits_names() -> None:
    images = [f"train_{n}" for n in range(6)]
    masks = [f"val_{n}" for n in range(6)]
    assert described(images, masks) == []


def test_files_of_two_places_are_not_joined() -> None:
    assert find_rules(keys(CITY, ("a",)), keys(CITY, ("b",))) == []
    assert find_rules([], keys(CITY)) == []


def test_words_with_digits_are_part_of_the_name_unless_they_are_known() -> None:
    after = {found.after for found in frequent_affixes([f"{n}_leftImg8bit" for n in "abcd"])}
    assert "_leftImg8bit" in after
    assert {a.after for a in frequent_affixes([f"{n}_v2" for n in "abcd"])} == {""}


@pytest.mark.parametrize(("count", "found"), [(2, {""}), (3, {"", "_x"})])
def test_in_few_files_only_known_words_count(count: int, found: set[str]) -> None:
    assert {a.after for a in frequent_affixes([f"{n}_x" for n in "abc"[:count]])} == found
    assert "_mask" in {a.after for a in frequent_affixes(["a_mask", "b_mask"])}
