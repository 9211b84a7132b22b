"""Ladders of merges."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.evaluation.metrics import score
from segexp.labels.files import load_mapping
from segexp.labels.ladder import LONGEST_NAME, make_ladder
from segexp.labels.mapping import (
    MappedClass,
    Mapping,
    coarsens,
    collapse_confusion,
    collapse_lookup,
)
from segexp.labels.taxonomy import Label, Taxonomy

MAPPINGS = ROOT / "mappings"
CITYSCAPES = load_mapping(MAPPINGS / "cityscapes19.yaml")
CATEGORIES = load_mapping(MAPPINGS / "categories7.yaml")
MERGED = load_mapping(MAPPINGS / "merged10.yaml")

# About what Cityscapes has, in percent of the scored pixels, in the order of cityscapes19.
FREQUENCIES = np.array([
    36.9, 6.1, 22.8, 0.66, 0.88, 1.23, 0.21, 0.55, 15.9, 1.16,
    4.0, 1.22, 0.14, 7.0, 0.27, 0.24, 0.23, 0.1, 0.41,
])  # fmt: skip


def toy(names):
    labels = tuple(Label(name, (i, 0, 0)) for i, name in enumerate(names))
    taxonomy = Taxonomy("toy", labels, {"default": {i: i for i in range(len(names))}})
    classes = tuple(MappedClass(label.name, label.color, (label.name,)) for label in labels)
    return Mapping("toy", taxonomy, classes)


def planted(frequencies, pair, swapped, seed):
    """A model that is right for 80 to 95% of the pixels of each class and errs as classes are
    frequent, but takes a part of either of the pair for the other, too."""
    rng = np.random.default_rng(seed)
    num = len(frequencies)
    rates = np.zeros((num, num))
    for i in range(num):
        errors = frequencies * rng.uniform(0.5, 1.5, num)
        errors[i] = 0
        right = rng.uniform(0.8, 0.95)
        rates[i] = (1 - right) * errors / errors.sum()
        rates[i, i] = right
    for i, j in (pair, pair[::-1]):
        rates[i] *= 1 - swapped
        rates[i, j] += swapped
    shares = frequencies / frequencies.sum()
    confusion = np.rint(rates * shares[:, None] * 5_000_000).astype(np.int64)
    return np.pad(confusion, ((0, 0), (0, 1)))


def with_none(rows):
    return np.pad(np.array(rows, np.int64), ((0, 0), (0, 1)))


@st.composite
def confusions(draw, classes=19):
    """Matrices with empty rows and columns, of rare and of frequent classes."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    sizes = np.floor(10 ** rng.uniform(0, 5, classes)) * (rng.random(classes) > 0.15)
    shares = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.05, 0.3, 3.0]))), classes)
    shares += np.diag(rng.uniform(0, 3, classes))
    confusion = np.floor(sizes[:, None] * shares / shares.sum(axis=1, keepdims=True))
    confusion[:, rng.random(classes) < 0.1] = 0
    confusion[0, 0] += 1
    return np.pad(confusion.astype(np.int64), ((0, 0), (0, 1)))


def test_a_ladder_worked_by_hand():
    # a and b are guessed between; c and d are told from each other and from the rest.
    mapping = toy(["a", "b", "c", "d"])
    ladder = make_ladder(
        mapping, with_none([[4, 4, 0, 0], [4, 4, 0, 0], [0, 0, 14, 2], [0, 0, 2, 30]])
    )
    assert ladder.miou == pytest.approx((1 / 3 + 1 / 3 + 14 / 18 + 30 / 34) / 4)
    assert ladder.bits_kept == pytest.approx(1.75)
    first, second = ladder.rungs
    assert first.merged == ("a", "b")
    assert first.space.names == ("a+b", "c", "d")
    assert first.miou == pytest.approx((1 + 14 / 18 + 30 / 34) / 3)
    assert first.gain == pytest.approx(first.miou - ladder.miou)
    assert first.resolved == pytest.approx((8 / 16) / 3)
    assert first.bits_lost == pytest.approx(0.25)  # a bit for a quarter of the pixels
    assert first.bits_kept == pytest.approx(1.5)
    assert first.told_bits_lost == 0
    assert second.merged == ("c", "d")
    assert second.miou == pytest.approx(1)
    assert second.resolved == pytest.approx((4 / 48) / 2)
    assert second.bits_kept == pytest.approx(entropy([1, 3], base=2))
    assert ladder.fewest == 2


@pytest.mark.parametrize(
    "pair",
    [
        ("truck", "bus"),
        ("motorcycle", "bicycle"),
        ("person", "rider"),
        ("wall", "fence"),
        ("building", "vegetation"),
        ("road", "sidewalk"),
        ("car", "truck"),
        ("pole", "building"),
    ],
)
@pytest.mark.parametrize("frequencies", [FREQUENCIES, np.ones(19)], ids=["skewed", "uniform"])
@pytest.mark.parametrize("seed", range(5))
def test_a_planted_confused_pair_is_merged_first(pair, frequencies, seed):
    indices = tuple(sorted(CITYSCAPES.names.index(name) for name in pair))
    ladder = make_ladder(CITYSCAPES, planted(frequencies, indices, 0.3, seed))
    assert ladder.rungs[0].merged == tuple(CITYSCAPES.names[i] for i in indices)


