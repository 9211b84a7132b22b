"""The algebra of label spaces, against brute force over all partitions of tiny taxonomies."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.core.files import name_fault
from segexp.labels.files import load_mapping
from segexp.labels.mapping import (
    MappedClass,
    Mapping,
    coarsens,
    collapse_confusion,
    collapse_lookup,
    common_space,
)
from segexp.labels.taxonomy import VOID, Label, Taxonomy

SHIPPED = ROOT / "mappings"

Blocks = set[frozenset[str]]

quick = settings(max_examples=40, deadline=None)


def make_taxonomy(names: str) -> Taxonomy:
    """A taxonomy with one-letter labels; their colours are their places."""
    labels = tuple(Label(name, (place, 0, 0)) for place, name in enumerate(names))
    ids = {place: place for place in range(len(names))}
    return Taxonomy("tiny", labels, {"default": ids}, void_color=(0, 0, 9))


def make_mapping(name: str, classes: dict[str, str], taxonomy: Taxonomy | None = None) -> Mapping:
    """A mapping from class name -> its labels' letters; ``*`` is the word void."""
    return Mapping(
        name,
        taxonomy or make_taxonomy("abcd"),
        tuple(
            MappedClass(
                class_name,
                (index, 100, sum(map(ord, name)) % 256),
                tuple("void" if letter == "*" else letter for letter in letters),
            )
            for index, (class_name, letters) in enumerate(classes.items())
        ),
    )


@st.composite
def mapping_over(draw: st.DrawFn, name: str, names: str) -> Mapping:
    """Any mapping: every label and void in a class or in none, names that clash with others'."""
    of_label = draw(st.lists(st.sampled_from([None, 0, 1, 2, 3]), min_size=len(names)))
    of_void = draw(st.sampled_from([None, None, 0, 1]))
    letters = dict(zip(f"{names}*", [*of_label[: len(names)], of_void], strict=True))
    blocks = ["".join(x for x in letters if letters[x] == number) for number in range(4)]
    blocks = draw(st.permutations([block for block in blocks if block]))
    words = draw(st.permutations([*names, "x", "y"]))
    return make_mapping(name, dict(zip(words, blocks, strict=False)), make_taxonomy(names))


@st.composite
def mappings_over_one_taxonomy(draw: st.DrawFn, at_most: int = 3) -> list[Mapping]:
    names = draw(st.sampled_from(["abc", "abcd"]))
    number = draw(st.integers(1, at_most))
    return [draw(mapping_over(f"m{i}", names)) for i in range(number)]


def blocks_of(mapping: Mapping) -> Blocks:
    return {frozenset(c.labels) for c in mapping.classes}


def scored_by(mapping: Mapping) -> set[str]:
    return {label for c in mapping.classes for label in c.labels}


def partitions(items: list[str]) -> Iterator[Blocks]:
    """Every way to split the items into blocks."""
    if not items:
        yield set()
        return
    first, rest = items[0], items[1:]
    for size in range(len(rest) + 1):
        for others in itertools.combinations(rest, size):
            for further in partitions([item for item in rest if item not in others]):
                yield {frozenset({first, *others}), *further}


def naive_coarsens(blocks: Blocks, fine: Mapping) -> bool:
    """The definition, label by label and pair by pair."""
    scored = {label for block in blocks for label in block}
    if scored - scored_by(fine):
        return False
    pairs = (pair for c in fine.classes for pair in itertools.combinations(c.labels, 2))
    return all(
        any({p, q} <= block for block in blocks) for p, q in pairs if p in scored and q in scored
    )


def finest_by_brute_force(mappings: list[Mapping]) -> Blocks:
    """Of all spaces that score what no mapping drops and coarsen each, the finest."""
    scored = sorted(set.intersection(*(scored_by(m) for m in mappings)))
    fitting = [b for b in partitions(scored) if all(naive_coarsens(b, m) for m in mappings)]
    most = max(len(blocks) for blocks in fitting)
    (finest,) = [blocks for blocks in fitting if len(blocks) == most]
    for blocks in fitting:  # it is below every other, not only larger
        assert all(any(block <= wider for wider in blocks) for block in finest)
    return finest


def common_or_discard(mappings: list[Mapping]) -> Mapping:
    assume(len(finest_by_brute_force(mappings)) >= 2)
    return common_space(mappings)


