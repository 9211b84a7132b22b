from pathlib import Path

import pytest

import segexp
from harness.project import ROOT


def test_a_mapping_goes_by_its_name_or_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    by_file = segexp.mapping(ROOT / "mappings" / "merged10.yaml")
    assert segexp.mapping("merged10", project=ROOT) == by_file
    monkeypatch.chdir(ROOT / "docs")
    assert segexp.mapping("merged10") == by_file
    assert len(segexp.mapping("cityscapes19").classes) == 19
    with pytest.raises(segexp.InputError, match=r"did you mean 'merged10'"):
        segexp.mapping("merged11")


def test_outside_of_a_project_a_name_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(segexp.InputError, match="make a project with `segexp init DIR`"):
        segexp.mapping("merged10", project=tmp_path)


def test_the_common_space_of_a_mapping_and_a_coarser_one_is_the_coarser_one() -> None:
    merged = segexp.mapping("merged10", project=ROOT)
    space = segexp.common_space("cityscapes19", merged, project=ROOT)
    assert space.names == merged.names
    with pytest.raises(segexp.InputError, match="name one mapping or more"):
        segexp.common_space(project=ROOT)
