"""Void everywhere, classes that never occur, and nothing to tell apart; counts by hand."""

import numpy as np
import pytest

from harness.trees import CITYSCAPES, mapping
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.score_warnings import label_warnings, objective_faults
from segexp.labels.taxonomy import VOID, Label, Taxonomy

PETS = Taxonomy(
    "pets",
    (Label("background", (0, 0, 0)), Label("cat", (1, 1, 1)), Label("dog", (2, 2, 2))),
    {"default": {0: 0, 1: 1, 2: 2, 255: VOID}},
    (9, 9, 9),
)
ALL = Mapping(
    "all", PETS, tuple(MappedClass(label.name, label.color, (label.name,)) for label in PETS.labels)
)


def split(**pixels: int) -> np.ndarray:
    """So many pixels of each label of pets, and of void, in the lower halves."""
    counts = np.zeros((2, 256), np.int64)
    for name, number in pixels.items():
        counts[1, VOID if name == "void" else PETS.names.index(name)] = number
    return counts


FULL = split(background=80, cat=10, dog=10)


def found(
    mappings: list[Mapping], train: np.ndarray, val: np.ndarray = FULL, heldout: np.ndarray = FULL
) -> dict[str, str]:
    counts = {"train": train, "val": val, "held-out": heldout}
    warnings = label_warnings(PETS, PETS.encodings["default"], mappings, counts)
    assert len({w.kind for w in warnings}) == len(warnings)
    return {warning.kind: warning.message for warning in warnings}


def test_data_that_has_every_class_in_every_split_is_not_warned_of():
    assert found([ALL], FULL) == {}
    assert found([], FULL) == {}


def test_most_pixels_void_is_said_with_the_share_and_with_what_is_void():
    message = found([ALL], split(void=960, background=20, cat=10, dog=10))["mostly-void"]
    assert "most pixels are void, 96.0% of train:" in message
    assert "Void is raw id 255, and in RGB masks (9, 9, 9)" in message
    half = split(void=50, background=30, cat=10, dog=10)
    assert "mostly-void" not in found([ALL], half)


def test_void_by_the_mapping_is_said_with_its_labels():
    animals = Mapping("animals", PETS, ALL.classes[1:])
    found_in = found([animals], FULL)
    assert (
        "most pixels are void, 80.0% of train, 80.0% of val, 80.0% of held-out"
        in (found_in["mostly-void"])
    )
    assert "the labels that it leaves out: background 80.0%" in found_in["mostly-void"]


def test_classes_that_never_occur_are_listed_once_for_the_splits_that_lack_the_same():
    no_dog = split(background=80, cat=20)
    message = found([ALL], no_dog, no_dog)["absent-class"]
    assert "mapping all: 1 of 3 classes never in train, val (dog): not learned" in message
    message = found([ALL], no_dog, split(background=90, dog=10))["absent-class"]
    assert "1 of 3 classes never in train (dog); 1 of 3 classes never in val (cat):" in message
    assert "check that the masks" not in message
    message = found([ALL], split(background=9), no_dog)["absent-class"]
    assert message.endswith("check that the masks are labelled in pets")


def test_a_split_of_one_class_is_warned_of():
    message = found([ALL], FULL, FULL, split(cat=100, void=20))["one-class"]
    assert "only one class occurs, 'cat' in held-out: predicting it everywhere scores" in message


def test_two_mappings_are_each_said():
    animals = Mapping("animals", PETS, ALL.classes[1:])
    counts = {"train": FULL, "val": split(background=80, cat=20)}
    warnings = label_warnings(PETS, {}, [ALL, animals], counts)
    absent = [w.message for w in warnings if w.kind == "absent-class"]
    assert [message.partition(":")[0] for message in absent] == ["mapping all", "mapping animals"]


def test_one_class_is_no_objective():
    assert objective_faults([ALL], {"train": FULL, "val": FULL}) == []
    (fault,) = objective_faults([ALL], {"train": FULL, "val": split(cat=70, void=30)})
    assert fault.startswith("val: only 'cat' (cat) of the 3 classes of all occurs:")
    assert "30% of the pixels are void" in fault
    only_void = {"train": split(void=7), "val": split(void=9)}
    (fault,) = objective_faults([ALL], only_void)
    assert fault.startswith("train and val: no pixel is in a class of all:")


def test_labels_that_a_mapping_puts_into_one_class_are_no_objective():
    counts = np.zeros((2, 256), np.int64)
    counts[1, :2] = 90, 10  # binary masks, read as road and sidewalk
    both = {"train": counts, "val": counts}
    assert objective_faults([mapping("cityscapes19")], both) == []
    (fault,) = objective_faults([mapping("merged10")], both)
    assert "only 'road' (road, sidewalk) of the 10 classes of merged10 occurs" in fault
    assert "take a mapping that keeps road, sidewalk apart (--mapping NAME)" in fault


@pytest.mark.parametrize("taxonomy", [CITYSCAPES])
def test_more_than_a_dozen_names_are_counted(taxonomy: Taxonomy):
    counts = np.zeros((2, 256), np.int64)
    counts[1, :3] = 70, 20, 10
    (warning,) = label_warnings(taxonomy, {}, [], {"train": counts})
    assert "16 of 19 labels never in train (wall, fence, pole, " in warning.message
    assert "and 4 more)" in warning.message