@quick
@given(mappings_over_one_taxonomy())
def test_the_common_space_is_the_finest_that_coarsens_every_mapping(mappings):
    expected = finest_by_brute_force(mappings)
    if len(expected) < 2 and len({m.hash for m in mappings}) > 1:
        with pytest.raises(InputError, match="two are needed"):
            common_space(mappings)
    else:
        common = common_space(mappings)
        assert blocks_of(common) == expected
        assert len(common.classes) == len(expected)


@quick
@given(mappings_over_one_taxonomy())
def test_a_label_is_scored_in_the_common_space_exactly_where_no_mapping_drops_it(mappings):
    common = common_or_discard(mappings)
    assert scored_by(common) == set.intersection(*(scored_by(m) for m in mappings))


@quick
@given(mappings_over_one_taxonomy())
def test_the_common_space_coarsens_every_mapping_and_is_its_own_common_space(mappings):
    common = common_or_discard(mappings)
    assert all(coarsens(common, m) for m in mappings)
    assert common_space([common]) is common
    assert blocks_of(common_space([common, *mappings])) == blocks_of(common)
    assert blocks_of(common_space([*mappings, common])) == blocks_of(common)


@quick
@given(mappings_over_one_taxonomy(), st.randoms())
def test_the_order_of_mappings_changes_the_order_of_classes_only(mappings, random):
    common = common_or_discard(mappings)
    shuffled = random.sample(mappings, len(mappings))
    again = common_space(shuffled)
    assert set(again.classes) == set(common.classes)
    assert again.name == common.name
    places = [
        min(shuffled[0].lookup()[place_of(again, x)] for x in c.labels) for c in again.classes
    ]
    assert places == sorted(places)


def place_of(mapping: Mapping, label: str) -> int:
    return VOID if label == "void" else mapping.taxonomy.names.index(label)


@quick
@given(mappings_over_one_taxonomy())
def test_classes_of_the_common_space_have_distinct_names_and_colours_of_their_labels(mappings):
    common = common_or_discard(mappings)
    assert len(set(common.names)) == len(common.names)
    assert "void" not in common.names or "void" in {n for m in mappings for n in m.names}
    for mapped in common.classes:
        same = [c for m in mappings for c in m.classes if {*c.labels} == {*mapped.labels}]
        joined = "+".join(mapped.labels).replace("void", "unlabelled", len(mapped.labels) == 1)
        assert mapped.name in {joined, *(c.name for c in same)}
        first = mapped.labels[0]
        own = (0, 0, 9) if first == "void" else common.taxonomy.colors[place_of(common, first)]
        assert mapped.color in ([c.color for c in same] or [own])


@quick
@given(mappings_over_one_taxonomy(at_most=2))
def test_coarsens_is_its_definition(mappings):
    coarse, fine = mappings[0], mappings[-1]
    assert coarsens(coarse, fine) == naive_coarsens(blocks_of(coarse), fine)
    assert coarsens(coarse, coarse)


# Three mappings seldom have two classes in common: most are discarded, at little cost.
@settings(quick, suppress_health_check=[HealthCheck.filter_too_much])
@given(mapping_over("a", "abcd"), mapping_over("b", "abcd"), mapping_over("c", "abcd"))
def test_coarsens_is_transitive(a, b, c):
    middle = common_or_discard([a, b])
    coarsest = common_or_discard([middle, c])
    assert coarsens(middle, a)
    assert coarsens(coarsest, middle)
    assert coarsens(coarsest, a)


def test_two_that_coarsen_each_other_are_the_same_space_under_other_names():
    one = make_mapping("one", {"x": "ab", "y": "cd"})
    two = make_mapping("two", {"p": "dc", "q": "ba"})
    assert coarsens(one, two)
    assert coarsens(two, one)
    assert blocks_of(one) == blocks_of(two)


def test_labels_that_share_a_class_by_way_of_another_are_one_class():
    one = make_mapping("one", {"x": "ab", "y": "c", "z": "d"})
    two = make_mapping("two", {"p": "a", "q": "bc", "r": "d"})
    common = common_space([one, two])
    assert [(c.name, c.labels) for c in common.classes] == [
        ("a+b+c", ("a", "b", "c")),  # named by its labels, since no mapping has such a class
        ("z", ("d",)),
    ]
    assert common.classes[0].color == (0, 0, 0)  # the first label's
    assert common.name == "common-one-two"


