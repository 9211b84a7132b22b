from pathlib import Path

import pytest

from segexp.core.overrides import data_overrides, storage_override


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
