"""Ultralytics' polygons, in its own tree and in Roboflow's."""

import numpy as np
import pytest

from harness.trees import opened, pairs_of, picture, save
from segexp.core.data_config import MasksConfig
from segexp.data.check import check_source
from segexp.data.mask_rules import with_rules
from segexp.data.source import SampleFault
from segexp.labels.label_file import read_label_file

YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: person\n  1: car\n"
TREES = {
    "images/{}/{}.jpg": "labels/{}/{}.txt",
    "{}/images/{}.jpg": "{}/labels/{}.txt",
}
LEFT_HALF = "1 0 0 0.5 0 0.5 1 0 1\n"


def lay_out(root, images):
    for split in ("train", "val"):
        for n in range(2):
            image = root / images.format(split, f"{split}{n}")
            save(image, picture(n + 2 * (split == "val")))
            labels = root / TREES[images].format(split, f"{split}{n}")
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text(LEFT_HALF if n == 0 else "")
    (root / "data.yaml").write_text(YAML)
    return root


@pytest.mark.parametrize("images", TREES)
def test_polygons_are_drawn_at_the_size_of_their_image(tmp_path, images):
    root = lay_out(tmp_path, images)
    save(root / images.format("val", "unlabelled"), picture(9))
    taxonomy = read_label_file(root / "data.yaml", "own").taxonomy
    source = opened(root, taxonomy)
    assert source.format == "ultralytics-polygons"
    assert source.faults == ()
    assert pairs_of(source) == {
        split: {
            images.format(split, f"{split}{n}"): TREES[images].format(split, f"{split}{n}")
            for n in range(2)
        }
        for split in ("train", "val")
    }
    drawn, empty = source.splits["val"]
    assert taxonomy.names == ("person", "car", "background")
    assert source.read_labels(drawn).tolist() == [[1] * 4 + [2] * 4] * 6
    assert np.all(source.read_labels(empty) == 2)
    assert check_source(with_rules(source, MasksConfig(nearest_color=9))).faults == ()
    assert any("what none covers is background, id 2" in note for note in source.notes)
    assert any("unlabelled.jpg" in note for note in source.notes)


def test_a_taxonomy_without_background_is_refused_with_its_id(tmp_path):
    root = lay_out(tmp_path, "images/{}/{}.jpg")
    (root / "data.yaml").write_text(YAML + "masks_dir: masks\n")
    without = read_label_file(root / "data.yaml", "own").taxonomy
    (root / "data.yaml").write_text(YAML)
    source = opened(root, without)
    with pytest.raises(SampleFault, match=r"raw id 2 \(24 px\) not in the taxonomy own"):
        source.read_labels(source.splits["train"][0])


def test_boxes_are_not_taken_for_polygons(tmp_path):
    root = lay_out(tmp_path, "images/{}/{}.jpg")
    for path in root.rglob("*0.txt"):
        path.write_text("1 0.5 0.5 0.2 0.2\n")
    source = opened(root)
    assert source.format == "folder"
    assert "no masks" in source.faults[0]


def test_masks_beside_a_data_yaml_with_masks_dir_are_folders_of_masks(tmp_path):
    root = lay_out(tmp_path, "images/{}/{}.jpg")
    (root / "data.yaml").write_text(YAML + "masks_dir: masks\n")
    for path in sorted(root.glob("images/*/*.jpg")):
        mask = np.full((6, 8), 1, np.uint8)
        save(root / "masks" / path.parent.name / f"{path.stem}.png", mask)
    source = opened(root)
    assert source.format == "folder"
    assert source.faults == ()
    assert pairs_of(source)["val"]["images/val/val0.jpg"] == "masks/val/val0.png"