def test_the_common_space_of_many_mappings_has_a_name_that_a_file_can_have():
    mappings = [make_mapping(f"{i}{'x' * 90}", {"x": "ab", "y": "c"}) for i in range(5)]
    name = common_space(mappings).name
    assert name_fault("name", name) is None
    assert name == common_space(mappings[::-1]).name != common_space(mappings[1:]).name


def test_a_label_that_one_mapping_drops_joins_nothing():
    one = make_mapping("one", {"x": "ab", "y": "c", "z": "d"})
    two = make_mapping("two", {"q": "bc", "r": "a", "s": "d"})
    drops_b = make_mapping("three", {"a": "a", "c": "c", "d": "d"})
    assert blocks_of(common_space([one, two, drops_b])) == {
        frozenset("a"),
        frozenset("c"),
        frozenset("d"),
    }


def test_of_two_names_for_one_class_the_mapping_that_sorts_first_decides():
    one = make_mapping("one", {"x": "ab", "y": "c"})
    two = make_mapping("two", {"p": "ab", "q": "c", "r": "d"})
    for order in ([one, two], [two, one]):
        assert set(common_space(order).names) == {"x", "y"}


def test_two_classes_of_one_name_are_named_by_their_labels():
    one = make_mapping("one", {"thing": "ab", "u": "c", "v": "d"})
    two = make_mapping("two", {"u": "a", "v": "b", "thing": "cd"})
    assert common_space([one, two]).names == ("a+b", "c+d")


def test_a_name_by_labels_that_another_class_has_already_gives_way_too():
    # {a} is called b by one, {b} has no class of its own and is called b by its label; renaming
    # {a} to a meets {c}, which is called a.
    one = make_mapping("one", {"b": "a", "y": "bd", "a": "c"})
    two = make_mapping("two", {"k": "b*", "b": "a", "a": "c"})
    assert common_space([one, two]).names == ("a", "b", "c")


def test_names_that_labels_cannot_tell_apart_get_a_suffix_in_whatever_order():
    # a and b are joined by a class that also holds d, which two drops: no class is just they.
    names = ("a", "b", "a+b", "c", "d")
    labels = tuple(Label(name, (place, 0, 0)) for place, name in enumerate(names))
    taxonomy = Taxonomy("tiny", labels, {"default": {place: place for place in range(5)}})

    def over(name: str, groups: dict[str, tuple[str, ...]]) -> Mapping:
        classes = (MappedClass(word, (0, 0, 0), held) for word, held in groups.items())
        return Mapping(name, taxonomy, tuple(classes))

    one = over("one", {"p": ("a", "b", "d"), "a+b": ("a+b",), "c": ("c",)})
    two = over("two", {"c": ("c",), "a+b": ("a+b",), "a": ("a",), "b": ("b",)})
    for order in ([one, two], [two, one]):
        named = {c.labels: c.name for c in common_space(order).classes}
        assert named == {("a", "b"): "a+b", ("a+b",): "a+b+", ("c",): "c"}


def test_void_alone_is_a_class_called_unlabelled():
    one = make_mapping("one", {"x": "*a", "y": "c"})
    two = make_mapping("two", {"p": "*b", "q": "c"})
    common = common_space([one, two])
    assert [(c.name, c.labels, c.color) for c in common.classes] == [
        ("unlabelled", ("void",), (0, 0, 9)),
        ("y", ("c",), one.classes[1].color),
    ]


def test_fewer_than_two_classes_is_an_error_that_shows_the_chain_of_merges():
    one = make_mapping("one", {"left": "ab", "right": "cd"})
    two = make_mapping("two", {"mid": "bc", "a": "a", "d": "d"})
    with pytest.raises(InputError) as caught:
        common_space([one, two])
    assert caught.value.faults == (
        "the common space of one, two has 1 class(es); two are needed to compare anything. Why: "
        "one.left joins a, b; one.right joins c, d; two.mid joins b, c",
    )