def test_a_low_iou_alone_merges_nothing():
    # b is mostly missed, as c. To merge it with a, which is never confused with it, would
    # cost fewer bits and raise mIoU as much.
    mapping = toy(["a", "b", "c", "d"])
    ladder = make_ladder(
        mapping, with_none([[10, 0, 0, 0], [0, 1, 9, 0], [0, 0, 900, 9], [0, 0, 9, 900]])
    )
    assert ladder.rungs[0].merged == ("b", "c")


@given(confusions())
@settings(max_examples=25, deadline=None)
def test_every_rung_coarsens_the_one_above_and_scores_as_its_collapsed_confusion(confusion):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ladder = make_ladder(CITYSCAPES, confusion)
    above, miou, bits = CITYSCAPES, score(confusion).miou, ladder.bits_kept
    assert ladder.miou == pytest.approx(miou, abs=1e-12)
    for count, rung in zip(range(18, 1, -1), ladder.rungs, strict=True):
        space = rung.space
        assert len(space.classes) == len(set(space.names)) == count
        assert coarsens(space, above)
        assert {*rung.merged} == {*above.names} - {*space.names}
        assert space.void_labels == CITYSCAPES.void_labels
        rows = collapse_lookup(CITYSCAPES, space)
        collapsed = collapse_confusion(confusion, rows, count)
        assert rung.miou == pytest.approx(score(collapsed).miou, abs=1e-12)
        assert rung.gain == pytest.approx(rung.miou - miou, abs=1e-12)
        kept = entropy(collapsed.sum(axis=1), base=2)
        assert rung.bits_kept == pytest.approx(kept, abs=1e-12)
        assert rung.bits_lost == pytest.approx(bits - kept, abs=1e-12)
        assert 0 <= rung.resolved <= 1 / score(collapsed).classes_in_mean
        above, miou, bits = space, rung.miou, kept


@given(confusions(), st.sets(st.sampled_from(CITYSCAPES.names), max_size=4))
@settings(max_examples=25, deadline=None)
def test_what_is_kept_is_in_no_merge_and_all_else_is_within(confusion, keep):
    ladder = make_ladder(CITYSCAPES, confusion, keep, CATEGORIES)
    # Each category ends as one class, and what is kept apart beside it.
    left = sum(bool({*c.labels} - keep) for c in CATEGORIES.classes)
    assert ladder.fewest == left + len(keep)
    for rung in ladder.rungs:
        assert keep <= {*rung.space.names}
        for mapped_class in rung.space.classes:
            assert any({*mapped_class.labels} <= {*c.labels} for c in CATEGORIES.classes)


def test_what_within_leaves_void_is_not_merged():
    ladder = make_ladder(CITYSCAPES, planted(FREQUENCIES, (5, 18), 0.4, 0), within=MERGED)
    assert ladder.fewest == 12  # the ten of merged10, pole and bicycle
    assert {"pole", "bicycle"} <= {*ladder.rungs[-1].space.names}


def test_every_wrong_constraint_is_named():
    with pytest.raises(InputError) as caught:
        make_ladder(MERGED, with_none(np.eye(10)), ["persn", "rider"], CITYSCAPES)
    persn, rider, within = caught.value.faults
    assert "did you mean 'person'?" in persn
    assert "'rider' is not a class of merged10" in rider
    assert within.startswith("--within cityscapes19: must be coarser")
    assert "road falls into road and sidewalk" in within


def test_a_split_without_scored_pixels_is_refused():
    with pytest.raises(InputError, match="no pixel was scored"):
        make_ladder(MERGED, np.zeros((10, 11), np.int64))


def test_absent_classes_cost_nothing_and_come_when_nothing_is_left_to_gain():
    # d is in neither truth nor prediction, e is predicted for some of a.
    mapping = toy(["a", "b", "c", "d", "e"])
    rows = [[5, 2, 0, 0, 2], [2, 5, 0, 0, 0], [0, 0, 9, 0, 0], [0] * 5, [0] * 5]
    ladder = make_ladder(mapping, with_none(rows))
    assert ladder.absent == ("d", "e")
    by_merged = {rung.merged: rung for rung in ladder.rungs}
    assert by_merged["a", "e"].bits_lost == 0
    assert by_merged["a", "e"].gain > 0
    assert by_merged["a+e", "b"].bits_lost > 0
    last = ladder.rungs[-1]
    assert "d" in last.merged
    assert last.bits_lost == 0
    assert last.gain == 0


