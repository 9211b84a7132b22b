import pytest

from segexp.labels.importers.cityscapes_labels import label_table_taxonomy, read_label_table
from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import (
    CITYSCAPES,
    STREET,
    by_class,
    faults_of,
    imported,
    shipped,
    write,
)

HEAD = """\
from collections import namedtuple

Label = namedtuple( 'Label' , [
    'name' , 'id' , 'trainId' , 'category' , 'categoryId' ,
    'hasInstances' , 'ignoreInEval' , 'color' ,
    ] )

labels = [
    #       name             id    trainId   category   catId  hasInstances   ignoreInEval   color
"""
TAIL = "]\nname2label = { label.name : label for label in labels }\n"
STREET_ROWS = """\
    Label(  'unlabeled'     ,  0 ,  255 , 'void'   , 0 , False , True  , (  0,  0,  0) ),
    Label(  'sky'           , 23 ,    2 , 'sky'    , 5 , False , False , ( 70,130,180) ),
    Label(  'road'          ,  7 ,    0 , 'flat'   , 1 , False , False , (128, 64,128) ),
    Label(  'parking'       ,  9 ,  255 , 'flat'   , 1 , False , True  , (250,170,160) ),
    Label(  'traffic light' , 19 ,    1 , 'object' , 3 , False , False , (250,170, 30) ),
    Label(  'license plate' , -1 ,   -1 , 'object' , 3 , False , True  , (  0,  0,142) ),
"""
IGNORED = "not in the taxonomy street, so ignored: unlabeled, parking, license plate"
# The 19 evaluated labels with the category of each, from Cordts et al. 2016, table 1.
CATEGORY = {
    **dict.fromkeys(("road", "sidewalk"), "flat"),
    **dict.fromkeys(("building", "wall", "fence"), "construction"),
    **dict.fromkeys(("pole", "traffic light", "traffic sign"), "object"),
    **dict.fromkeys(("vegetation", "terrain"), "nature"),
    "sky": "sky",
    **dict.fromkeys(("person", "rider"), "human"),
    **dict.fromkeys(("car", "truck", "bus", "train", "motorcycle", "bicycle"), "vehicle"),
}


def cityscapes_table() -> str:
    ids = {place: i for i, place in CITYSCAPES.encodings["labelIds"].items() if place != VOID}
    rows = [
        f"    Label( {label.name!r}, {ids[i]}, {i}, {CATEGORY[label.name]!r}, 1, True, False, "
        f"{label.color} ),\n"
        for i, label in enumerate(CITYSCAPES.labels)
    ]
    caravan = "    Label( 'caravan', 29, 255, 'vehicle', 7, True, True, (0, 0, 90) ),\n"
    return HEAD + "".join(rows) + caravan + TAIL


def test_the_train_ids_of_a_label_table_are_the_classes_in_their_order(tmp_path):
    found = imported(write(tmp_path / "labels.py", HEAD + STREET_ROWS + TAIL))
    assert found.format == "cityscapes-labels"
    assert by_class(found) == {
        "road": ("road",),
        "traffic light": ("traffic light",),
        "sky": ("sky",),
    }
    assert found.mapping.colors.tolist() == [[128, 64, 128], [250, 170, 30], [70, 130, 180]]
    assert found.notes == (
        IGNORED.replace("unlabeled, parking, license plate", "license plate, unlabeled, parking"),
    )


def test_labels_that_share_a_train_id_are_named_by_the_first(tmp_path):
    table = HEAD + STREET_ROWS.replace("23 ,    2", "23 ,    0") + TAIL
    found = imported(write(tmp_path / "labels.py", table))
    assert by_class(found) == {"sky": ("sky", "road"), "traffic light": ("traffic light",)}


def test_cityscapes_own_table_gives_our_two_mappings_of_it(tmp_path):
    path = write(tmp_path / "labels.py", cityscapes_table())
    assert imported(path, CITYSCAPES).mapping.hash == shipped("cityscapes19").hash
    by_category = imported(path, CITYSCAPES, by="category").mapping
    assert by_category.hash == shipped("categories7").hash
    assert by_category.classes == shipped("categories7").classes


def test_a_csv_of_the_same_columns_is_the_same_table(tmp_path):
    rows = [line.strip() for line in STREET_ROWS.splitlines()]
    cells = [[c.strip(" '") for c in row[6:-3].split(",", 7)] for row in rows]
    header = "name,id,trainId,category,categoryId,hasInstances,ignoreInEval,color\n"
    text = header + "".join(",".join(row[:7]) + f',"{row[7]}"\n' for row in cells)
    for name in ("labels.csv", "labels.tsv"):
        path = write(tmp_path / name, text)
        from_csv = imported(path)
        assert from_csv.format == "cityscapes-labels"
        source = imported(write(tmp_path / "labels.py", HEAD + STREET_ROWS + TAIL))
        assert from_csv.mapping == source.mapping


def test_the_fields_are_those_that_the_source_defines(tmp_path):
    text = """\
Label = namedtuple('Label', 'name id kittiId trainId category color')
labels = [
    Label('road', 7, 1, 0, 'flat', (1, 2, 3)),
    Label('sky', 23, 3, 2, 'sky', color=(4, 5, 6)),
    Label(name='traffic light', id=19, kittiId=2, trainId=1, category='object', color=None),
]
"""
    found = imported(write(tmp_path / "labels.py", text))
    assert found.mapping.names == ("road", "traffic light", "sky")
    assert found.mapping.colors.tolist() == [[1, 2, 3], [250, 170, 30], [4, 5, 6]]


