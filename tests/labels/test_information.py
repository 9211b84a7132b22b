import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

import segexp.labels.information
from harness.project import ROOT
from segexp.labels.files import load_mapping
from segexp.labels.information import bits_kept, bits_lost, entropy_bits
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import Label, Taxonomy

SHIPPED = ROOT / "mappings"

quick = settings(max_examples=60, deadline=None)


def make_mapping(classes: dict[str, str], names: str = "abcd") -> Mapping:
    """A mapping of one-letter labels: class name -> its letters; ``*`` is the word void."""
    labels = tuple(Label(name, (place, 0, 0)) for place, name in enumerate(names))
    ids = {place: place for place in range(len(names))}
    taxonomy = Taxonomy("tiny", labels, {"default": ids}, void_color=(0, 0, 9))
    mapped = (
        MappedClass(name, (9, 9, 9), tuple("void" if x == "*" else x for x in letters))
        for name, letters in classes.items()
    )
    return Mapping("tiny", taxonomy, tuple(mapped))


def make_pixels(*counts: int, void: int = 0) -> np.ndarray:
    pixels = np.zeros(256, np.int64)
    pixels[: len(counts)] = counts
    pixels[255] = void
    return pixels


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(segexp.labels.information).attempted > 0
    assert doctest.testmod(segexp.labels.information).failed == 0


@pytest.mark.parametrize(
    ("counts", "bits"),
    [([1, 1], 1.0), ([3, 3, 3, 3], 2.0), ([4, 2, 1, 1], 1.75), ([5], 0.0), ([0, 7, 0], 0.0)],
)
def test_entropies_worked_by_hand(counts, bits):
    assert entropy_bits(np.array(counts)) == bits


def test_the_entropy_of_nothing_is_nan():
    assert np.isnan(entropy_bits(np.zeros(3, np.int64)))


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20).filter(any))
@quick
def test_entropy_equals_that_of_scipy(counts):
    assert entropy_bits(np.array(counts)) == pytest.approx(entropy(counts, base=2), abs=1e-12)


def test_keeping_every_label_apart_loses_nothing():
    mapping = make_mapping({"a": "a", "b": "b", "c": "c", "d": "d"})
    pixels = make_pixels(4, 2, 1, 1)
    assert bits_kept(mapping, pixels) == 1.75
    assert bits_lost(mapping, pixels) == 0.0


def test_rounding_never_makes_a_loss_negative():
    mapping = make_mapping({"d": "d", "b": "b", "c": "c", "a": "a"})  # another order of sums
    every = [make_pixels(*counts) for counts in np.random.default_rng(0).integers(1, 99, (300, 4))]
    assert any(entropy_bits(pixels[:4]) < bits_kept(mapping, pixels) for pixels in every)
    assert all(0 <= bits_lost(mapping, pixels) < 1e-12 for pixels in every)


def test_a_merge_loses_the_entropy_inside_the_merged_class():
    # Half of the pixels are c or d, which are equally frequent: half a pixel times one bit.
    mapping = make_mapping({"a": "a", "b": "b", "cd": "cd"})
    pixels = make_pixels(2, 2, 2, 2)
    assert bits_kept(mapping, pixels) == 1.5
    assert bits_lost(mapping, pixels) == 0.5


def test_to_know_which_pixel_is_void_is_not_kept():
    # a and b share half of the pixels: 0.5 P(scored) times 1 bit. c and d are void.
    mapping = make_mapping({"a": "a", "b": "b"})
    pixels = make_pixels(2, 2, 2, 2)
    assert bits_kept(mapping, pixels) == 0.5
    assert bits_lost(mapping, pixels) == 1.5


def test_one_class_and_a_mapping_whose_labels_never_occur_keep_nothing():
    pixels = make_pixels(2, 2, 0, 0)
    assert bits_kept(make_mapping({"all": "abcd"}), pixels) == 0.0
    assert bits_kept(make_mapping({"c": "c", "d": "d"}), pixels) == 0.0
    assert bits_lost(make_mapping({"c": "c", "d": "d"}), pixels) == 1.0


def test_unlabelled_pixels_count_nowhere_even_where_a_class_holds_them():
    few, many = make_pixels(2, 1, 1, 4), make_pixels(2, 1, 1, 4, void=1000)
    for classes in ({"a": "a", "rest": "bcd"}, {"a": "a*", "rest": "bcd"}):
        mapping = make_mapping(classes)
        assert bits_kept(mapping, many) == bits_kept(mapping, few)
        assert bits_lost(mapping, many) == bits_lost(mapping, few)


def test_without_a_labelled_pixel_both_are_nan():
    mapping = make_mapping({"a": "a", "b": "b"})
    assert np.isnan(bits_kept(mapping, make_pixels(0, 0, void=5)))
    assert np.isnan(bits_lost(mapping, make_pixels(0, 0, void=5)))


def test_pixels_of_no_label_are_refused_with_their_places():
    pixels = make_pixels(1, 1, 1, 1, 0, 7)
    with pytest.raises(ValueError, match=r"label indices \[5\]: tiny has 4 labels, 0\.\.3"):
        bits_kept(make_mapping({"a": "a", "b": "b"}), pixels)
    with pytest.raises(ValueError, match=r"shape \(256,\), got \(4,\)"):
        bits_lost(make_mapping({"a": "a", "b": "b"}), pixels[:4])


@given(
    st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
@quick
def test_without_void_the_bits_kept_are_the_information_shared_by_label_and_class(counts, of_label):
    letters = "abcdef"
    held = dict.fromkeys(map(str, of_label), "")
    for letter, name in zip(letters, map(str, of_label), strict=True):
        held[name] += letter
    mapping = make_mapping(held, letters)
    shared = mutual_info_score(np.repeat(range(6), counts), np.repeat(of_label, counts))
    pixels = make_pixels(*counts)
    assert bits_kept(mapping, pixels) == pytest.approx(shared / np.log(2), abs=1e-9)
    total = entropy(counts, base=2)
    assert bits_lost(mapping, pixels) == pytest.approx(total - shared / np.log(2), abs=1e-9)


def test_a_coarser_shipped_mapping_keeps_less():
    fine, coarse = (load_mapping(SHIPPED / f"{n}.yaml") for n in ("cityscapes19", "merged10"))
    rng = np.random.default_rng(0)
    pixels = np.zeros(256, np.int64)
    pixels[: len(fine.taxonomy.labels)] = rng.integers(1, 1000, len(fine.taxonomy.labels))
    assert 0 < bits_kept(coarse, pixels) < bits_kept(fine, pixels)
    assert bits_lost(coarse, pixels) > bits_lost(fine, pixels)
