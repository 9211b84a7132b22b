"""What the masks of a folder mean: from a file, from the layout, or from the masks alone."""

from pathlib import Path

import numpy as np
import pytest

from harness.project import ROOT
from harness.trees import camvid_like, picture, save
from segexp.core.data_config import DataConfig, MasksConfig
from segexp.core.errors import InputError
from segexp.data.labels_found import FoundLabels, find_labels, proposed_merge
from segexp.data.layout import recognise_format

CAT, DOG = (200, 0, 0), (0, 0, 200)


def pets(root: Path, *masks: np.ndarray, names: tuple[str, ...] = ("train", "val")) -> Path:
    """`images/<split>` with `masks/<split>`, one mask after the other in each split."""
    for split in names:
        for number, mask in enumerate(masks):
            save(root / "images" / split / f"{number}.png", picture(number + 10 * len(split)))
            save(root / "masks" / split / f"{number}.png", mask)
    return root


def ids(*rows: int) -> np.ndarray:
    return np.repeat(np.array(rows, np.uint8)[:, None], 8, axis=1)


def found(root: Path, **options) -> FoundLabels:
    return find_labels(
        recognise_format(root),
        root,
        "pets",
        ROOT / "mappings",
        data=DataConfig(format="auto"),
        **options,
    )


def test_a_label_file_in_the_folder_names_the_ids(tmp_path):
    pets(tmp_path, ids(0, 1, 2, 2, 2, 255))
    (tmp_path / "labels.txt").write_text("background\ncat\ndog\n")
    labels = found(tmp_path)
    assert labels.taxonomy.names == ("background", "cat", "dog")
    assert labels.origin == str(tmp_path / "labels.txt")
    assert not labels.unnamed
    (sample,) = labels.source.splits["val"]
    assert labels.source.read_labels(sample)[:, 0].tolist() == [0, 1, 2, 2, 2, 255]


def test_colours_that_the_layout_knows_as_void_are_not_unknown(tmp_path):
    """A guard rail is no label of cityscapes19, and has a colour in Cityscapes' masks."""
    colors = np.full((6, 8, 3), (128, 64, 128), np.uint8)
    colors[:2] = (180, 165, 180)
    for number, split in enumerate(("train", "val")):
        name = f"{split}/ulm/ulm_000000_00001{number}"
        save(tmp_path / "leftImg8bit" / f"{name}_leftImg8bit.png", picture(number))
        save(tmp_path / "gtFine" / f"{name}_gtFine_color.png", colors)
    labels = found(tmp_path)
    assert labels.taxonomy.name == "cityscapes19"
    (sample,) = labels.source.splits["val"]
    assert labels.source.read_labels(sample)[:, 0].tolist() == [255, 255, 0, 0, 0, 0]


def test_masks_that_cannot_be_read_are_refused_with_why_the_first_cannot(tmp_path):
    pets(tmp_path, ids(0, 1, 2, 2, 2, 255))
    for path in tmp_path.glob("masks/*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(
        InputError, match=r"none of 2 masks can be read; the first is .*0\.png.*is empty"
    ):
        found(tmp_path)


def test_the_file_that_a_person_names_counts(tmp_path):
    pets(tmp_path / "data", ids(0, 1, 2, 2, 2, 255))
    (tmp_path / "data" / "labels.txt").write_text("background\ncat\ndog\n")
    (tmp_path / "mine.txt").write_text("wall\nlion\nwolf\n")
    labels = found(tmp_path / "data", classes=tmp_path / "mine.txt")
    assert labels.taxonomy.names == ("wall", "lion", "wolf")


def test_the_layout_may_imply_labels_that_come_with_segexp(tmp_path):
    labels = found(camvid_like(tmp_path, train=2, val=1))
    assert labels.taxonomy.name == "camvid11"
    assert labels.is_shipped
    assert [m.name for m in labels.mappings][:2] == ["camvid11", "camvid_merged6"]


def test_ids_of_all_masks_are_labels_where_nothing_names_them(tmp_path):
    """The id 46 is in one mask alone; 255 is void, and the stretched ids are kept."""
    labels = found(pets(tmp_path, ids(0, 23, 23, 23), ids(0, 0, 46, 255)))
    assert labels.taxonomy.names == ("label_0", "label_23", "label_46")
    assert labels.taxonomy.encodings["default"] == {0: 0, 23: 1, 46: 2, 255: 255}
    assert labels.unnamed
    assert labels.origin == "the ids of 4 masks"


def test_a_file_called_labels_that_is_no_list_of_them_is_said_to_be_left_aside(tmp_path):
    pets(tmp_path, ids(0, 1))
    (tmp_path / "labels.txt").write_text("cat\ncat\n")
    labels = found(tmp_path)
    assert labels.unnamed
    assert labels.notes[0].startswith(f"left aside: {tmp_path}/labels.txt, no list of labels")