def test_fewer_than_two_classes_for_what_is_left_out_names_those_labels():
    one = make_mapping("one", {"a": "a", "b": "b"})
    two = make_mapping("two", {"c": "c", "d": "ad"})
    with pytest.raises(InputError) as caught:
        common_space([one, two])
    assert "has 1 class(es)" in str(caught.value)
    assert str(caught.value).endswith("Why: one leaves out c, d; two leaves out b")


def test_mappings_over_different_taxonomies_are_never_compared():
    one = make_mapping("one", {"x": "ab", "y": "c"})
    other = make_mapping("other", {"x": "ab", "y": "c"}, make_taxonomy("abcde"))
    for compare in (common_space, lambda pair: collapse_lookup(*pair)):
        with pytest.raises(InputError, match="different taxonomies") as caught:
            compare([one, other])
        assert f"one (tiny, {one.taxonomy.hash})" in str(caught.value)
    assert not coarsens(one, other)


def test_collapsing_into_a_space_that_is_no_coarser_is_refused():
    fine = make_mapping("fine", {"a": "a", "b": "b", "c": "cd"})
    merged = make_mapping("merged", {"x": "ab", "y": "cd"})
    with pytest.raises(InputError, match="scores of merged cannot be given in fine") as caught:
        collapse_lookup(merged, fine)
    assert str(caught.value).endswith(": x falls into a and b")
    partial = make_mapping("partial", {"x": "ab", "y": "c"})
    with pytest.raises(InputError, match=r": it scores d, which partial leaves void$"):
        collapse_lookup(partial, merged)


@quick
@given(mappings_over_one_taxonomy())
def test_a_class_collapses_to_the_class_of_its_labels_or_to_none(mappings):
    common = common_or_discard(mappings)
    for mapping in mappings:
        table = collapse_lookup(mapping, common)
        assert table.shape == (len(mapping.classes),)
        for index, mapped in enumerate(mapping.classes):
            into = {i for i, c in enumerate(common.classes) if {*c.labels} & {*mapped.labels}}
            assert {int(table[index])} == (into or {len(common.classes)})


@st.composite
def collapses(draw: st.DrawFn) -> tuple[Mapping, Mapping, np.ndarray, np.ndarray]:
    """A mapping, a coarser one, a mask of labels and the fine class predicted for each pixel."""
    mappings = draw(mappings_over_one_taxonomy())
    coarse, fine = common_or_discard(mappings), mappings[0]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places = [*range(len(fine.taxonomy.labels)), VOID]
    labels = rng.choice(np.array(places, np.uint8), 200)
    return fine, coarse, labels, rng.integers(0, len(fine.classes), 200)


@quick
@given(collapses())
def test_a_collapsed_confusion_matrix_is_that_of_the_collapsed_classes(case):
    fine, coarse, labels, prediction = case
    rows, num_coarse = collapse_lookup(fine, coarse), len(coarse.classes)
    truth = fine.lookup()[labels]
    valid = truth != VOID
    matrix = confusion_matrix(truth[valid], prediction[valid], labels=range(len(fine.classes)))
    collapsed = collapse_confusion(matrix, rows, num_coarse)
    expected = np.zeros((num_coarse, num_coarse + 1), np.int64)
    for true, guess in zip(truth[valid], prediction[valid], strict=True):
        if rows[true] < num_coarse:
            expected[rows[true], rows[guess]] += 1
    np.testing.assert_array_equal(collapsed, expected)
    assert collapsed.dtype == np.int64
    assert collapsed.sum() == np.count_nonzero(rows[truth[valid]] < num_coarse)


@quick
@given(collapses())
def test_without_mixed_classes_it_is_the_matrix_of_the_coarse_masks_themselves(case):
    fine, coarse, labels, prediction = case
    scored = scored_by(coarse)
    assume(all(not {*c.labels} & scored or {*c.labels} <= scored for c in fine.classes))
    rows, num_coarse = collapse_lookup(fine, coarse), len(coarse.classes)
    truth, coarse_truth = fine.lookup()[labels], coarse.lookup()[labels]
    valid = truth != VOID
    matrix = confusion_matrix(truth[valid], prediction[valid], labels=range(len(fine.classes)))
    scored_pixels = coarse_truth != VOID
    expected = confusion_matrix(
        coarse_truth[scored_pixels],
        rows[prediction][scored_pixels],
        labels=range(num_coarse + 1),
    )[:num_coarse]
    np.testing.assert_array_equal(collapse_confusion(matrix, rows, num_coarse), expected)


