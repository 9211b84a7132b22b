import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segexp.core.errors import InputError
from segexp.labels.importer import Choices, import_mapping
from segexp.labels.importers.mapping_dict import read_mapping_dict, shifted
from segexp.labels.numeric_check import numeric_warnings, raw_id_counts
from segexp.labels.taxonomy import Taxonomy, parse_taxonomy
from tests.labels.importers.foreign import (
    CITYSCAPES,
    FOUNDING,
    STREET,
    by_class,
    faults_of,
    imported,
    write,
)

NO_PIXELS = np.zeros(256, np.int64)
STREET_DATA = {-1: 110} | {raw_id: 400 // (raw_id + 1) for raw_id in range(19)}
"""Raw ids of the npy Cityscapes: -1 void, 0 road to 18 bicycle."""


def pixels_of(void: int, *labels: int) -> np.ndarray:
    counts = np.zeros(256, np.int64)
    counts[: len(labels)] = labels
    counts[255] = void
    return counts


def told(found, counts, pixels=NO_PIXELS) -> dict[str, str]:
    """The warnings by kind."""
    return {w.kind: w.message for w in numeric_warnings(found, counts, pixels)}


def test_the_founding_dictionary_is_warned_of_and_the_shift_is_offered(tmp_path):
    path = write(tmp_path / "founding.yaml", FOUNDING)
    messages = told(imported(path, CITYSCAPES), STREET_DATA)
    assert list(messages) == ["shift-offered", "absent-id", "background-label", "shifted-ids"]
    assert messages["shift-offered"] == (
        "--shift -1 fixes the mapping: the raw ids look one too high for this data; "
        "import it again with --shift -1 --force"
    )
    assert "19 -> 'background'" in messages["absent-id"]
    assert "0 (road)" in messages["background-label"]
    assert told(imported(path, CITYSCAPES, shift=-1), STREET_DATA) == {}


def test_where_masks_hold_no_raw_ids_the_labels_show_the_shift(tmp_path):
    found = imported(write(tmp_path / "founding.yaml", FOUNDING), CITYSCAPES)
    messages = told(found, {}, pixels_of(11, 33, *range(20, 2, -1)))
    assert list(messages) == ["shift-offered", "background-label", "shifted-ids"]
    assert not any("the data holds" in message for message in messages.values())


def test_a_dictionary_without_the_last_entry_is_told_to_add_it(tmp_path):
    path = write(tmp_path / "founding.yaml", FOUNDING.replace(", 19: 0", ""))
    data = {raw_id: n for raw_id, n in STREET_DATA.items() if raw_id != 18}
    messages = told(imported(path, CITYSCAPES), data)
    assert "shift-offered" not in messages
    assert messages["shift-refused"] == (
        "--shift -1 would fix the mapping, but would be refused: the raw ids look one too high for "
        "this data; first add to mapping_dict an entry for 19 (bicycle)"
    )
    assert "no entry for the raw ids 18 (bicycle)" in faults_of(path, CITYSCAPES, shift=-1)[0]


def test_a_dictionary_off_by_two_is_offered_the_sum(tmp_path):
    listed = "0: 19, 1: 19, " + ", ".join(f"{i + 2}: {i}" for i in range(19))
    names = ", ".join((*CITYSCAPES.names, "background"))
    text = f"mapping_dict: {{{listed}}}\nclasses: [{names}]\n"
    path = write(tmp_path / "a.yaml", text)
    messages = told(imported(path, CITYSCAPES, shift=-1), STREET_DATA)
    assert messages["shift-offered"].startswith(
        "--shift -2 fixes the mapping: the raw ids with --shift -1 look one too high"
    )
    assert "(-1 -> -2, ..., 19 -> 18)" in messages["shifted-ids"]
    found = imported(path, CITYSCAPES, shift=-2)
    itself = {name: (name,) for name in CITYSCAPES.names}
    assert by_class(found) == itself | {"background": ("void",)}
    assert told(found, STREET_DATA) == {}


@pytest.mark.parametrize("most", [0, 1, 2])
def test_what_is_explained_and_what_is_offered_go_the_same_way(tmp_path, most):
    text = "mapping_dict: {-1: 1, 0: 0, 1: 1, 2: 0}\nclasses: [background, l2]\n"
    found = imported(write(tmp_path / "a.yaml", text), STREET)
    messages = told(found, dict.fromkeys((-1, 0, 1), 10) | {most: 50})
    offered = messages.get("shift-offered", "") + messages.get("shift-refused", "")
    assert ("lowered" in messages.get("shifted-ids", "")) == offered.startswith("--shift -1 ")
    assert ("raised" in messages.get("shifted-ids", "")) == offered.startswith("--shift 1 ")


def test_a_void_id_in_a_class_is_warned_of_as_the_masks_hold_it(tmp_path):
    listed = ", ".join(f"{i}: {i}" for i in range(19))
    text = f"mapping_dict: {{{listed}, 255: 19}}\nclasses: [{', '.join(CITYSCAPES.names)}, rest]\n"
    data = {raw_id: n for raw_id, n in STREET_DATA.items() if raw_id >= 0} | {255: 90}
    found = imported(write(tmp_path / "a.yaml", text), CITYSCAPES)
    kept = {"void-in-class": "raw id 255 (void) -> 'rest' is void but would be learned"}
    messages = told(found, data)
    assert {kind: text.partition(":")[0] for kind, text in messages.items()} == kept
    messages = told(found, {}, pixels_of(90, *[9] * 19))
    assert {kind: text.partition(":")[0] for kind, text in messages.items()} == kept


def test_only_ids_that_are_no_void_are_shifted():
    content = {"mapping_dict": {-1: 0, 255: 1, 3: 1}, "classes": ["a", "b"]}
    numeric = read_mapping_dict(content, "FILE")
    assert shifted(numeric, -1).class_of == {-1: 0, 255: 1, 2: 1}
    assert shifted(numeric, -4).class_of == {-1: 1, 255: 1}


raw_ids, places = st.integers(-1, 5) | st.just(255), st.integers(0, 3)


@given(
    st.dictionaries(raw_ids, places, min_size=2)
    | st.fixed_dictionaries(
        {0: places, 1: places, 2: places}, optional=dict.fromkeys((-1, 3, 4, 255), places)
    ),
    st.dictionaries(raw_ids, st.integers(0, 90)),
    st.integers(-2, 2),
    st.booleans(),
)
@example({-1: 1, 0: 0, 1: 1, 2: 0}, {-1: 9, 0: 50, 1: 10, 2: 10}, 0, False)
def test_whatever_shift_is_offered_importing_with_it_is_not_refused(
    tmp_path_factory, class_of, counts, shift, as_void
):
    path = tmp_path_factory.getbasetemp() / "property.json"
    classes = ["background", "road", "sky", "void"]
    content = {"mapping_dict": {str(i): c for i, c in class_of.items()}, "classes": classes}
    write(path, json.dumps(content))

    def run(by):
        return import_mapping(path, "a", "auto", STREET, Choices(None, None, None, by, as_void))

    try:
        found = run(shift)
    except InputError as error:
        for fault in error.faults:
            if "would list them all" in fault:
                hinted = int(fault.partition("(--shift ")[2].split()[0])
                assert not any("no entry" in text for text in _faults(run, hinted))
        return
    messages = told(found, counts)
    assert ("shifted-ids" in messages) == bool({"shift-offered", "shift-refused"} & set(messages))
    if "shift-offered" in messages:
        run(int(messages["shift-offered"].split()[1]))
    if "shift-refused" in messages:
        with pytest.raises(InputError):
            run(int(messages["shift-refused"].split()[1]))


def _faults(run, by: int) -> tuple[str, ...]:
    try:
        run(by)
    except InputError as error:
        return error.faults
    return ()


@pytest.fixture
def from_one() -> Taxonomy:
    """A taxonomy whose masks hold 0 for void, and labels from 1."""
    names = enumerate(("tree", "road", "sky"), 1)
    rows = [{"name": name, "id": i, "color": [i, i, i]} for i, name in names]
    return parse_taxonomy("t", {"name": "from_one", "labels": rows, "void": [0]})[0]


def test_a_dictionary_that_begins_too_low_is_offered_the_other_shift(tmp_path, from_one):
    text = "mapping_dict: {0: 1, 1: 2, 2: 0, 3: 0}\nclasses: [background, tree, road]\n"
    path = write(tmp_path / "a.yaml", text)
    messages = told(imported(path, from_one), {0: 5, 1: 20, 2: 30, 3: 10})
    assert messages["shift-offered"].startswith(
        "--shift 1 fixes the mapping: the raw ids look one too low"
    )
    found = imported(path, from_one, shift=1)
    assert by_class(found) == {"background": ("sky",), "tree": ("tree",), "road": ("road",)}


def test_void_pixels_are_shared_out_among_the_void_ids():
    counts = raw_id_counts(pixels_of(9, 3, 2, 1), STREET.encodings["default"])
    assert counts == {0: 3, 1: 2, 2: 1, -1: 5, 255: 4}
