"""Which format a folder has."""

import json

import pytest

from harness.trees import (
    CAMVID,
    CITYSCAPES,
    MAPPINGS,
    camvid_like,
    cityscapes_like,
    npy_like,
    picture,
    save,
)
from segexp.core.errors import InputError
from segexp.data.layout import (
    SyntheticCounts,
    layout_of,
    open_source,
    recognise_format,
)
from segexp.data.layouts import idd, layout_names, mapillary_vistas


def fault(root):
    with pytest.raises(InputError) as caught:
        recognise_format(root)
    assert len(caught.value.faults) == 1
    return caught.value.faults[0]


def test_each_layout_is_recognised_with_its_default_taxonomy(tmp_path):
    camvid = camvid_like(tmp_path / "camvid", train=1, val=1)
    npy = npy_like(tmp_path / "npy", train=1, val=1)
    official = cityscapes_like(tmp_path / "official", train=1, val=1)
    save(tmp_path / "parted" / "images" / "train" / "x.png", picture(1))
    assert recognise_format(camvid) == "folder"
    assert recognise_format(npy) == "cityscapes-npy"
    assert recognise_format(official) == "cityscapes"
    assert recognise_format(tmp_path / "parted") == "folder"
    assert layout_of("folder").taxonomy(camvid) == "camvid11"
    assert layout_of("folder").taxonomy(tmp_path / "parted") is None
    assert layout_of("cityscapes-npy").taxonomy(npy) == "cityscapes19"
    assert layout_of("cityscapes").taxonomy(official) == "cityscapes19"
    assert layout_of("synthetic").taxonomy(None) == "cityscapes19"


def test_the_taxonomies_that_layouts_imply_come_along():
    taxonomies = {path.stem for path in (MAPPINGS / "taxonomies").glob("*.yaml")}
    implied = {layout_of(name).taxonomy(None) for name in layout_names()} - {None}
    assert implied <= taxonomies
    assert {*idd.TAXONOMIES.values(), *mapillary_vistas.TAXONOMIES.values(), "voc21"} <= taxonomies


def test_a_folder_of_two_formats_is_ambiguous(tmp_path):
    camvid_like(npy_like(tmp_path, train=1, val=1), train=1, val=1)
    message = fault(tmp_path)
    assert "--format" in message
    assert "cityscapes-npy (train/image/, train/label/, val/image/, val/label/)" in message
    assert "; folder (train/image/, train/label/, trainannot/, " in message


def test_a_folder_of_nothing_known_says_what_it_holds_and_what_is_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "pictures").mkdir()
    message = fault(tmp_path)
    assert "found notes.txt, pictures/" in message
    assert "*_leftImg8bit.png with *_gtFine_labelIds.png" in message
    assert "--format" not in message  # naming one helps nobody here
    assert "found nothing" in fault(tmp_path / "pictures")


def test_images_without_masks_are_counted(tmp_path):
    save(tmp_path / "images" / "a.png", picture(1))
    assert f": no masks; {tmp_path}/images holds 1 image, such as a.png; found images/" in fault(
        tmp_path
    )


def test_data_one_level_down_are_pointed_at(tmp_path):
    npy_like(tmp_path / "data", train=1, val=1)
    assert f"did you mean {tmp_path}/data?" in fault(tmp_path)


def test_archives_are_to_be_unpacked(tmp_path):
    (tmp_path / "gtFine_trainvaltest.zip").write_text("")
    assert "no known layout: unpack gtFine_trainvaltest.zip; found " in fault(tmp_path)


def test_an_export_of_labelbox_is_told_with_what_it_lacks(tmp_path):
    """The forms of its present export, and of the first one: masks are URLs in both."""
    url = "https://api.labelbox.com/api/v1/tasks/1/masks/2/index/1"
    rows = {
        "export.ndjson": {
            "data_row": {"id": "c", "row_data": "https://storage.labelbox.com/a.jpg"},
            "projects": {"p": {"labels": [{"annotations": {"objects": [{"mask": {"url": url}}]}}]}},
        },
        "export.json": [
            {"ID": "c", "Labeled Data": url, "Label": {"objects": [{"instanceURI": url}]}}
        ],
    }
    for name, content in rows.items():
        root = tmp_path / name
        root.mkdir()
        (root / name).write_text(json.dumps(content))
        assert f"no known layout: {name} is an export of Labelbox, in which images and" in fault(
            root
        )
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rows.json").write_text('{"data_row": 1}')
    assert "Labelbox" not in fault(tmp_path / "other")


def test_a_root_that_is_no_folder_is_named(tmp_path):
    assert "does not exist" in fault(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is not a folder" in fault(tmp_path / "file")


def test_an_unknown_format_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="did you mean 'cityscapes'"):
        open_source("cityscape", tmp_path, CITYSCAPES, SyntheticCounts())


def test_a_format_of_files_needs_a_folder():
    with pytest.raises(InputError, match=r"data\.root: missing"):
        open_source("folder", None, CAMVID, SyntheticCounts())
