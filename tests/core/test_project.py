from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.core.project import find_project


def test_the_project_is_the_nearest_folder_above_with_a_config(tmp_path, monkeypatch):
    inner = tmp_path / "outer" / "inner" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "outer" / "mappings").mkdir()
    (tmp_path / "outer" / "config.yaml").touch()
    assert find_project(inner) == tmp_path / "outer"
    (tmp_path / "outer" / "inner" / "config.yaml").write_text("training: {epochs: 2}\nmodel:\n")
    assert find_project(inner) == tmp_path / "outer" / "inner"
    monkeypatch.chdir(inner)
    assert find_project(Path()) == tmp_path / "outer" / "inner"


@pytest.mark.parametrize(
    "text",
    [
        "dataset: {name: cityscapes}\nmodel: {name: unet}\n",  # the founding project's
        "training: {lr: 0.1, epochs: 90}\n",  # the sections are ours, and what is in them is not
        "model: unet\n",
        "model: {arch: Unet, 1: 2}\n",
        "data: {root: x, synthetic: {seed: 1, noise: 2}}\n",
        "version: 1\n",
        "- a list\n",
        "",
        "key: [unclosed\n",
        "default: &x {a: 1}\nother: *x\n",
    ],
)
def test_another_programs_config_is_passed_over_and_named(tmp_path, text):
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    (inner / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"inner/config\.yaml is another program's"):
        find_project(inner)
    (tmp_path / "project" / "mappings").mkdir()
    (tmp_path / "project" / "config.yaml").write_text("trainig: {}\n")  # a slip of ours
    passed = []
    assert find_project(inner, passed.append) == tmp_path / "project"
    assert passed == [inner / "config.yaml"]


def test_a_folder_called_config_yaml_does_not_make_a_project(tmp_path):
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(InputError, match="make a project with `segexp init DIR`"):
        find_project(tmp_path)
