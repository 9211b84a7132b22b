"""What changes between mappings, worked by hand on tiny taxonomies and on the shipped ones."""

import pytest
from hypothesis import given

from harness.trees import mapping
from segexp.core.errors import InputError
from segexp.labels.diff import LabelChange, coarsened_by, describe_common_space, diff_mappings
from segexp.labels.mapping import coarsens
from tests.labels.test_mapping import make_mapping, mappings_over_one_taxonomy


def test_a_merge_with_dropped_labels_is_told_label_by_label():
    diff = diff_mappings(mapping("cityscapes19"), mapping("merged10"))
    assert diff.relation == "coarser"
    assert diff.merged == {
        "road": ("road", "sidewalk"),
        "structure": ("building", "wall", "fence"),
        "traffic_object": ("traffic light", "traffic sign"),
        "person": ("person", "rider"),
        "large_vehicle": ("truck", "bus", "train"),
    }
    assert (diff.split, diff.added, diff.renamed) == ({}, (), ())
    assert diff.dropped == ("pole", "bicycle")
    changed = {row.label: (row.first, row.second, row.change) for row in diff.labels}
    assert changed["sidewalk"] == ("sidewalk", "road", "merged")
    assert changed["pole"] == ("pole", None, "dropped")
    assert changed.keys().isdisjoint({"vegetation", "terrain", "sky", "car", "motorcycle"})
    assert len(changed) == 14


def test_the_other_way_round_it_is_a_split():
    diff = diff_mappings(mapping("merged10"), mapping("cityscapes19"))
    assert diff.relation == "finer"
    assert diff.split["person"] == ("person", "rider")
    assert diff.merged == {}
    assert diff.added == ("pole", "bicycle")
    assert LabelChange("pole", None, "pole", "added") in diff.labels


def test_void_that_is_trained_counts_as_a_label():
    diff = diff_mappings(mapping("merged10"), mapping("merged10_background"))
    assert [(row.label, row.second) for row in diff.labels] == [
        ("pole", "background"),
        ("bicycle", "background"),
        ("void", "background"),
    ]
    assert diff.added == ("pole", "bicycle", "void")
    assert diff.relation == "finer"


def test_merged_and_split_at_once_is_regrouped():
    first = make_mapping("first", {"x": "ab", "y": "cd"})
    second = make_mapping("second", {"x": "a", "z": "bc", "w": "d"})
    diff = diff_mappings(first, second)
    assert [(row.label, row.change) for row in diff.labels] == [
        ("a", "split"),
        ("b", "regrouped"),
        ("c", "regrouped"),
        ("d", "split"),
    ]
    assert diff.merged == {"z": ("x", "y")}
    assert diff.split == {"x": ("x", "z"), "y": ("z", "w")}
    assert diff.relation == "neither"


def test_a_class_with_another_name_is_renamed_even_where_a_label_was_dropped():
    first = make_mapping("first", {"x": "ab", "y": "cd"})
    second = make_mapping("second", {"x": "ab", "z": "c"})
    diff = diff_mappings(first, second)
    assert diff.renamed == (("y", "z"),)
    assert diff.dropped == ("d",)
    assert [(row.label, row.change) for row in diff.labels] == [("c", "renamed"), ("d", "dropped")]


def test_equal_spaces_differ_in_nothing():
    first = make_mapping("first", {"x": "ab", "y": "cd"})
    diff = diff_mappings(first, make_mapping("second", {"y": "dc", "x": "ba"}))
    assert diff.relation == "same"
    assert diff.labels == ()
    assert (diff.merged, diff.split, diff.dropped, diff.added, diff.renamed) == ({}, {}, (), (), ())


def test_mappings_over_different_taxonomies_are_refused_in_one_line():
    with pytest.raises(InputError) as caught:
        diff_mappings(mapping("merged10"), mapping("camvid11"))
    (fault,) = caught.value.faults
    assert "different taxonomies" in fault
    assert "merged10 (cityscapes19" in fault


@given(mappings_over_one_taxonomy(at_most=2))
def test_what_is_told_agrees_with_the_algebra(mappings):
    first, second = mappings[0], mappings[-1]
    diff = diff_mappings(first, second)
    assert (diff.relation in ("same", "coarser")) == coarsens(second, first)
    assert (diff.relation in ("same", "finer")) == coarsens(first, second)
    # The second coarsens the first exactly when it parts no class and scores no void.
    assert coarsens(second, first) == (not diff.split and not diff.added)


@given(mappings_over_one_taxonomy(at_most=2))
def test_a_diff_read_backwards_is_the_diff_of_the_mappings_swapped(mappings):
    first, second = mappings[0], mappings[-1]
    forward, backward = diff_mappings(first, second), diff_mappings(second, first)
    opposite = {"dropped": "added", "added": "dropped", "merged": "split", "split": "merged"}
    assert [
        LabelChange(row.label, row.second, row.first, opposite.get(row.change, row.change))
        for row in forward.labels
    ] == list(backward.labels)


def test_the_common_space_says_which_classes_fall_where():
    names = ("cityscapes19", "merged10", "categories7")
    common = describe_common_space([mapping(name) for name in names])
    assert len(common.space.classes) == 7
    road = common.space.names[0]
    assert common.classes["cityscapes19"][road] == ("road", "sidewalk")
    assert common.classes["merged10"][road] == ("road",)
    assert common.classes["categories7"][road] == ("flat",)
    assert common.none == {
        "cityscapes19": ("pole", "bicycle"),
        "merged10": (),
        "categories7": (),
    }


@given(mappings_over_one_taxonomy())
def test_every_class_falls_into_one_place_of_the_common_space(mappings):
    try:
        common = describe_common_space(mappings)
    except InputError:
        return  # fewer than two classes
    for m in mappings:
        falling = [name for names in common.classes[m.name].values() for name in names]
        assert sorted([*falling, *common.none[m.name]]) == sorted(m.names)


def test_a_common_space_of_one_class_is_refused_with_the_chain():
    first = make_mapping("first", {"x": "ab", "y": "cd"})
    second = make_mapping("second", {"x": "bc", "y": "da"})
    with pytest.raises(InputError, match=r"has 1 class.*first\.x joins a, b.*second\.x joins b, c"):
        describe_common_space([first, second])


def test_a_mapping_coarsens_those_whose_scores_can_be_given_in_its_classes():
    mappings = [mapping(n) for n in ("cityscapes19", "merged10", "categories7", "camvid11")]
    assert coarsened_by(mappings[1], mappings) == ["cityscapes19"]
    assert coarsened_by(mappings[0], mappings) == []