def test_a_matrix_with_its_own_none_column_and_with_batch_dimensions_is_collapsed():
    rows = np.array([0, 0, 2, 1])  # into two classes; class 2 falls into none
    matrix = np.arange(2 * 4 * 5).reshape(2, 4, 5)
    collapsed = collapse_confusion(matrix, rows, 2)
    #           columns 0+1        column 3   columns 2 and none
    expected = [
        [[0 + 1 + 5 + 6, 3 + 8, 2 + 4 + 7 + 9], [15 + 16, 18, 17 + 19]],
        [[20 + 21 + 25 + 26, 23 + 28, 22 + 24 + 27 + 29], [35 + 36, 38, 37 + 39]],
    ]
    np.testing.assert_array_equal(collapsed, expected)


def test_counts_beyond_32_bits_and_beyond_floats_stay_exact():
    big = 2**53 + 1
    collapsed = collapse_confusion(np.array([[big, 0], [0, 2]]), np.array([0, 0]), 1)
    assert collapsed.tolist() == [[big + 2, 0]]


def test_collapsing_twice_is_collapsing_once():
    taxonomy = make_taxonomy("abcd")
    fine = make_mapping("fine", {x: x for x in "abcd"}, taxonomy)
    middle = make_mapping("middle", {"ab": "ab", "c": "c", "d": "d"}, taxonomy)
    coarse = make_mapping("coarse", {"abc": "abc", "d": "d"}, taxonomy)
    matrix = np.random.default_rng(0).integers(0, 100, (4, 4))
    halfway = collapse_confusion(matrix, collapse_lookup(fine, middle), 3)
    np.testing.assert_array_equal(
        collapse_confusion(halfway, collapse_lookup(middle, coarse), 2),
        collapse_confusion(matrix, collapse_lookup(fine, coarse), 2),
    )


def test_a_lookup_maps_masks_and_leaves_void_unless_a_class_lists_it():
    mask = np.array([[0, 1], [3, VOID]], np.uint8)
    leaves = make_mapping("leaves", {"x": "ab", "y": "c"})
    trains = make_mapping("trains", {"x": "ab", "y": "c*"})
    assert leaves.lookup()[mask].tolist() == [[0, 0], [VOID, VOID]]
    assert trains.lookup()[mask].tolist() == [[0, 0], [VOID, 1]]
    assert leaves.lookup().shape == (256,)
    assert leaves.void_labels == trains.void_labels == ("d",)


def test_the_hash_changes_with_classes_and_their_order_and_not_with_names_of_files_or_colours():
    base = make_mapping("one", {"x": "ab", "y": "cd"})
    assert make_mapping("two", {"x": "ba", "y": "cd"}).hash == base.hash
    others = [
        make_mapping("one", {"y": "cd", "x": "ab"}),
        make_mapping("one", {"x": "abc", "y": "d"}),
        make_mapping("one", {"x": "ab", "z": "cd"}),
        make_mapping("one", {"x": "ab", "y": "cd*"}),
        make_mapping("one", {"x": "ab", "y": "cd"}, make_taxonomy("abcde")),
    ]
    assert len({base.hash, *(m.hash for m in others)}) == 6


def shipped(name: str) -> Mapping:
    return load_mapping(SHIPPED / f"{name}.yaml")


_ = VOID
# By train id: road sidewalk building wall fence pole light sign vegetation terrain sky person rider
# car truck bus train motorcycle bicycle, then void. Worked by hand from the wording of the project.
TABLES = {
    "cityscapes19": [*range(19), _],
    "merged10": [0, 0, 1, 1, 1, _, 2, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, _, _],
    "merged10_two_wheeler": [0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, 9, _],
    "merged10_background": [0, 0, 1, 1, 1, 10, 2, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, 10, 10],
    "categories7": [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6, _],
}
MERGED10_NAMES = (
    *("road", "structure", "traffic_object", "vegetation", "terrain", "sky", "person", "car"),
    *("large_vehicle", "motorcycle"),
)


@pytest.mark.parametrize("name", TABLES)
def test_a_shipped_cityscapes_mapping_is_the_table_worked_by_hand(name):
    table = shipped(name).lookup()
    assert [*table[:19].tolist(), int(table[VOID])] == TABLES[name]
    assert set(table[19:VOID].tolist()) == {VOID}