def test_every_fault_of_a_table_comes_with_its_line(tmp_path):
    text = """\
labels = [
    Label('road', 7, 0, 'flat', 1, True, False, (128, 64, 128), 'more'),
    Label('sky', 23, open('x').read(), 'sky'),
    Label(5, 'x', None, 'sky', 1, True, False, (1, 2)),
    Label('car', 26),
]
"""
    assert faults_of(write(tmp_path / "labels.py", text)) == [
        "FILE:2: Label has 9 values for the 8 fields",
        "FILE:3: Label trainId is computed; only written-out values are read, nothing is executed",
        "FILE:4: name: 5; expected a word",
        "FILE:4: trainId: None; expected a whole number",
        "FILE:4: id: 'x'; expected a whole number",
        "FILE:4: color: [1, 2]; expected [r, g, b] with whole numbers from 0 to 255",
        "FILE:5: category: None; expected a word",
        "FILE:5: trainId: None; expected a whole number",
    ]


def test_a_source_is_not_executed(tmp_path):
    witness = tmp_path / "executed"
    text = (
        f"open({str(witness)!r}, 'w')\nlabels = [Label(open({str(witness)!r}, 'w'), 1, 0, 'a')]\n"
    )
    assert "computed" in faults_of(write(tmp_path / "labels.py", text))[0]
    assert not witness.exists()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Label(", "FILE:1: not Python: '(' was never closed"),
        ("Label(" + "-" * 100_000 + "1)", "FILE: cannot be parsed: nested too deeply"),
        ("# Label()\n", "FILE: no Label(...) in it; expected the source of cityscapesScripts"),
    ],
)
def test_a_source_that_is_no_table_is_refused(tmp_path, text, fault):
    assert faults_of(write(tmp_path / "labels.py", text)) == [fault]


def test_a_csv_that_lacks_columns_or_cells_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "name,id,trainId,categories\nroad,7,0\n")
    assert faults_of(path) == [
        "FILE:1: no column 'category' (did you mean 'categories'?); found name, id, trainId, "
        "categories",
        "FILE:2: 3 cells for the 4 columns",
    ]


def test_labels_of_another_taxonomy_are_all_named_with_a_way_out(tmp_path):
    rows = STREET_ROWS.replace("'sky'  ", "'skyy' ").replace("'road'", "'rodd'")
    assert faults_of(write(tmp_path / "labels.py", HEAD + rows + TAIL)) == [
        "FILE:12: 'rodd' is not a label of street (did you mean 'road'?)",
        "FILE:11: 'skyy' is not a label of street (did you mean 'sky'?)",
        "FILE: does not mention road, sky of street; every label needs a class, or 'void' for its "
        "class",
        "FILE: if the labels are of another taxonomy: --taxonomy NAME, or --new-taxonomy NAME "
        "makes one of them",
    ]


def test_a_table_can_be_a_taxonomy_of_its_own(tmp_path):
    path = write(tmp_path / "labels.py", HEAD + STREET_ROWS + TAIL)
    found = imported(path, None, new_taxonomy="mine")
    taxonomy = found.mapping.taxonomy
    assert found.new_taxonomy
    assert taxonomy.name == "mine"
    assert taxonomy.names == ("sky", "road", "traffic light")
    assert taxonomy.encodings == {
        "default": {2: 0, 0: 1, 1: 2, -1: VOID, 255: VOID},
        "labelIds": {23: 0, 7: 1, 19: 2, 0: VOID, 9: VOID, -1: VOID},
    }
    assert found.mapping.names == ("road", "traffic light", "sky")


def test_our_cityscapes_taxonomy_follows_from_its_table():
    records = read_label_table(cityscapes_table(), "labels.py", is_python=True)
    ours = label_table_taxonomy("labels.py", "cityscapes19", records)
    assert ours.labels == CITYSCAPES.labels
    assert ours.encodings["default"] == CITYSCAPES.encodings["default"]
    assert ours.encodings["labelIds"].items() <= CITYSCAPES.encodings["labelIds"].items()


def test_labels_that_share_a_train_id_are_told_apart_by_their_ids(tmp_path):
    table = HEAD + STREET_ROWS.replace("23 ,    2", "23 ,    0") + TAIL
    found = imported(write(tmp_path / "labels.py", table), None, new_taxonomy="mine")
    assert found.mapping.taxonomy.encodings == {
        "default": {23: 0, 7: 1, 19: 2, 0: VOID, 9: VOID, -1: VOID}
    }
    assert by_class(found) == {"sky": ("sky", "road"), "traffic light": ("traffic light",)}


def test_a_taxonomy_needs_distinct_ids(tmp_path):
    table = HEAD + STREET_ROWS.replace("23 ,    2", " 7 ,    2") + TAIL
    path = write(tmp_path / "labels.py", table)
    assert imported(path, STREET).mapping.names == ("road", "traffic light", "sky")
    assert faults_of(path, None, new_taxonomy="mine") == [
        "FILE: encodings.labelIds.labels.road: the raw id 7 is already taken"
    ]
