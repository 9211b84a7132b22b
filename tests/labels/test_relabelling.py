"""Labels of one taxonomy read as those of another."""

import shutil
from pathlib import Path

import pytest

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.labels.files import load_mapping
from segexp.labels.relabelling import find_relabelling, names_of_relabellings
from segexp.labels.taxonomy import load_taxonomy

VOID = 255


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    return tmp_path


def test_cityscapes_34_labels_become_the_19_of_the_benchmark(project):
    """By cityscapesScripts' labels.py: id 7 is train id 0 (road), 33 is 18 (bicycle), 4 is void."""
    found = find_relabelling(project, "cityscapes34_to_19")
    assert (found.before.name, found.after.name) == ("cityscapes34", "cityscapes19")
    train_id = {
        raw_id: int(found.table[index])
        for raw_id, index in found.before.encodings["default"].items()
        if index != VOID
    }
    assert (train_id[7], train_id[8], train_id[24], train_id[33]) == (0, 1, 11, 18)
    assert train_id[4] == VOID
    assert found.table[VOID] == VOID


def test_the_mappings_that_lead_to_another_taxonomy_are_told_by_their_own(project):
    vistas = load_taxonomy(project / "mappings" / "taxonomies" / "vistas_v12.yaml")
    assert names_of_relabellings(project, vistas) == ["vistas_v12_to_19"]
    assert {"cityscapes34_to_19", "idd40_to_19"} < {*names_of_relabellings(project)}


def test_a_mapping_that_leads_nowhere_is_refused_with_those_that_do(project):
    with pytest.raises(InputError) as caught:
        find_relabelling(project, "merged10")
    assert "does not say which taxonomy its classes are labels of" in str(caught.value)
    assert "vistas_v12_to_19" in str(caught.value)


def test_classes_that_are_not_labels_of_the_other_taxonomy_are_faults(project):
    path = project / "mappings" / "idd40_to_19.yaml"
    path.write_text(path.read_text().replace("name: sidewalk,", "name: sidewalks,"))
    with pytest.raises(InputError) as caught:
        load_mapping(path)
    assert caught.value.faults == (
        f"{path}: class 'sidewalks' is not a label of cityscapes19, which `to` names (did you mean "
        "'sidewalk'?)",
    )
    path.write_text(path.read_text().replace("to: cityscapes19", "to: cityscapes91"))
    with pytest.raises(InputError, match="to: taxonomy 'cityscapes91' is not in "):
        load_mapping(path)
