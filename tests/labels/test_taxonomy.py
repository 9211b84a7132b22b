import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.project import ROOT
from segexp.core.errors import MAX_LISTED, InputError
from segexp.labels.taxonomy import (
    VOID,
    Label,
    Taxonomy,
    load_taxonomy,
    parse_taxonomy,
    to_label_indices,
)

TAXONOMIES = ROOT / "mappings" / "taxonomies"

# name, id, trainId, colour: cityscapesScripts, cityscapesscripts/helpers/labels.py.
CITYSCAPES = [
    ("unlabeled", 0, 255, (0, 0, 0)),
    ("ego vehicle", 1, 255, (0, 0, 0)),
    ("rectification border", 2, 255, (0, 0, 0)),
    ("out of roi", 3, 255, (0, 0, 0)),
    ("static", 4, 255, (0, 0, 0)),
    ("dynamic", 5, 255, (111, 74, 0)),
    ("ground", 6, 255, (81, 0, 81)),
    ("road", 7, 0, (128, 64, 128)),
    ("sidewalk", 8, 1, (244, 35, 232)),
    ("parking", 9, 255, (250, 170, 160)),
    ("rail track", 10, 255, (230, 150, 140)),
    ("building", 11, 2, (70, 70, 70)),
    ("wall", 12, 3, (102, 102, 156)),
    ("fence", 13, 4, (190, 153, 153)),
    ("guard rail", 14, 255, (180, 165, 180)),
    ("bridge", 15, 255, (150, 100, 100)),
    ("tunnel", 16, 255, (150, 120, 90)),
    ("pole", 17, 5, (153, 153, 153)),
    ("polegroup", 18, 255, (153, 153, 153)),
    ("traffic light", 19, 6, (250, 170, 30)),
    ("traffic sign", 20, 7, (220, 220, 0)),
    ("vegetation", 21, 8, (107, 142, 35)),
    ("terrain", 22, 9, (152, 251, 152)),
    ("sky", 23, 10, (70, 130, 180)),
    ("person", 24, 11, (220, 20, 60)),
    ("rider", 25, 12, (255, 0, 0)),
    ("car", 26, 13, (0, 0, 142)),
    ("truck", 27, 14, (0, 0, 70)),
    ("bus", 28, 15, (0, 60, 100)),
    ("caravan", 29, 255, (0, 0, 90)),
    ("trailer", 30, 255, (0, 0, 110)),
    ("train", 31, 16, (0, 80, 100)),
    ("motorcycle", 32, 17, (0, 0, 230)),
    ("bicycle", 33, 18, (119, 11, 32)),
    ("license plate", -1, -1, (0, 0, 142)),
]


def small() -> dict:
    """The content of a taxonomy file without faults."""
    return {
        "name": "small",
        "labels": [
            {"name": "road", "id": 0, "color": [128, 64, 128]},
            {"name": "no", "id": 1, "color": [1, 2, 3]},
        ],
        "void": [-1, 255],
        "void_color": [9, 9, 9],
        "encodings": {"other": {"labels": {"road": 7, "no": 8}, "void": [0]}},
    }


def faults_of(**changes: object) -> list[str]:
    _, faults = parse_taxonomy("t.yaml", small() | changes)
    return faults


def test_cityscapes19_is_the_table_of_cityscapesscripts():
    taxonomy = load_taxonomy(TAXONOMIES / "cityscapes19.yaml")
    evaluated = sorted((row for row in CITYSCAPES if 0 <= row[2] < 255), key=lambda row: row[2])
    assert taxonomy.names == tuple(name for name, *_ in evaluated)
    assert taxonomy.colors == tuple(color for *_, color in evaluated)
    assert taxonomy.void_color == (0, 0, 0)
    train_ids = {row[2] for row in CITYSCAPES}
    assert taxonomy.encodings["default"] == {i: i if 0 <= i < 255 else VOID for i in train_ids}
    assert taxonomy.encodings["labelIds"] == {
        raw_id: train_id if 0 <= train_id < 255 else VOID for _, raw_id, train_id, _ in CITYSCAPES
    }


def test_in_the_npy_numbering_0_is_road_and_18_is_bicycle():
    taxonomy = load_taxonomy(TAXONOMIES / "cityscapes19.yaml")
    labels, unknown = to_label_indices(np.array([-1, 0, 18]), taxonomy.encodings["default"])
    assert labels.tolist() == [VOID, taxonomy.names.index("road"), taxonomy.names.index("bicycle")]
    assert unknown == {}


