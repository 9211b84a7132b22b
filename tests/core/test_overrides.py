from pathlib import Path

import pytest

from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.core.overrides import data_overrides, host_data, storage_override


def test_a_folder_is_relative_to_the_current_one_and_its_format_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = str(tmp_path / "streets")
    for data in ("streets", Path("streets")):
        assert data_overrides(data, None, None) == {"data.root": root, "data.format": "auto"}
    assert data_overrides("streets", "camvid", "camvid11") == {
        "data.root": root,
        "data.format": "camvid",
        "mapping": "camvid11",
    }
    assert data_overrides(None, "camvid", None) == {"data.format": "camvid"}


def test_the_storage_is_the_callers_or_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage_override({"trials": 2}, None) == {"trials": 2}
    monkeypatch.setenv("SEGEXP_STORAGE", "sqlite:///environment.db")
    assert storage_override({}, None) == {"storage": "sqlite:///environment.db"}
    set_ = {"storage": "sqlite:///set.db"}
    assert storage_override(set_, None) == set_
    assert storage_override(set_, "sqlite:///named.db") == {"storage": "sqlite:///named.db"}


def test_a_hosts_folder_stands_above_the_configuration_and_below_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("data: {format: camvid, root: /of/the/project}", encoding="utf-8")
    assert load_config(file, {}).data.root == "/of/the/project"
    monkeypatch.setenv("SEGEXP_DATA", str(tmp_path / "here"))
    data = load_config(file, {}).data
    assert (data.root, data.format) == (str(tmp_path / "here"), "camvid")
    named = load_config(file, data_overrides(tmp_path / "named", None, None)).data
    assert (named.root, named.format) == (str(tmp_path / "named"), "auto")
    assert load_config(file, {"data.root": "set"}).data.root == "set"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGEXP_DATA", "beside")
    assert host_data() == str(tmp_path / "beside")
    monkeypatch.setenv("SEGEXP_DATA", "")
    assert host_data() is None


def test_where_a_project_draws_its_data_a_hosts_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    monkeypatch.setenv("SEGEXP_DATA", "/here")
    for content in ("mapping: camvid11", "data: null", "data: {format: synthetic}"):
        file.write_text(content, encoding="utf-8")
        data = load_config(file, {}).data
        assert (data.root, data.format) == ("/here", "auto")
    file.write_text("data: 7", encoding="utf-8")
    with pytest.raises(InputError, match="data: 7"):
        load_config(file, {})
