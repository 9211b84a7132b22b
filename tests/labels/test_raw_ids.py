"""Numeric mappings against counts of raw ids, beginning with the founding project's dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trees import CAMVID, CITYSCAPES
from segexp.labels.raw_ids import explaining_shift, id_ranges, raw_id_warnings, shifted_ids

LABELS = list(CITYSCAPES.names)
LABEL_NAMES = {-1: "void", 255: "void"} | dict(enumerate(LABELS))
COUNTS = {-1: 110} | {raw_id: 400 // (raw_id + 1) for raw_id in range(19)}

FOUNDING = {
    **{-1: 0, 0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 0, 7: 3, 8: 3, 9: 4, 10: 5, 11: 6},
    **{12: 7, 13: 7, 14: 8, 15: 9, 16: 9, 17: 9, 18: 10, 19: 0},
}
FOUNDING_CLASSES = [
    *("background", "road", "structure", "traffic_object", "vegetation", "terrain", "sky"),
    *("person", "car", "large_vehicle", "motorcycle"),
]
# What its author meant: each id one lower, -1 void.
MENDED = {-1: 0} | {raw_id - 1: class_id for raw_id, class_id in FOUNDING.items() if raw_id > 0}


def warn(
    class_of: dict[int, int],
    counts: dict[int, int],
    label_names: dict[int, str] | None = None,
    names: list[str] = FOUNDING_CLASSES,
) -> dict[str, str]:
    """The messages by kind, of which each comes once."""
    names_of_labels = LABEL_NAMES if label_names is None else label_names
    found = raw_id_warnings(class_of, names, counts, names_of_labels, {0})
    messages = {warning.kind: warning.message for warning in found}
    assert len(messages) == len(found)
    assert not any("\n" in message for message in messages.values())
    return messages


def test_the_founding_dictionary_is_warned_of_in_three_lines():
    messages = warn(FOUNDING, COUNTS)
    assert list(messages) == ["absent-id", "background-label", "shifted-ids"]
    assert messages["absent-id"].startswith("raw id 19 -> 'background' is listed but never occurs")
    assert "-1..18" in messages["absent-id"]
    total = sum(COUNTS.values())
    assert "raw id 0 (road)" in messages["background-label"]
    assert f"{400 / total:.2%}" in messages["background-label"]
    assert "'background'" in messages["background-label"]
    shifted = messages["shifted-ids"]
    assert "lowered by 1 (0 -> -1, ..., 19 -> 18)" in shifted
    assert "every listed id occurs" in shifted
    assert "0 (road) goes to 'road'" in shifted
    # road, vegetation, terrain, sky, person, car, motorcycle; now not one.
    assert "7 labels (0 now) go to the classes of their names" in shifted


def test_without_void_in_the_data_the_founding_dictionary_is_found_all_the_same():
    counts = {raw_id: pixels for raw_id, pixels in COUNTS.items() if raw_id >= 0}
    assert set(warn(FOUNDING, counts)) == {"absent-id", "background-label", "shifted-ids"}


def test_the_mended_dictionary_is_right():
    assert warn(MENDED, COUNTS) == {}
    assert warn({**MENDED, 255: 0}, COUNTS) == {}


def test_a_rare_label_that_is_missing_besides_does_not_hide_the_shift():
    counts = {raw_id: pixels for raw_id, pixels in COUNTS.items() if raw_id != 16}
    messages = warn(FOUNDING, counts)
    assert "16 (train) -> 'large_vehicle', 19 -> 'background'" in messages["absent-id"]
    assert "only 16 (train) does not occur" in messages["shifted-ids"]
    del counts[15]
    assert "only 15 (bus), 16 (train) do not occur" in warn(FOUNDING, counts)["shifted-ids"]


def test_a_missing_rare_label_alone_is_no_shift():
    for absent in (18, 16, 5):
        counts = {raw_id: pixels for raw_id, pixels in COUNTS.items() if raw_id != absent}
        assert set(warn(MENDED, counts)) == {"absent-id"}


def test_road_left_to_the_background_on_purpose_is_no_shift():
    messages = warn({**MENDED, 0: 0}, COUNTS)
    assert set(messages) == {"background-label"}
    assert "unless that is meant" in messages["background-label"]


def test_ids_that_are_too_low_are_to_be_raised():
    # The data writes 0 for unlabelled and 1 for road; the listing begins with road at 0.
    label_names = {0: "void"} | {i + 1: name for i, name in enumerate(LABELS)}
    counts = {raw_id + 1: pixels for raw_id, pixels in COUNTS.items()}
    messages = warn(MENDED, counts, label_names)
    assert set(messages) == {"unlisted-id", "void-in-class", "shifted-ids"}
    assert "19 (bicycle)" in messages["unlisted-id"]
    assert "0 (void) -> 'road'" in messages["void-in-class"]
    assert "raised by 1 (0 -> 1, ..., 18 -> 19)" in messages["shifted-ids"]


def test_void_in_a_class_shows_a_shift_where_every_id_occurs():
    # CamVid has 0 sky to 10 bicyclist and 11 unlabelled: listed from 1, all ids still occur.
    camvid = list(CAMVID.names)
    label_names = dict(enumerate([*camvid, "void"]))
    counts = dict.fromkeys(range(12), 10) | {1: 30}
    listing = {0: 0} | {raw_id: raw_id for raw_id in range(1, 12)}
    messages = warn(listing, counts, label_names, ["background", *camvid])
    assert set(messages) == {"void-in-class", "shifted-ids"}
    assert "11 (void) -> 'bicyclist'" in messages["void-in-class"]
    assert "11 labels (0 now)" in messages["shifted-ids"]


def test_ids_in_the_data_that_nobody_listed_are_counted():
    messages = warn({0: 1, 1: 0}, {0: 60, 1: 30, 2: 10}, {0: "road", 1: "sky", 2: "car"})
    assert list(messages) == ["unlisted-id"]
    assert "raw id 2 (car), 10.00% of the pixels" in messages["unlisted-id"]
    assert "0..1" in messages["unlisted-id"]


def test_without_label_names_a_shift_needs_the_most_frequent_id_outside_the_classes():
    numbers = [*range(1, 20)]
    listing = {0: 0, -1: 0} | {raw_id: raw_id for raw_id in numbers}
    from_zero = {raw_id: 400 // (raw_id + 1) for raw_id in range(19)}
    assert "shifted-ids" in warn(listing, from_zero, {}, ["void", *LABELS])
    # Here the data is numbered from 1 as listed, and merely has no bicycle.
    from_one = {0: 110} | {raw_id: 400 // raw_id for raw_id in range(1, 19)}
    assert set(warn(listing, from_one, {}, ["void", *LABELS])) == {"absent-id"}


def test_data_that_is_numbered_from_one_shows_a_taxonomy_that_begins_at_zero():
    # All but 0 are listed, road's 1 too: only 19, which is not, shows it.
    listing = {-1: 19, 255: 19} | {raw_id: raw_id for raw_id in range(19)}
    counts = {-1: 110} | {raw_id: 400 // raw_id for raw_id in range(1, 20)}
    found = raw_id_warnings(listing, LABELS, counts, {}, {19})
    messages = {warning.kind: warning.message for warning in found}
    assert list(messages) == ["absent-id", "unlisted-id", "shifted-ids"]
    assert "raised by 1 (0 -> 1, ..., 18 -> 19)" in messages["shifted-ids"]
    assert explaining_shift(listing, LABELS, counts, {}, {19}) == 1
    # A stray id beside all that are listed is no shift.
    assert explaining_shift(listing, LABELS, counts | {0: 9}, {}, {19}) is None


def test_a_shift_that_leaves_more_than_absent_ids_explains_nothing():
    # Lowered by one, all the void ids leave the class; but sky's 2 would be listed no more.
    label_names = {0: "road", 1: "car", 2: "sky", 3: "void", 4: "void", 5: "void"}
    listing = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 0}
    counts = dict.fromkeys(range(6), 10)
    assert explaining_shift(listing, ["background", "x", "y"], counts, label_names, {0}) is None


def test_a_shift_that_parts_a_label_from_its_namesake_explains_nothing():
    label_names = {0: "road", 1: "car", 2: "sky"}
    listing = {0: 0, 1: 1, 2: 2, 3: 2}
    counts = {0: 50, 1: 10, 2: 10}
    named = ["background", "car", "sky"]  # both labels in their own class, road left out
    assert explaining_shift(listing, named, counts, label_names, {0}) is None
    # With other names the same ids look shifted.
    others = ["background", "a", "b"]
    assert explaining_shift(listing, others, counts, label_names, {0}) == -1


def test_one_namesake_is_written_as_one():
    label_names = {0: "road", 1: "car", 2: "sky"}
    listing = {0: 0, 1: 1, 2: 2, 3: 2}
    messages = warn(listing, {0: 50, 1: 10, 2: 10}, label_names, ["background", "road", "x"])
    assert "1 label (0 now) goes to the class of its name;" in messages["shifted-ids"]


def test_negative_ids_and_255_stay_and_give_way():
    assert shifted_ids({-1: 0, 255: 1, 0: 2, 4: 3}, -1) == {-1: 2, 255: 1, 3: 3}
    assert shifted_ids({-1: 0, 255: 1, 254: 2}, 1) == {-1: 0, 255: 2}


def test_void_at_255_does_not_move_with_the_ids():
    listing = {255: 0} | {raw_id + 1: raw_id + 1 for raw_id in range(19)} | {0: 0}
    counts = {raw_id: n for raw_id, n in COUNTS.items() if raw_id >= 0} | {255: 110}
    messages = warn(listing, counts, None, ["background", *LABELS])
    assert "shifted-ids" in messages
    # The mended listing has 255 for void still; else the data's 255 would go to no class.
    assert explaining_shift(listing, ["background", *LABELS], counts, {}, {0}) == -1
    # Void at 255 alone, in a class: a shift would not take it out.
    listed = {raw_id: raw_id for raw_id in range(19)} | {255: 1}
    assert explaining_shift(listed, LABELS, counts, LABEL_NAMES, set()) is None


def test_the_step_is_added_to_the_shift_that_is_used():
    twice = {raw_id + 1: class_id for raw_id, class_id in FOUNDING.items() if raw_id >= 0}
    arguments = (FOUNDING_CLASSES, COUNTS, LABEL_NAMES, {0})
    assert explaining_shift(twice, *arguments, shift=-1) == -2
    assert explaining_shift(twice, *arguments, shift=-2) is None
    assert explaining_shift(twice, *arguments, shift=-3) == -2


def test_without_counts_there_is_nothing_to_say():
    assert warn(FOUNDING, {}) == {}
    assert warn(FOUNDING, {0: 0, 1: 0}) == {}
    assert explaining_shift(FOUNDING, FOUNDING_CLASSES, {0: 0}, LABEL_NAMES, {0}) is None


def test_classes_without_a_name_are_numbers_and_background_is_void():
    messages = warn({0: 0, 1: 7}, {2: 1}, {0: "road", 1: "sky", 2: "car"}, [])
    assert "0 (road) -> void, 1 (sky) -> class 7" in messages["absent-id"]


@given(st.sets(st.integers(0, 18), max_size=18), st.booleans())
def test_a_right_numbering_is_never_called_shifted(absent: set[int], void: bool):
    counts = {raw_id: n for raw_id, n in COUNTS.items() if raw_id not in absent}
    if not void:
        del counts[-1]
    right = {-1: 0} | {raw_id: raw_id + 1 for raw_id in range(19)}
    messages = warn(right, counts, None, ["background", *LABELS])
    assert set(messages) <= {"absent-id"}
    assert ("absent-id" in messages) == bool(absent and counts)


@given(st.sets(st.integers(1, 17), max_size=12))
def test_the_founding_shift_is_found_whatever_labels_are_missing_besides(absent: set[int]):
    counts = {raw_id: n for raw_id, n in COUNTS.items() if raw_id not in absent}
    assert "shifted-ids" in warn(FOUNDING, counts)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [([], ""), ([3], "3"), ([255, 0, -1, 2, 1], "-1..2, 255"), ([1, 3, 5], "1, 3, 5")],
)
def test_ids_are_written_as_runs(ids: list[int], expected: str):
    assert id_ranges(ids) == expected