def test_camvid11_is_the_numbering_of_the_segnet_tutorial():
    taxonomy = load_taxonomy(TAXONOMIES / "camvid11.yaml")
    # SegNet-Tutorial, Scripts/test_segmentation_camvid.py: Sky ... Bicyclist, Unlabelled.
    assert taxonomy.names == (
        *("sky", "building", "pole", "road", "pavement", "tree", "sign_symbol", "fence", "car"),
        *("pedestrian", "bicyclist"),
    )
    assert taxonomy.encodings == {"default": {**{i: i for i in range(11)}, 11: VOID}}


@pytest.mark.parametrize("path", sorted(TAXONOMIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_taxonomy_comes_back_from_its_content(path):
    taxonomy = load_taxonomy(path)
    again, faults = parse_taxonomy("again", taxonomy.to_dict())
    assert faults == []
    assert again == taxonomy
    assert again.hash == taxonomy.hash


def test_a_taxonomy_comes_back_from_its_content():
    taxonomy, faults = parse_taxonomy("t.yaml", small())
    assert faults == []
    assert taxonomy.to_dict() == small()
    assert taxonomy.names == ("road", "no")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": small()["labels"][::-1]},
        {"void": [-1]},
        {"void_color": [0, 0, 0]},
        {"encodings": {}},
        {"encodings": {"other": {"labels": {"road": 7, "no": 9}, "void": [0]}}},
        {"labels": [{**small()["labels"][0], "id": 2}, small()["labels"][1]]},
        {"labels": [{**small()["labels"][0], "color": [0, 0, 1]}, small()["labels"][1]]},
    ],
)
def test_the_hash_changes_with_what_a_mask_means(changes):
    changed, faults = parse_taxonomy("t", small() | changes)
    assert faults == []
    assert changed.hash != parse_taxonomy("t", small())[0].hash


def test_the_hash_does_not_change_with_the_name_or_the_order_of_ids():
    content = small() | {"name": "renamed", "void": [255, -1]}
    assert parse_taxonomy("t", content)[0].hash == parse_taxonomy("t", small())[0].hash


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"labels": []}, "t.yaml: labels: expected a list of {name, id, color}"),
        ({"labels": "road"}, "t.yaml: labels: expected a list of {name, id, color}"),
        ({"void": None}, "t.yaml: void: None; expected a list of raw ids"),
        ({"void": [-1, "x"]}, "t.yaml: void[1]: 'x'; expected a whole number"),
        ({"void": [1]}, "t.yaml: void[0]: the raw id 1 is already taken"),
        ({"void": [True]}, "t.yaml: void[0]: True; expected a whole number"),
        (
            {"void_color": [0, 0]},
            "t.yaml: void_color: [0, 0]; expected [r, g, b] with whole numbers from 0 to 255",
        ),
        (
            {"encodings": {"default": {}}},
            "t.yaml: encodings: expected names other than `default` with their ids, at most 32",
        ),
        (
            {"encodings": {"other": {"labels": {}}}},
            "t.yaml: encodings.other: expected the keys `labels` (name: id) and `void` "
            "(a list of ids)",
        ),
        (
            {"encodings": {"other": {"labels": {"road": 7, "no": 7}, "void": []}}},
            "t.yaml: encodings.other.labels.no: the raw id 7 is already taken",
        ),
        (
            {"encodings": {"other": {"labels": {"road": 7}, "void": []}}},
            "t.yaml: encodings.other.labels: 'no' is missing",
        ),
        (
            {"encodings": {"other": {"labels": {"road": 1, "no": 2, "rod": 3}, "void": []}}},
            "t.yaml: encodings.other.labels.rod: no such label (did you mean 'road'?)",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_would_be_right(changes, fault):
    assert faults_of(**changes)[0] == fault


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("road", "'road'; expected {name: ..., id: ..., color: [r, g, b]}"),
        ({"name": "a", "id": 2}, "{'name': 'a', 'id': 2}; expected"),
        ({"name": False, "id": 2, "color": [0, 0, 0]}, "name: False; must be a word"),
        ({"name": "void", "id": 2, "color": [0, 0, 0]}, "name: 'void'; must be a word other"),
        ({"name": " ", "id": 2, "color": [0, 0, 0]}, "name: ' '; must be a word"),
        ({"name": "road", "id": 2, "color": [0, 0, 0]}, "name: 'road' appears twice"),
        (
            {"name": "a\x1b[31m", "id": 2, "color": [0, 0, 0]},
            r"name: 'a\x1b[31m': has characters that cannot be printed",
        ),
        (
            {"name": "a" * 101, "id": 2, "color": [0, 0, 0]},
            f"name: '{'a' * 40}...': longer than 100 characters",
        ),
        ({"name": "a", "id": 1.0, "color": [0, 0, 0]}, "id: 1.0; expected a whole number"),
        ({"name": "a", "id": 2, "color": [0, 0, 256]}, "color: [0, 0, 256]; expected [r, g, b]"),
        ({"name": "a", "id": 2, "color": "red"}, "color: 'red'; expected [r, g, b]"),
    ],
)
def test_a_fault_in_a_label_names_its_row(row, fault):
    (found,) = [f for f in faults_of(labels=[*small()["labels"], row]) if "encodings" not in f]
    assert found.removeprefix("t.yaml: labels[2]: ").startswith(fault)


