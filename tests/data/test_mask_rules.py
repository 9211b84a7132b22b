"""``data.masks``: what it does to a data set, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import CAMVID, CITYSCAPES, camvid_like, cityscapes_like, opened, raw_mask, save
from segexp.core.config import Config
from segexp.core.config_keys import build_config, load_config
from segexp.core.data_config import MasksConfig
from segexp.core.errors import InputError
from segexp.data.check import check_source
from segexp.data.content_hash import source_hash
from segexp.data.mask_rules import with_rules
from segexp.data.mask_sample import sample_masks
from segexp.data.open import find_source
from segexp.data.raw_ids import count_raw_ids
from segexp.labels.taxonomy import VOID


def rules(**values: object) -> MasksConfig:
    return MasksConfig.model_validate(values)


def hash_of(root: Path, cache: Path, masks: MasksConfig | None = None) -> str:
    return source_hash(with_rules(opened(root), masks), cache)[0]


def faults_of(masks: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        build_config("config.yaml", {"data": {"masks": masks}}, {})
    return caught.value.faults


def test_ids_go_to_raw_ids_to_names_and_to_void(tmp_path):
    root = camvid_like(tmp_path / "d", train=1, val=2)
    masks = rules(void=[200], ids={100: 3, 101: "car", 3: "void"})
    save(root / "trainannot" / "train_0.png", np.array([[200, 100, 101, 3, 8]], np.uint8))
    source = with_rules(opened(root), masks)
    labels = source.read_labels(source.splits["train"][0])
    assert labels.tolist() == [[VOID, 3, 8, VOID, 8]]
    assert source.raw_ids[101] == CAMVID.names.index("car")


def test_the_ids_of_a_layout_are_those_of_its_own_numbering(tmp_path):
    # Cityscapes' labelIds: 7 is road, whose index is 0.
    root = cityscapes_like(tmp_path, train=1, val=2)
    source = opened(root, CITYSCAPES)
    labelled = with_rules(source, rules(ids={40: 7}))
    assert labelled.raw_ids[40] == labelled.raw_ids[7] == 0


def test_what_a_taxonomy_lacks_is_refused_all_at_once(tmp_path):
    source = opened(camvid_like(tmp_path / "d", train=1, val=2))
    with pytest.raises(InputError) as caught:
        with_rules(source, rules(void=[5], ids={5: 1, 6: "cars", 7: 99}))
    assert caught.value.faults == (
        "data.masks.ids: 5: is in `void` as well; say it once",
        "data.masks.ids: 6: 'cars': is not a label of the taxonomy camvid11 (did you mean 'car'?)",
        "data.masks.ids: 7: 99: is not a raw id of the taxonomy camvid11, which has 0..11",
    )


def test_the_hash_changes_with_the_rules_and_only_with_them(tmp_path):
    root = camvid_like(tmp_path / "d", train=1, val=2)
    # As it was before there were rules: studies of then go on.
    assert hash_of(root, tmp_path / "c") == hash_of(root, tmp_path / "c", rules())
    names = [rules(void=[200]), rules(ids={200: 1}), rules(channels="bgr"), rules(divide=2)]
    hashes = {hash_of(root, tmp_path / "c", masks) for masks in names}
    assert len(hashes | {hash_of(root, tmp_path / "c")}) == 5
    assert hash_of(root, tmp_path / "c", rules(ids={200: "void"})) in hashes  # the same rule


def test_samples_and_counts_are_of_ids_after_the_division(tmp_path):
    root = camvid_like(tmp_path / "d", train=1, val=2)
    for path in root.glob("*annot/*.png"):
        ids = np.asarray(Image.open(path)).astype(np.uint16)
        save(path, ids * 256 + 3)
    source = with_rules(opened(root), rules(divide=256))
    assert check_source(source).faults == ()
    assert set(count_raw_ids(source)) == {*range(6), 11}
    assert set(sample_masks(source).ids) == {*np.unique(raw_mask(0)), 6, 7}
    assert np.array_equal(source.read_labels(source.splits["train"][0])[1:], raw_mask(0)[1:])


def test_the_share_of_colours_that_were_not_exact_is_noted(tmp_path):
    root = camvid_like(tmp_path / "d", train=1, val=2)
    table = np.array([*CAMVID.colors, CAMVID.void_color], np.uint8)
    for path in root.glob("*annot/*.png"):
        colors = table[np.asarray(Image.open(path))]
        colors[5, :6] = (255, 255, 0), *([66, 1, 128],) * 5
        save(path, colors)
    source = with_rules(opened(root), rules(nearest_color=10))
    report = check_source(source)
    assert report.faults == ()
    assert report.notes == (
        "masks: 12.5% of the pixels have a colour that no label has, and were given the nearest "
        "one's label; 2.1% are more than 10 away from all, and void",
    )
    assert source.read_labels(source.splits["train"][0])[5, :7].tolist() == [VOID, *[8] * 5, 5]


def test_no_share_is_said_where_masks_are_not_files_of_their_own(tmp_path):
    # As in Parquet, whose file is no picture.
    root = camvid_like(tmp_path / "d", train=1, val=2)
    source = replace(opened(root), count_inexact=None)
    assert check_source(with_rules(source, rules(nearest_color=10))).notes == ()


def test_rules_are_written_in_the_configuration(project: Path, tmp_path):
    root = camvid_like(tmp_path / "d", train=1, val=2)
    save(root / "trainannot" / "train_0.png", raw_mask(0) + 200)
    overrides = {"data.format": "auto", "data.root": str(root)}
    masks = {"ids": {200 + i: i for i in range(12)}}
    config = load_config(project / "config.yaml", {**overrides, "data.masks": masks})
    assert check_source(find_source(project, config, [])).faults == ()
    again = build_config("again", config.to_dict(), {})  # JSON has keys of text
    assert again == config
    config = load_config(project / "config.yaml", overrides)
    assert "200" in check_source(find_source(project, config, [])).faults[0]


def test_faults_of_the_section_are_named():
    assert faults_of({"viod": [1]}) == (
        "config.yaml: data.masks.viod: unknown key (did you mean 'void'?)",
    )
    assert "did you mean 'grey'?" in faults_of({"channels": "gray"})[0]
    assert faults_of({"void": 255}) == (
        "config.yaml: data.masks.void: 255: expected a list, such as [255]",
    )
    assert "*_labelIds.png" in faults_of({"divide": 1000})[0]
    assert "data.masks.nearest_color" in faults_of({"nearest_color": 442})[0]
    with pytest.raises(InputError) as caught:
        build_config("config.yaml", {"data.masks": {"void": [1]}}, {})
    assert caught.value.faults == (
        "config.yaml: data.masks: write `masks:` below `data:`; dots are for --set",
    )
    assert Config().data.masks is None
