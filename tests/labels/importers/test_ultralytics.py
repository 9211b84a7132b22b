"""Ultralytics' data.yaml for semantic segmentation."""

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import CITYSCAPES, faults_of, imported, write

HEAD = "path: cityscapes\ntrain: images/train\nval: images/val\nmasks_dir: masks\n"
CITYSCAPES_NAMES = "".join(f"  {i}: {name}\n" for i, name in enumerate(CITYSCAPES.names))
OF_RAW_ID = dict(zip((7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33), range(19), strict=True))


@pytest.mark.parametrize("names", ["names: [road, car, sky]", "names: {0: road, 1: car, 2: sky}"])
def test_the_places_of_the_names_are_the_raw_ids(tmp_path, names):
    found = imported(write(tmp_path / "data.yaml", HEAD + names), None, new_taxonomy="own")
    assert found.mapping.taxonomy.names == ("road", "car", "sky")
    assert found.mapping.taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}
    assert not any("polygons" in note for note in found.notes)


def test_names_of_polygons_may_be_numbered_one_higher_in_masks(tmp_path):
    path = write(tmp_path / "data.yaml", "train: images\nnc: 2\nnames: [cat, dog]\n")
    notes = imported(path, None, new_taxonomy="own").notes
    (note,) = [note for note in notes if note.startswith("without masks_dir")]
    assert note.endswith(
        "each number one higher: look at a mask, and if so import it with --ids 1,2,0"
    )
    found = imported(path, None, new_taxonomy="own", ids=(1, 2, 0))
    assert found.mapping.taxonomy.names == ("cat", "dog", "background")
    assert found.mapping.taxonomy.encodings == {"default": {1: 0, 2: 1, 0: 2, 255: VOID}}
    assert not any("polygons" in note for note in found.notes)


def test_a_label_mapping_says_which_raw_ids_the_masks_hold(tmp_path):
    lines = [f"  {i}: {OF_RAW_ID.get(i, 'ignore_label')}\n" for i in range(-1, 34)]
    text = f"{HEAD}names:\n{CITYSCAPES_NAMES}label_mapping:\n{''.join(lines)}"
    taxonomy = imported(write(tmp_path / "c.yaml", text), None, new_taxonomy="own").mapping.taxonomy
    assert taxonomy.names == CITYSCAPES.names
    assert taxonomy.encodings["default"] == CITYSCAPES.encodings["labelIds"] | {-1: VOID, 255: VOID}


def test_faults_of_a_label_mapping_are_told(tmp_path):
    text = HEAD + "names: [road, car]\nlabel_mapping: {7: 0, 8: 0, x: 1, 9: y, 10: 255}\n"
    assert faults_of(write(tmp_path / "a.yaml", text), None, new_taxonomy="own") == [
        "FILE: label_mapping[8]: 0, as 7 is; give each raw id a name of its own, and join them in "
        "a mapping",
        "FILE: label_mapping['x']: 1; expected `raw id: id`",
        "FILE: label_mapping[9]: 'y'; expected `raw id: id`",
    ]
    text = HEAD + "names: [road, car]\nlabel_mapping: {7: 0}\n"
    assert faults_of(write(tmp_path / "b.yaml", text), None, new_taxonomy="own") == [
        "FILE: label_mapping: no raw id becomes 1 (car)"
    ]


def test_what_no_polygon_covers_is_a_label_of_its_own_after_the_others(tmp_path):
    text = HEAD.replace("masks_dir: masks\n", "") + "names: [person, car]\n"
    taxonomy = imported(write(tmp_path / "a.yaml", text), None, new_taxonomy="own").mapping.taxonomy
    assert taxonomy.names == ("person", "car", "background")
    assert taxonomy.encodings["default"] == {0: 0, 1: 1, 2: 2, 255: VOID}
    text = text.replace("person", "background")
    taxonomy = imported(write(tmp_path / "b.yaml", text), None, new_taxonomy="own").mapping.taxonomy
    assert taxonomy.names == ("background", "car")