def test_a_class_of_which_no_pixel_is_found_is_named():
    ladder = make_ladder(toy(["a", "b", "c"]), with_none([[5, 0, 0], [3, 0, 0], [0, 0, 0]]))
    assert ladder.never_right == ("b",)
    assert ladder.absent == ("c",)


def test_of_equal_pairs_the_first_two_are_merged():
    confusion = with_none(np.full((5, 5), 1) + 9 * np.eye(5, dtype=int))
    ladder = make_ladder(toy("abcde"), confusion)
    assert ladder.rungs[0].merged == ("a", "b")


def test_a_merge_that_lowers_miou_comes_after_one_that_does_not():
    # a and b are all that is confused, but 0.9 and 0.9 become 1 while c has 0.2: the mean falls.
    confusion = np.array([[90, 5, 0, 0], [5, 90, 0, 0], [0, 0, 2, 8]])
    ladder = make_ladder(toy("abc"), confusion)
    assert ladder.miou == pytest.approx((0.9 + 0.9 + 0.2) / 3)
    assert ladder.rungs[0].merged == ("a", "c")
    assert ladder.rungs[0].gain == pytest.approx((92 / 110 + 0.9) / 2 - ladder.miou)


def test_of_merges_worth_the_same_the_one_that_costs_fewer_bits_comes_first():
    # 21 H(1/21) = 5.8 is less than 8 H(1/2) = 8, although 21 pixels are more than 8.
    mapping = toy("abcd")
    pairs = (MappedClass("p", (0, 0, 0), ("a", "b")), MappedClass("q", (1, 0, 0), ("c", "d")))
    within = Mapping("pairs", mapping.taxonomy, pairs)
    ladder = make_ladder(mapping, with_none(np.diag([4, 4, 20, 1])), within=within)
    assert ladder.rungs[0].merged == ("c", "d")


def test_of_merges_that_cost_the_same_bits_the_one_of_fewer_pixels_comes_first():
    ladder = make_ladder(toy("abcd"), with_none(np.diag([9, 5, 7, 0])))
    assert ladder.rungs[0].merged == ("b", "d")


def test_what_is_resolved_is_shared_among_the_classes_in_the_mean_alone():
    rows = [[4, 4, 0, 0], [4, 4, 0, 0], [0, 0, 9, 0], [0, 0, 0, 0]]  # d is in no mean
    first = make_ladder(toy("abcd"), with_none(rows)).rungs[0]
    assert first.merged == ("a", "b")
    assert first.resolved == pytest.approx((8 / 16) / 2)
    assert first.gain == pytest.approx(1 - (1 / 3 + 1 / 3 + 1) / 3)


def test_a_rung_is_found_by_its_number_of_classes_down_to_where_the_ladder_ends():
    ladder = make_ladder(toy("abcde"), with_none(np.diag([5, 4, 3, 2, 1])), keep=("a", "b"))
    assert [len(ladder.rung(n).space.classes) for n in (4, 3, 2)] == [4, 3, 3]


def test_a_merged_class_keeps_order_labels_void_and_the_colour_of_the_largest():
    confusion = planted(FREQUENCIES[:10], (2, 6), 0.5, 0)
    rung = make_ladder(MERGED, confusion).rungs[0]
    assert rung.merged == ("traffic_object", "person")
    (both,) = [c for c in rung.space.classes if c.name == "traffic_object+person"]
    assert both.labels == ("traffic light", "traffic sign", "person", "rider")
    assert both.color == (220, 220, 0)  # of traffic_object
    assert rung.space.names.index(both.name) == 2
    assert rung.space.void_labels == ("pole", "bicycle")


def test_long_names_are_shortened_to_the_largest_and_stay_distinct():
    names = [f"a_rather_long_class_{letter}" for letter in "abcdef"]
    confusion = with_none(np.kron(np.eye(2), np.full((3, 3), 5)) + np.diag(range(6)))
    spaces = [rung.space for rung in make_ladder(toy(names), confusion).rungs]
    assert {*spaces[-1].names} == {f"{names[2]}+2", f"{names[5]}+2"}
    assert all(len(name) <= LONGEST_NAME for space in spaces for name in space.names)


def test_a_long_name_that_is_merged_is_cut():
    names = ["x" * 100, "y" * 99, "z"]
    confusion = with_none([[5, 5, 0], [5, 4, 0], [0, 0, 9]])
    space = make_ladder(toy(names), confusion).rungs[0].space
    assert space.names == ("x" * (LONGEST_NAME - 2) + "+1", "z")


def test_a_merged_class_never_takes_the_name_of_another():
    ladder = make_ladder(
        toy(["a", "b", "a+b", "c"]),
        with_none([[4, 4, 0, 0], [4, 4, 0, 0], [0, 0, 9, 1], [0, 0, 1, 9]]),
    )
    assert ladder.rungs[0].space.names == ("a+b+", "a+b", "c")