def test_more_labels_than_8_bits_hold_beside_void_are_refused():
    rows = [{"name": f"l{i}", "id": i, "color": [0, 0, 0]} for i in range(256)]
    fitting = faults_of(labels=rows[:255], void=[], encodings={})
    assert fitting == []
    assert "256; at most 255" in faults_of(labels=rows, void=[], encodings={})[0]


def test_a_file_with_many_faults_is_refused_with_all_of_them(tmp_path):
    content = small() | {"name": "other", "colour": 1, "void": [0], "void_color": "black"}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_taxonomy(path)
    known = "name, description, labels, void, void_color, encodings"
    assert caught.value.faults == (
        f"{path}: colour: unknown key (did you mean 'void_color'?); known are {known}",
        f"{path}: void[0]: the raw id 0 is already taken",
        f"{path}: void_color: 'black'; expected [r, g, b] with whole numbers from 0 to 255",
        f"{path}: name: 'other'; must be the file's own name, 'small'",
    )


def test_a_label_called_no_is_a_label(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text(
        "name: words\nlabels:\n"
        "  - {name: no, id: 0, color: [0, 0, 1]}\n  - {name: on, id: 1, color: [0, 0, 2]}\n"
    )
    assert load_taxonomy(path).names == ("no", "on")


KNOWN = {-32768: 4, -1: VOID, 0: 0, 1: 1, 7: 2, 127: 3, 200: 5, 255: VOID, 32767: 6}


def naive(raw: np.ndarray, encoding: dict[int, int]) -> tuple[list[int], dict[int, int]]:
    """What to_label_indices returns, pixel by pixel."""
    ids = [int(value) for value in raw.ravel()]
    unknown = {value: ids.count(value) for value in set(ids) - set(encoding)}
    return [encoding.get(value, VOID) for value in ids], unknown


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("encoding", [KNOWN, {}, {3: 0}], ids=["many", "none", "one"])
def test_every_id_of_8_and_16_bits_is_looked_up_or_counted(dtype, encoding):
    limits = np.iinfo(dtype)
    raw = np.arange(limits.min, limits.max + 1).astype(dtype)
    labels, unknown = to_label_indices(raw, encoding)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [encoding.get(i, VOID) for i in range(limits.min, limits.max + 1)]
    expected = {i: 1 for i in range(limits.min, limits.max + 1) if i not in encoding}
    assert unknown == expected


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64]),
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
    )
)
def test_any_integers_are_looked_up_and_unknown_ones_are_counted(raw):
    labels, unknown = to_label_indices(raw, KNOWN)
    expected, counts = naive(raw, KNOWN)
    assert labels.shape == raw.shape
    assert labels.dtype == np.uint8
    assert labels.ravel().tolist() == expected
    assert unknown == counts


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**31 - 1, -(2**31), 0, 0], np.int32),
        ([2**63 - 1, -(2**63), 7], np.int64),
        ([2**63 + 5, 2**63 + 5], np.uint64),
        ([2**64 - 1, 0, 1], np.uint64),
        ([131072, 0, 1], np.int32),  # the widest range that goes through a table
        ([131073, 0, 1], np.int32),  # and the first that does not
        ([1_000_000, 1_000_001], np.int64),
    ],
)
def test_huge_ids_are_unknown_and_counted(values, dtype):
    raw = np.array(values, dtype)
    labels, unknown = to_label_indices(raw, KNOWN)
    assert (labels.tolist(), unknown) == naive(raw, KNOWN)


