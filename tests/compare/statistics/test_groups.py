from harness.project import ROOT
from segexp.compare.statistics.groups import DroppedLabel, class_groups
from segexp.labels.files import load_mapping
from segexp.labels.mapping import MappedClass, Mapping, common_space
from segexp.labels.taxonomy import Label, Taxonomy

TAXONOMY = Taxonomy(
    "tiny",
    tuple(Label(name, (place, 0, 0)) for place, name in enumerate("abcde")),
    {"default": {place: place for place in range(5)}},
    void_color=(0, 0, 9),
)


def make_mapping(name: str, **classes: str) -> Mapping:
    return Mapping(
        name,
        TAXONOMY,
        tuple(
            MappedClass(class_name, (place, 0, 0), tuple(labels))
            for place, (class_name, labels) in enumerate(classes.items())
        ),
    )


def groups_of(*mappings: Mapping) -> dict[str, str]:
    common = common_space(mappings)
    return dict(zip(common.names, class_groups(mappings, common).kinds, strict=True))


def test_a_class_is_untouched_where_every_arm_has_the_very_same_labels_in_it():
    fine = make_mapping("fine", a="a", b="b", c="c", d="d", e="e")
    coarse = make_mapping("coarse", a="a", bc="bc", d="d", e="e")
    coarser = make_mapping("coarser", a="a", bc="bc", de="de")
    assert groups_of(fine, coarse) == {
        "a": "untouched", "bc": "merged", "d": "untouched", "e": "untouched"
    }  # fmt: skip
    assert groups_of(fine, coarse, coarser) == {"a": "untouched", "bc": "merged", "de": "merged"}


def test_what_all_arms_merge_alike_is_untouched_whatever_they_call_it():
    first = make_mapping("first", ab="ab", c="c", d="d", e="e")
    second = make_mapping("second", other="ba", cd="cd", e="e")
    kinds = groups_of(first, second)
    assert list(kinds.values()) == ["untouched", "merged", "untouched"]


def test_a_mapping_against_itself_has_untouched_classes_only():
    fine = make_mapping("fine", a="a", b="b", c="cd")
    assert set(groups_of(fine, fine).values()) == {"untouched"}


def test_labels_that_are_void_in_some_arm_are_dropped_and_named_with_their_classes():
    first = make_mapping("first", a="a", b="b", c="c", d="d")
    second = make_mapping("second", a="a", b="b", cd="ce")
    common = common_space([first, second])
    found = class_groups([first, second], common)
    assert dict(zip(common.names, found.kinds, strict=True)) == {
        "a": "untouched", "b": "untouched", "c": "merged"
    }  # fmt: skip
    # c alone is a class of the first arm; in the second it shares one with e, dropped or not.
    assert found.dropped == (
        DroppedLabel("d", ((3, "d"), None)),
        DroppedLabel("e", (None, (2, "cd"))),
    )


def test_pixels_without_a_label_are_dropped_where_one_arm_scores_them():
    first = Mapping(
        "first", TAXONOMY,
        (MappedClass("a", (0, 0, 0), ("a", "void")), MappedClass("b", (1, 0, 0), ("b",))),
    )  # fmt: skip
    second = make_mapping("second", a="a", b="b")
    found = class_groups([first, second], common_space([first, second]))
    assert found.dropped == (DroppedLabel("void", ((0, "a"), None)),)


def test_the_shipped_example_keeps_six_classes_apart_in_both_arms():
    arms = [load_mapping(ROOT / "mappings" / f"{n}.yaml") for n in ("cityscapes19", "merged10")]
    common = common_space(arms)
    found = class_groups(arms, common)
    for mapped_class, kind in zip(common.classes, found.kinds, strict=True):
        assert (kind == "untouched") == (len(mapped_class.labels) == 1)
    assert found.kinds.count("untouched") == sum(len(c.labels) == 1 for c in arms[1].classes)