def test_a_taxonomy_that_is_named_is_not_given_way_to_the_one_that_is_implied(tmp_path):
    root = camvid_like(tmp_path, train=2, val=1)
    data = DataConfig(format="auto", taxonomy="other")
    with pytest.raises(InputError, match="'other' does not come with segexp, and the folder tells"):
        find_labels("folder", root, "other", ROOT / "mappings", data=data)


def test_ids_are_counted_as_the_rules_for_masks_read_them(tmp_path):
    """Ids of 256 for each instance, as Mapillary's; 9 is said to be void."""
    rows = [7 * 256, 9 * 256, 26 * 256, 26 * 256 + 1]
    mask = np.repeat(np.array(rows, np.uint16)[:, None], 8, axis=1)
    data = DataConfig(format="auto", masks=MasksConfig(divide=256, void=(9,)))
    root = pets(tmp_path, mask)
    labels = find_labels(recognise_format(root), root, "pets", ROOT / "mappings", data=data)
    assert labels.taxonomy.names == ("label_7", "label_26")
    assert labels.taxonomy.encodings["default"] == {7: 0, 26: 1, 9: 255, 255: 255}


def test_in_masks_of_0_and_255_alone_255_is_a_label(tmp_path):
    labels = found(pets(tmp_path, ids(0, 255, 255)))
    assert labels.taxonomy.names == ("label_0", "label_255")
    assert labels.taxonomy.encodings["default"] == {0: 0, 255: 1}


def test_the_mapping_of_all_labels_comes_first_also_where_none_is_shipped(tmp_path):
    data = DataConfig(format="auto", taxonomy="voc21")
    root = pets(tmp_path, ids(0, 8, 12, 255))
    labels = find_labels(recognise_format(root), root, "pets", ROOT / "mappings", data=data)
    assert [m.name for m in labels.mappings] == ["voc21"]
    data = DataConfig(format="auto", taxonomy="idd40")
    labels = find_labels(recognise_format(root), root, "pets", ROOT / "mappings", data=data)
    names = [m.name for m in labels.mappings]
    assert names == ["idd40", "idd40_to_7", "idd40_to_26", "idd40_to_19"]


def test_two_labels_of_a_file_are_0_and_255_where_the_masks_hold_these(tmp_path):
    pets(tmp_path, ids(0, 255, 255))
    (tmp_path / "labels.txt").write_text("background\ncell\n")
    labels = found(tmp_path)
    assert labels.taxonomy.encodings["default"] == {0: 0, 255: 1}
    assert labels.mappings[0].names == ("background", "cell")
    assert "the masks hold 0 and 255 alone: 0 is 'background', 255 is 'cell'" in labels.notes


def test_every_colour_is_a_label_black_too(tmp_path):
    mask = np.zeros((4, 8, 3), np.uint8)
    mask[1], mask[2:] = CAT, DOG
    labels = found(pets(tmp_path, mask))
    assert labels.taxonomy.colors == ((0, 0, 0), DOG, CAT)
    assert labels.taxonomy.void_color not in labels.taxonomy.colors
    (sample,) = labels.source.splits["val"]
    assert labels.source.read_labels(sample)[:, 0].tolist() == [0, 2, 1, 1]


def test_ids_that_the_label_file_lacks_are_refused_with_their_share(tmp_path):
    pets(tmp_path, ids(0, 1, 2, 9))
    (tmp_path / "labels.txt").write_text("background\ncat\ndog\n")
    with pytest.raises(InputError) as caught:
        found(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 2 masks hold 9 (25.0%) of the pixels, which {tmp_path}/labels.txt lacks; "
        "name another label file with --classes FILE, or add them to it; if void: "
        "`--set data.masks='{void: [9]}'`"
    )


def test_a_label_file_that_gave_way_to_the_layouts_labels_is_named_where_these_do_not_fit(tmp_path):
    for split, name in (("train", "0001TP_0000"), ("val", "0001TP_0001")):
        save(tmp_path / split / f"{name}.png", picture(len(split)))
        save(tmp_path / f"{split}_labels" / f"{name}_L.png", np.full((6, 8, 3), 77, np.uint8))
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nrest,0,0,0\nwall,77,77,77\n")
    with pytest.raises(InputError, match=f"--classes {tmp_path}/class_dict.csv, or add them"):
        found(tmp_path)


def test_masks_of_colours_are_read_by_the_colours_of_a_label_file_not_by_its_ids(tmp_path):
    mask = np.zeros((6, 8, 3), np.uint8)
    mask[2:] = 77
    pets(tmp_path, mask)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nrest,0,0,0\nwall,77,77,77\n")
    assert found(tmp_path).notes[-1] == "the masks hold colours: these count, not the ids"


