"""The files of a project for a folder."""

import numpy as np
import pytest
import yaml

from harness.project import ROOT
from harness.trees import camvid_like, picture, raw_mask, save
from segexp.core.config_keys import load_config
from segexp.core.data_config import DataConfig
from segexp.data.labels_found import find_labels
from segexp.data.layout import recognise_format
from segexp.data.new_project import ProjectFiles, image_size, project_files
from segexp.data.open import find_source
from segexp.labels.files import find_mappings, load_mapping


def files_for(root, name="pets") -> ProjectFiles:
    layout = recognise_format(root)
    found = find_labels(layout, root, name, ROOT / "mappings", data=DataConfig(format="auto"))
    return project_files(ROOT, layout, DataConfig(format="auto"), found)


def test_the_configuration_names_the_data_and_keeps_its_comments(tmp_path):
    data = camvid_like(tmp_path / "my data: #1", train=2, val=1)
    texts = files_for(data).texts
    (tmp_path / "config.yaml").write_text(texts["config.yaml"])
    config = load_config(tmp_path / "config.yaml", {})
    assert config.data.root == str(data)
    assert (config.data.format, config.data.taxonomy, config.mapping) == (
        "folder",
        "camvid11",
        "camvid11",
    )
    assert "# segexp project. `segexp tune` reads this file" in texts["config.yaml"]
    assert texts["mappings/camvid_merged6.yaml"] == (
        ROOT / "mappings" / "camvid_merged6.yaml"
    ).read_text(encoding="utf-8")
    assert "mapping: [camvid11, camvid_merged6]" in texts["studies/default.yaml"]


def test_the_labels_that_data_may_be_read_in_come_along(tmp_path):
    """camvid11_to_19 leads to Cityscapes' labels: data.relabel needs them and their mappings."""
    data = camvid_like(tmp_path / "data", train=2, val=2)
    for path, text in files_for(data).texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    words = {"data.relabel": "camvid11_to_19"}
    config = load_config(tmp_path / "config.yaml", words)
    source = find_source(tmp_path, config, find_mappings(tmp_path, ["cityscapes19", "merged10"]))
    assert source.taxonomy.name == "cityscapes19"


@pytest.mark.parametrize("rule", [None, "stretch", "none", {"short_side": 64}, {"factor": 0.5}])
def test_images_fit_into_their_size_unless_another_rule_is_asked_for(tmp_path, rule):
    data = camvid_like(tmp_path / "data", train=2, val=1)
    said = DataConfig(format="auto") if rule is None else DataConfig(format="auto", resize=rule)
    found = find_labels("folder", data, "pets", ROOT / "mappings", data=said)
    text = project_files(ROOT, "folder", said, found).texts["config.yaml"]
    (tmp_path / "config.yaml").write_text(text)
    config = load_config(tmp_path / "config.yaml", {})
    assert config.to_dict()["data"]["resize"] == (rule or "fit")


def test_a_new_taxonomy_and_its_mappings_are_read_back(tmp_path):
    mask = np.repeat(np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8)[:, None], 40, axis=1)
    mask[0, 0], mask[7, :2] = 2, 3
    for split in ("train", "val"):
        save(tmp_path / "data" / "images" / split / "x.png", picture(len(split), (8, 40)))
        save(tmp_path / "data" / "masks" / split / "x.png", mask)
    files = files_for(tmp_path / "data")
    for path, text in files.texts.items():
        (tmp_path / "p" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / path).write_text(text, encoding="utf-8")
    for mapping in files.mappings:
        assert load_mapping(tmp_path / "p" / "mappings" / f"{mapping.name}.yaml") == mapping
    assert [len(m.classes) for m in files.mappings] == [4, 3]
    assert "mapping: [pets, pets_merged]" in files.texts["studies/default.yaml"]


@pytest.mark.parametrize("name", ["2017", "1e3", "null", "no"])
def test_names_that_yaml_would_read_as_something_else_are_quoted(tmp_path, name):
    for split in ("train", "val"):
        save(tmp_path / "data" / "images" / split / "x.png", picture(len(split)))
        save(tmp_path / "data" / "masks" / split / "x.png", raw_mask(len(split)))
    texts = files_for(tmp_path / "data", name).texts
    (tmp_path / "config.yaml").write_text(texts["config.yaml"])
    config = load_config(tmp_path / "config.yaml", {})
    assert (config.data.taxonomy, config.mapping) == (name, name)
    study = yaml.safe_load(texts["studies/default.yaml"])
    assert name in study["space"]["mapping"]
    assert study["baseline"]["mapping"] == name


@pytest.mark.parametrize(
    ("own", "trained"),
    [
        ((360, 480), (192, 256)),
        ((720, 960), (192, 256)),
        ((512, 1024), (128, 256)),
        ((480, 360), (256, 192)),
        ((100, 100), (96, 96)),
        ((20, 30), (32, 32)),
    ],
)
def test_images_are_trained_in_their_own_shape(tmp_path, own, trained):
    for split in ("train", "val"):
        save(tmp_path / split / "x.png", picture(len(split), own))
        save(tmp_path / f"{split}annot" / "x.png", np.zeros(own, np.uint8))
    layout = recognise_format(tmp_path)
    found = find_labels(layout, tmp_path, "pets", ROOT / "mappings", data=DataConfig(format="auto"))
    assert image_size(found.source) == trained
