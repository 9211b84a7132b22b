"""COCO panoptic: segments in PNGs, categories in JSON."""

import json

import numpy as np
import pytest

from harness.trees import MAPPINGS, opened, pairs_of, picture, save
from segexp.core.data_config import MasksConfig
from segexp.core.errors import InputError
from segexp.data.content_hash import source_hash
from segexp.data.layout import layout_of
from segexp.data.mask_rules import with_rules
from segexp.data.source import SampleFault
from segexp.labels.label_file import read_label_file
from segexp.labels.taxonomy import VOID, load_taxonomy

COCO133 = load_taxonomy(MAPPINGS / "taxonomies" / "coco133.yaml")
PERSON, CAR, SKY = (COCO133.names.index(name) for name in ("person", "car", "sky-other-merged"))
COCO = {1: "person", 3: "car", 92: "banner", 187: "sky-other-merged", 200: "rug-merged"}
SEGMENTS = {3226956: 1, 261: 3, 262: 3, 65536: 187}
PIXELS = np.array([[(76, 61, 49), (5, 1, 0), (6, 1, 0), (0, 0, 1), (0, 0, 0)]], np.uint8)
"""3226956 is 76 + 256 * 61 + 65536 * 49."""

TREES = {
    "{}2017/{}.jpg": "panoptic_{}2017/{}.png",
    "images/{}2017/{}.jpg": "annotations/panoptic_{}2017/{}.png",
}


def lay_out(root, images="{}2017/{}.jpg", segments=SEGMENTS, categories=COCO):
    for split, name in (("train", "000000000009"), ("val", "000000000139")):
        save(root / images.format(split, name), picture(len(split), (1, 5)))
        save(root / TREES[images].format(split, name), PIXELS)
        info = [{"id": i, "category_id": c, "iscrowd": 0} for i, c in segments.items()]
        content = {
            "categories": [{"id": i, "name": n, "isthing": 1} for i, n in categories.items()],
            "annotations": [
                {"file_name": f"{name}.png", "image_id": int(name), "segments_info": info}
            ],
        }
        path = root / "annotations" / f"panoptic_{split}2017.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return root


@pytest.mark.parametrize("images", TREES)
def test_segments_are_read_as_their_categories(tmp_path, images):
    source = opened(lay_out(tmp_path, images), COCO133)
    assert source.format == "coco-panoptic"
    assert source.faults == source.warnings == ()
    assert pairs_of(source) == {
        split: {images.format(split, name): TREES[images].format(split, name)}
        for split, name in (("train", "000000000009"), ("val", "000000000139"))
    }
    expected = [[PERSON, CAR, CAR, SKY, VOID]]
    assert source.read_labels(source.splits["train"][0]).tolist() == expected
    assert layout_of("coco-panoptic").taxonomy(tmp_path) == "coco133"


def test_the_categories_of_the_json_are_part_of_what_the_data_is(tmp_path):
    one = opened(lay_out(tmp_path / "one"), COCO133)
    other = opened(lay_out(tmp_path / "other", segments=SEGMENTS | {262: 1}), COCO133)
    assert source_hash(one, tmp_path)[0] != source_hash(other, tmp_path)[0]


def test_categories_of_other_data_need_a_taxonomy_that_numbers_them(tmp_path):
    own = {1: "lane", 3: "cart", 187: "stall"}
    root = lay_out(tmp_path, categories=own)
    assert layout_of("coco-panoptic").taxonomy(root) is None
    with pytest.raises(InputError) as caught:
        opened(root)  # in camvid11's labels
    assert "categories that the taxonomy camvid11 lacks: 187 stall; write all of" in str(
        caught.value
    )
    taxonomy = read_label_file(root / "annotations" / "panoptic_val2017.json", "own").taxonomy
    source = opened(root, taxonomy)
    assert source.read_labels(source.splits["val"][0]).tolist() == [[0, 1, 1, 2, VOID]]
    ids = with_rules(source, MasksConfig(ids={3: "lane"}))
    assert ids.read_labels(ids.splits["val"][0]).tolist() == [[0, 0, 0, 2, VOID]]


def test_a_taxonomy_that_names_the_categories_otherwise_is_warned_of(tmp_path):
    (warning,) = opened(lay_out(tmp_path, categories=COCO | {3: "truck"}), COCO133).warnings
    assert warning == (
        "panoptic_train2017.json and the taxonomy coco133 name categories differently: 3 is truck, "
        "not car"
    )


def test_segments_and_masks_that_the_json_lacks_are_named(tmp_path):
    root = lay_out(tmp_path, segments={3226956: 1})
    save(root / "train2017" / "new.jpg", picture(9, (1, 5)))
    save(root / "panoptic_train2017" / "new.png", PIXELS)
    source = opened(root, COCO133)
    known, new = source.splits["train"]
    with pytest.raises(SampleFault, match="does not say the category of segment 261, 262, 65536"):
        source.read_labels(known)
    with pytest.raises(SampleFault, match=r"panoptic_train2017\.json has no annotation of it"):
        source.read_labels(new)


def test_a_mask_that_is_not_rgb_is_refused(tmp_path):
    root = lay_out(tmp_path)
    save(root / "panoptic_train2017" / "000000000009.png", PIXELS[..., 0])
    source = opened(root, COCO133)
    with pytest.raises(SampleFault, match="a panoptic mask is RGB of 8 bits"):
        source.read_labels(source.splits["train"][0])


def test_a_json_that_is_missing_or_of_another_form_is_named(tmp_path):
    root = lay_out(tmp_path)
    (root / "annotations" / "panoptic_val2017.json").unlink()
    (root / "annotations" / "panoptic_train2017.json").write_text('{"categories": [{"id": 1}]}')
    with pytest.raises(InputError) as caught:
        opened(root, COCO133)
    train, val = caught.value.faults
    assert (
        "panoptic_train2017.json: no COCO panoptic JSON; expected `categories` with `id` and"
        in train
    )
    assert val.endswith("panoptic_val2017.json: cannot be read: No such file or directory")


def test_masks_and_segments_that_are_there_twice_are_named(tmp_path):
    root = lay_out(tmp_path)
    path = root / "annotations" / "panoptic_val2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segments_info"].append({"id": 261, "category_id": 1})
    content["annotations"].append(content["annotations"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        opened(root, COCO133)
    assert caught.value.faults == (
        f"{path}: annotations[0]: a segment of 000000000139.png is there twice",
        f"{path}: annotations[1]: 000000000139.png is there twice; keep one",
    )