def test_masks_of_void_alone_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"2 masks hold void alone \(255\)"):
        found(pets(tmp_path, ids(255)))


def test_arrays_that_cannot_be_read_are_refused_with_why(tmp_path):
    pets(tmp_path, ids(0, 1))
    for path in [*tmp_path.glob("masks/*/*.png")]:
        np.save(path.with_suffix(".npy"), np.array([{}], object))
        path.unlink()
    with pytest.raises(InputError, match=r"none of 2 masks can be read; the first is .*0\.npy"):
        found(tmp_path)


def test_masks_of_one_label_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"2 masks hold 1 id \(0\), and no label file"):
        found(pets(tmp_path, ids(0, 0, 0)))


def test_masks_of_colours_without_end_are_refused_with_the_way_out(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    with pytest.raises(InputError, match=r"hold 1,600 colours \(.*nearest_color: 24"):
        found(pets(tmp_path, noise))


def test_ids_and_colours_together_are_refused(tmp_path):
    colors = np.zeros((4, 8, 3), np.uint8)
    colors[2:] = CAT
    with pytest.raises(InputError, match="some hold ids and others hold colours"):
        found(pets(tmp_path, ids(0, 1, 1, 1), colors))


def test_the_classes_that_cover_least_are_proposed_as_one(tmp_path):
    """Of 8 rows of 40 pixels, 2 and 3 have 1 and 2 pixels: 0.3% and 0.6% of all."""
    mask = np.repeat(np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8)[:, None], 40, axis=1)
    mask[0, 0], mask[7, :2] = 2, 3
    labels = found(pets(tmp_path, mask))
    merged = proposed_merge(labels)
    assert merged is not None
    assert merged.name == "pets_merged"
    assert [c.labels for c in merged.classes] == [
        ("label_0",),
        ("label_1",),
        ("label_2", "label_3"),
    ]
    assert merged.names[-1] == "other"


def test_the_name_of_the_proposal_is_one_that_a_mapping_may_have(tmp_path):
    mask = np.zeros((40, 40), np.uint8)
    mask[20:] = 1
    mask[0, :2] = 2, 3
    root = pets(tmp_path, mask)
    layout, data = recognise_format(root), DataConfig(format="auto")
    merged = proposed_merge(find_labels(layout, root, "p" * 100, ROOT / "mappings", data=data))
    assert merged.name == "p" * 93 + "_merged"


def test_nothing_is_proposed_where_no_two_classes_are_rare(tmp_path):
    assert proposed_merge(found(pets(tmp_path, ids(0, 1, 2, 2)))) is None


def test_what_the_file_calls_void_stays_void_in_the_proposal(tmp_path):
    mask = np.repeat(np.array([0, 0, 0, 0, 1, 1, 1, 4], np.uint8)[:, None], 40, axis=1)
    mask[0, 0], mask[6, :2] = 2, 3
    pets(tmp_path, mask)
    (tmp_path / "labels.txt").write_text("road\nsky\npole\nsign\nvoid\n".replace("void", "Void"))
    merged = proposed_merge(found(tmp_path))
    assert merged is not None
    assert merged.void_labels == ("Void",)
    assert merged.names == ("road", "sky", "other")


def test_colours_of_a_taxonomy_that_comes_along_tell_it(tmp_path):
    """As in a CamVid of 32 colours in folders that would imply the 11 labels."""
    mask = np.zeros((5, 8, 3), np.uint8)
    mask[0], mask[1], mask[2], mask[3] = (64, 128, 64), (192, 0, 128), (0, 128, 192), (0, 128, 64)
    for split in ("train", "val"):
        save(tmp_path / split / "0.png", picture(len(split), (5, 8)))
        save(tmp_path / f"{split}annot" / "0.png", mask)
    labels = found(tmp_path)
    assert labels.taxonomy.name == "camvid32"
    assert labels.mappings[0].names[:4] == ("Animal", "Archway", "Bicyclist", "Bridge")


def test_faults_of_the_listing_are_told_before_masks_are_read(tmp_path):
    save(tmp_path / "images" / "a.png", picture(0))
    save(tmp_path / "masks" / "b.png", ids(0, 1))
    with pytest.raises(InputError) as caught:
        found(tmp_path)
    assert "no mask has the name of an image" in caught.value.faults[0]


def test_a_label_file_beside_images_and_masks_is_found_however_deep_they_lie(tmp_path):
    deep = pets(tmp_path / "export" / "2024" / "v1" / "data", ids(0, 1))
    (deep / "labels.txt").write_text("cat\ndog\n")
    assert found(tmp_path).taxonomy.names == ("cat", "dog")