def test_the_founding_dictionary_is_merged10_background_after_the_shift_by_one():
    # raw id -> class id as the founding project wrote it, 0 for background; it read raw ids as if
    # 0 were void and 1 road, where the npy data has -1 for void and 0 for road.
    founding = [0, 1, 1, 2, 2, 2, 0, 3, 3, 4, 5, 6, 7, 7, 8, 9, 9, 9, 10, 0]
    intended = [10 if c == 0 else c - 1 for c in founding]
    assert intended[1:] + intended[:1] == TABLES["merged10_background"]


def test_names_of_the_ten_classes():
    assert shipped("merged10").names == MERGED10_NAMES
    assert shipped("merged10_background").names == (*MERGED10_NAMES, "background")
    assert shipped("merged10_two_wheeler").names == (*MERGED10_NAMES[:9], "two_wheeler")
    assert shipped("merged10").void_labels == ("pole", "bicycle")


# The common space's table from label to class, and its names.
COMMON = [
    (("cityscapes19", "merged10"), TABLES["merged10"], MERGED10_NAMES),
    (("merged10_two_wheeler", "merged10"), TABLES["merged10"], MERGED10_NAMES),
    (("merged10_background", "merged10"), TABLES["merged10"], MERGED10_NAMES),
    (
        ("cityscapes19", "merged10_two_wheeler"),
        TABLES["merged10_two_wheeler"],
        (*MERGED10_NAMES[:9], "two_wheeler"),
    ),
    (  # background trains void and scores it; cityscapes19 does not, so void is void again
        ("cityscapes19", "merged10_background"),
        [0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9, 9, 9, 10, 2, _],
        (*MERGED10_NAMES[:2], "pole+bicycle", *MERGED10_NAMES[2:]),
    ),
    (  # pole and bicycle tie traffic_object, background and two_wheeler into one class
        ("merged10_background", "merged10_two_wheeler"),
        [0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 2, 2, _],
        (
            *MERGED10_NAMES[:2],
            "pole+traffic light+traffic sign+motorcycle+bicycle",
            *MERGED10_NAMES[3:9],
        ),
    ),
    (
        ("merged10", "categories7"),
        [0, 0, 1, 1, 1, _, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, _, _],
        (
            *("flat", "construction", "traffic_object", "nature", "sky", "human"),
            "car+truck+bus+train+motorcycle",
        ),
    ),
]


@pytest.mark.parametrize(
    ("names", "table", "class_names"), COMMON, ids=["-".join(names) for names, *_ in COMMON]
)
def test_the_common_space_of_shipped_mappings_is_the_one_worked_by_hand(names, table, class_names):
    mappings = [shipped(name) for name in names]
    common = common_space(mappings)
    lookup = common.lookup()
    assert [*lookup[:19].tolist(), int(lookup[VOID])] == table
    assert common.names == class_names
    assert len({c.color for c in common.classes}) == len(class_names)


def test_in_the_space_of_merged10_pole_bicycle_and_background_collapse_to_none():
    common = common_space([shipped("cityscapes19"), shipped("merged10")])
    none = 10
    assert collapse_lookup(shipped("cityscapes19"), common).tolist() == [
        none if c == VOID else c for c in TABLES["merged10"][:19]
    ]
    assert collapse_lookup(shipped("merged10_background"), common).tolist() == [*range(10), none]
    assert collapse_lookup(shipped("merged10_two_wheeler"), common).tolist() == [*range(10)]
    assert collapse_lookup(shipped("merged10"), common).tolist() == [*range(10)]


def test_which_shipped_mappings_coarsen_which():
    order = ["cityscapes19", "merged10_two_wheeler", "merged10", "merged10_background"]
    found = [[coarsens(shipped(coarse), shipped(fine)) for fine in order] for coarse in order]
    assert found == [
        [True, False, False, False],
        [True, True, False, False],  # merged10 leaves out pole, which two_wheeler scores
        [True, True, True, True],
        [False, False, False, True],  # it scores void, which no other was trained on
    ]


def test_camvid_and_cityscapes_are_not_compared():
    with pytest.raises(InputError, match=r"different taxonomies .*camvid11 \(camvid11"):
        common_space([shipped("cityscapes19"), shipped("camvid11")])