def test_a_huge_id_that_the_taxonomy_names_is_known():
    encoding = {0: 0, 2**40: 1}
    labels, unknown = to_label_indices(np.array([[2**40, 0], [5, 2**40]]), encoding)
    assert labels.tolist() == [[1, 0], [VOID, 1]]
    assert unknown == {5: 1}


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0)])
def test_an_empty_mask_stays_empty(shape):
    labels, unknown = to_label_indices(np.zeros(shape, np.int16), KNOWN)
    assert labels.shape == shape
    assert labels.dtype == np.uint8
    assert unknown == {}


def test_a_mask_of_booleans_holds_the_ids_0_and_1():
    labels, unknown = to_label_indices(np.array([True, False]), {0: 4, 1: 5})
    assert labels.tolist() == [5, 4]
    assert unknown == {}


def test_a_mask_that_is_a_read_only_strided_view_is_looked_up():
    raw = np.arange(-1, 19, dtype=np.int8).reshape(4, 5)[::2, ::-1].T
    raw.flags.writeable = False
    before = raw.copy()
    labels, _ = to_label_indices(raw, KNOWN)
    assert labels.ravel().tolist() == naive(raw, KNOWN)[0]
    np.testing.assert_array_equal(raw, before)


def test_a_big_endian_mask_is_looked_up():
    labels, _ = to_label_indices(np.array([7, -1], ">i4"), KNOWN)
    assert labels.tolist() == [2, VOID]


def test_thousands_of_labels_are_one_fault():
    content = small() | {"labels": [{"name": f"l{i}"} for i in range(5000)]}
    _, faults = parse_taxonomy("t.yaml", content)
    assert "t.yaml: labels: 5000; at most 255 fit into 8 bits beside void" in faults
    assert len(faults) < 60


def test_of_thousands_of_wrong_ids_the_first_are_told():
    _, faults = parse_taxonomy("t.yaml", small() | {"void": ["x"] * 5000})
    assert len(faults) == MAX_LISTED + 1
    assert faults[-1] == f"t.yaml: void: and {5000 - MAX_LISTED} more like these"


@pytest.mark.parametrize("raw_id", [2**33, -(2**40), 2**63])
def test_a_raw_id_that_no_mask_can_hold_is_refused(raw_id):
    _, faults = parse_taxonomy("t.yaml", small() | {"void": [raw_id]})
    assert faults == [f"t.yaml: void[0]: {raw_id}; expected a whole number of at most 32 bits"]


@pytest.mark.parametrize("name", [None, 5, "../x", "a b", "NUL", ["x"]])
def test_a_taxonomy_is_called_as_a_file_may_be(name):
    _, faults = parse_taxonomy("t.yaml", small() | {"name": name})
    assert len(faults) == 1
    assert faults[0].startswith("t.yaml: name")


@pytest.mark.parametrize("encodings", [{5: {}}, {f"e{i}": {} for i in range(99)}, {"../x": {}}])
def test_encodings_have_names_and_are_few(encodings):
    _, faults = parse_taxonomy("t.yaml", small() | {"encodings": encodings})
    assert faults[0].startswith("t.yaml: encodings: ")


@pytest.mark.parametrize("path", sorted(TAXONOMIES.glob("*.yaml")), ids=str)
def test_a_shipped_taxonomy_survives_the_round_trip(path: Path):
    taxonomy = load_taxonomy(path)
    again, faults = parse_taxonomy("bundle.json", json.loads(json.dumps(taxonomy.to_dict())))
    assert faults == []
    assert again == taxonomy
    assert again.hash == taxonomy.hash


def test_a_taxonomy_with_odd_ids_survives_the_round_trip():
    taxonomy = Taxonomy(
        name="odd",
        labels=(Label("a", (1, 2, 3)), Label("b", (4, 5, 6))),
        encodings={"default": {-7: 0, 70_000: 1, -1: VOID, 255: VOID}, "other": {0: 1, 1: 0}},
        void_color=(9, 8, 7),
    )
    again, faults = parse_taxonomy("bundle.json", json.loads(json.dumps(taxonomy.to_dict())))
    assert faults == []
    assert again == taxonomy
