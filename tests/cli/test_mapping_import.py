"""`segexp mapping import`."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.trees import cityscapes_like, picture, save
from segexp.labels.files import load_mapping
from segexp.labels.taxonomy import load_taxonomy
from tests.cli.running import segexp
from tests.labels.importers.foreign import (
    CITYSCAPES,
    FOUNDING,
    FOUNDING_CONFIG,
    STREET,
    shipped,
    write,
)

SIZE = (32, 64)


@pytest.fixture
def npy_data(project: Path) -> Path:
    """Npy masks with void (-1) and every label 0..18, road the most frequent."""
    ids = np.repeat(np.arange(-1, 19), 60)
    mask = np.zeros(SIZE, np.int64)
    mask.ravel()[: len(ids)] = ids
    for number, split in enumerate(("train", "val", "test")):
        for n in range(2):
            save(
                project / "npy" / split / "image" / f"{n}.npy", picture(2 * number + n, SIZE) / 255
            )
            save(project / "npy" / split / "label" / f"{n}.npy", np.roll(mask, n, axis=0))
    return project / "npy"


@pytest.fixture
def founding(project: Path) -> Path:
    return write(project / "founding.yaml", FOUNDING)


def test_the_founding_dictionary_is_warned_of_as_off_by_one(project, npy_data, founding):
    outcome = segexp(project, "mapping", "import", "founding.yaml", "--data", "npy")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    warned = [line for line in outcome.err.splitlines() if line.startswith("warning: ")]
    assert any("19 -> 'background'" in line and "never occurs" in line for line in warned)
    assert any(
        "0 (road) is the most frequent label" in line and "'background'" in line for line in warned
    )
    assert any("off by one" in line and "every listed id occurs" in line for line in warned)
    assert warned[0].startswith("warning: --shift -1 fixes the mapping: the raw ids look one too")
    mapping = load_mapping(project / "mappings" / "founding.yaml")
    assert mapping.classes[0].labels == ("void", "road", "traffic light")


def test_the_founding_projects_own_config_is_read_and_its_off_by_one_is_seen(project, npy_data):
    write(project / "theirs.yaml", FOUNDING_CONFIG)
    outcome = segexp(project, "mapping", "import", "theirs.yaml", "--data", "npy")
    assert outcome.code == 0, outcome.err
    warned = [line for line in outcome.err.splitlines() if line.startswith("warning: ")]
    assert warned[0].startswith("warning: --shift -1 fixes the mapping: the raw ids look one too")
    words = ("mapping", "import", "theirs.yaml", "--data", "npy", "--shift", "-1", "--force")
    assert segexp(project, *words).code == 0
    ours = {frozenset(c.labels) for c in shipped("merged10_background").classes}
    found = load_mapping(project / "mappings" / "theirs.yaml")
    assert {frozenset(c.labels) for c in found.classes} == ours
    assert found.classes[found.names.index("structure")].color == (70, 70, 70)


def test_the_off_by_one_is_seen_by_the_names_where_there_is_no_data(project):
    write(project / "theirs.yaml", FOUNDING_CONFIG)
    path = project / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["data"] |= {"format": "auto", "root": "nowhere"}
    path.write_text(yaml.safe_dump(content))
    words = ("mapping", "import", "theirs.yaml", "--taxonomy", "cityscapes19")
    outcome = segexp(project, *words)
    assert outcome.code == 0, outcome.err
    assert "not checked against data" in outcome.err
    warned = [line for line in outcome.err.splitlines() if "--shift" in line]
    assert len(warned) == 1
    assert "look one too high for the labels of cityscapes19, by the names" in warned[0]
    outcome = segexp(project, *words, "--shift", "-1", "--force")
    assert "--shift" not in outcome.err


def test_the_shift_makes_it_merged10_background(project, npy_data, founding):
    words = ["mapping", "import", "founding.yaml", "--data", "npy", "--shift", "-1"]
    outcome = segexp(project, *words)
    assert outcome.code == 0, outcome.err
    assert "off by one" not in outcome.err
    assert "--shift" not in outcome.err
    assert "note: unlabelled pixels are trained as 'background'" in outcome.err
    path = project / "mappings" / "founding.yaml"
    assert path.read_text().startswith(
        "# Imported from founding.yaml (mapping-dict, raw ids shifted by -1).\nname: founding\n"
    )
    ours = {frozenset(c.labels) for c in shipped("merged10_background").classes}
    assert {frozenset(c.labels) for c in load_mapping(path).classes} == ours


def test_json_goes_to_standard_output_alone(project, npy_data, founding):
    outcome = segexp(project, "mapping", "import", "founding.yaml", "--data", "npy", "--json")
    assert outcome.code == 0, outcome.err
    said = json.loads(outcome.out)
    assert said["name"] == "founding"
    assert said["path"] == str(project / "mappings" / "founding.yaml")
    assert said["format"] == "mapping-dict"
    assert said["data"] == {"dataset": "npy", "format": "cityscapes-npy"}
    assert said["mapping"] == load_mapping(project / "mappings" / "founding.yaml").to_dict()
    kinds = [warning["kind"] for warning in said["warnings"]]
    assert kinds[:4] == ["shift-offered", "absent-id", "background-label", "shifted-ids"]
    assert said["unchecked"] is None
    assert "19 -> background" in said["notes"][0]


def test_a_mapping_is_not_overwritten_by_accident(project, founding):
    words = ("mapping", "import", "founding.yaml", "--name", "merged10")
    before = (project / "mappings" / "merged10.yaml").read_bytes()
    outcome = segexp(project, *words)
    assert outcome.code == 2
    assert "merged10.yaml: exists" in outcome.err
    assert (project / "mappings" / "merged10.yaml").read_bytes() == before
    assert segexp(project, *words, "--force").code == 0
    assert load_mapping(project / "mappings" / "merged10.yaml").names[0] == "background"


def test_raw_ids_follow_the_numbering_of_the_masks(project):
    """The official Cityscapes tree holds labelIds: there 7 is road, not traffic sign."""
    cityscapes_like(project / "tree", train=1, val=2)
    ids = {index: i for i, index in CITYSCAPES.encodings["labelIds"].items() if index != 255}
    listed = ", ".join(f"{ids[i]}: {i}" for i in range(19))
    text = f"mapping_dict: {{0: 255, {listed}}}\nclasses: [{', '.join(CITYSCAPES.names)}]\n"
    write(project / "by_label_id.yaml", text)
    outcome = segexp(project, "mapping", "import", "by_label_id.yaml", "--data", "tree", "--json")
    assert outcome.code == 0, outcome.err
    found = load_mapping(project / "mappings" / "by_label_id.yaml")
    assert found.hash == shipped("cityscapes19").hash


def test_void_ids_are_those_of_the_masks(project, npy_data):
    for path in npy_data.rglob("label/*.npy"):
        mask = np.load(path)
        save(path, np.where(mask == -1, 255, mask))
    listed = ", ".join(f"{i}: {i}" for i in range(19))
    names = ", ".join((*CITYSCAPES.names, "rest"))
    write(project / "a.yaml", f"mapping_dict: {{{listed}, 255: 19}}\nclasses: [{names}]\n")
    outcome = segexp(project, "mapping", "import", "a.yaml", "--data", "npy")
    assert outcome.code == 0, outcome.err
    assert "raw id 255 (void) -> 'rest' is void but would be learned" in outcome.err
    assert "never occurs" not in outcome.err
    assert "the data holds" not in outcome.err


def test_drawn_scenes_show_the_shift_too(project, founding):
    outcome = segexp(project, "mapping", "import", "founding.yaml")
    assert outcome.code == 0, outcome.err
    assert "warning: --shift -1 fixes the mapping" in outcome.err
    assert "the data holds" not in outcome.err


def test_data_that_cannot_be_read_is_refused_and_nothing_written(project, npy_data, founding):
    save(npy_data / "train" / "label" / "0.npy", np.full(SIZE, 77, np.int64))
    refused = segexp(
        project,
        "mapping",
        "import",
        "founding.yaml",
        "--set",
        "data.root=npy",
        "--set",
        "data.format=cityscapes-npy",
        "--taxonomy",
        "cityscapes19",
    )
    assert refused.code == 2
    assert "raw id 77" in refused.err
    assert not (project / "mappings" / "founding.yaml").exists()


def test_without_a_folder_the_reason_is_in_the_json(project, founding):
    path = project / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["data"] |= {"format": "auto", "root": "nowhere"}
    path.write_text(yaml.safe_dump(content))
    words = ("mapping", "import", "founding.yaml", "--taxonomy", "cityscapes19")
    outcome = segexp(project, *words, "--json")
    assert outcome.code == 0, outcome.err
    said = json.loads(outcome.out)
    assert said["data"] is None
    assert "nowhere: no such folder" in said["unchecked"]
    assert segexp(project, *words, "--force", "--set", "data.root=elsewhere").code == 2


def test_names_are_checked_against_the_data_too(project, npy_data):
    rows = [f"{name},{'road' if name == 'road' else 'rest'}\n" for name in CITYSCAPES.names]
    write(project / "two.csv", "label,class\n" + "".join(rows))
    outcome = segexp(project, "mapping", "import", "two.csv", "--data", "npy", "--name", "halves")
    assert outcome.code == 0, outcome.err
    assert (
        "two.csv: csv, 2 classes over cityscapes19: road, rest; void: raw id -1, raw id 255"
        in outcome.err
    )
    assert "warning" not in outcome.err
    assert load_mapping(project / "mappings" / "halves.yaml").names == ("road", "rest")


def test_a_taxonomy_other_than_the_datas_is_not_checked_against_it(project):
    rows = [f"{name},{name if name in ('sky', 'tree') else 'rest'}\n" for name in camvid_names()]
    write(project / "three.csv", "".join(rows))
    words = ("mapping", "import", "three.csv")
    outcome = segexp(project, *words, "--taxonomy", "camvid11")
    assert outcome.code == 0, outcome.err
    assert (
        "not checked against data: the data (synthetic) is labelled in cityscapes19" in outcome.err
    )
    assert load_mapping(project / "mappings" / "three.yaml").taxonomy.name == "camvid11"
    refused = segexp(project, *words, "--name", "again")
    assert refused.code == 2
    assert "three.csv:3: 'pole'" not in refused.err  # both have a pole
    assert "three.csv:5: 'pavement' is not a label of cityscapes19" in refused.err
    assert not (project / "mappings" / "again.yaml").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("binary.json", '{"classes": ["background", "cell"], "palette": [[0, 0, 0], [9, 0, 0]]}'),
        ("id2label.json", '{"0": "background", "1": "cell"}'),
        ("_classes.csv", "Pixel Value, Class\n0, background\n1, cell\n"),
    ],
)
def test_in_masks_of_0_and_255_alone_255_is_the_second_label(project, name, text):
    mask = np.where(np.arange(48).reshape(6, 8) % 5, 0, 255).astype(np.uint8)
    for number, split in enumerate(("train", "train", "val", "val")):
        save(project / "cells" / "images" / split / f"{number}.png", picture(number, mask.shape))
        save(project / "cells" / "masks" / split / f"{number}.png", mask)
    write(project / name, text)
    words = ("mapping", "import", name, "--new-taxonomy", "cells", "--name", "cells", "--force")
    outcome = segexp(project, *words, "--data", "cells")
    assert outcome.code == 0, outcome.err
    assert "255 is taken for 'cell', not for void; --ids 0,1 leaves it void" in outcome.err
    path = project / "mappings" / "taxonomies" / "cells.yaml"
    assert load_taxonomy(path).encodings == {"default": {0: 0, 255: 1}}
    path.unlink()


def test_the_labels_of_a_file_become_a_taxonomy_of_the_project(project):
    content = {"classes": list(STREET.names), "palette": [list(c) for c in STREET.colors]}
    write(project / "street.py", f"METAINFO = {content}\n")
    outcome = segexp(project, "mapping", "import", "street.py", "--new-taxonomy", "street3")
    assert outcome.code == 0, outcome.err
    assert "taxonomies/street3.yaml and " in outcome.err
    assert load_mapping(project / "mappings" / "street.yaml").names == STREET.names
    path = project / "mappings" / "taxonomies" / "street3.yaml"
    assert load_taxonomy(path).names == STREET.names


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["absent.csv"], "absent.csv: cannot be read"),
        (["founding.yaml", "--format", "mapping_dict"], "did you mean 'mapping-dict'?"),
        (["labels.csv", "--by", "trainID"], "--by 'trainID': expected trainId, category"),
        (["founding.yaml", "--by", "trainId"], "--by: is for cityscapes-labels"),
        (["founding.yaml", "--taxonomy", "cityscape19"], "did you mean 'cityscapes19'?"),
        (["founding.yaml", "--encoding", "trainIds"], "cityscapes19 has default, labelIds"),
        (["founding.yaml", "--data", "nowhere"], "nowhere"),
        (["founding.yaml", "--name", ""], "--name '': use 1 to 100 letters"),
        (["founding.yaml", "--new-taxonomy", ""], "--new-taxonomy: is for cityscapes-labels"),
        (["street.json", "--new-taxonomy", ""], "--new-taxonomy '': use 1 to 100 letters"),
        (["founding.yaml", "--taxonomy", "a", "--new-taxonomy", "b"], "one or the other"),
        (["founding.yaml", "--out", "a.txt"], "--out a.txt: expected a file that ends in .yaml"),
    ],
)
def test_wrong_input_is_exit_2_and_one_clear_line(project, founding, words, fault):
    content = {"classes": ["a", "b"], "palette": [[1, 2, 3], [4, 5, 6]]}
    write(project / "street.json", json.dumps(content))
    write(project / "labels.csv", "name,trainId,category\nroad,0,flat\n")
    before = sorted((project / "mappings").rglob("*"))
    outcome = segexp(project, "mapping", "import", *words)
    assert outcome.code == 2, outcome.err
    assert fault in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted((project / "mappings").rglob("*")) == before


def camvid_names() -> tuple[str, ...]:
    return shipped("camvid11").taxonomy.names


def test_of_thousands_of_faults_some_hundreds_are_printed_and_none_steers(project):
    content = json.dumps({"classes": [1] * 4000, "palette": []})
    write(project / "faults.json", content)
    outcome = segexp(project, "mapping", "import", "faults.json", "--new-taxonomy", "mine")
    lines = outcome.err.splitlines()
    assert (outcome.code, len(lines)) == (2, 501)
    assert lines[-1] == "error: and 3500 more faults"


def test_a_file_of_another_project_does_not_steer_the_terminal(project):
    content = json.dumps({"classes": ["\x1b[2Ja", "b\rc"], "palette": [[0, 0, 0]] * 2})
    write(project / "evil.json", content)
    outcome = segexp(project, "mapping", "import", "evil.json")
    assert outcome.code == 2
    assert "\x1b" not in outcome.err
    assert r"\x1b[2Ja" in outcome.err
