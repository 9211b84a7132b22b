"""How a study is named that nobody names."""

from pathlib import Path

from segexp.core.files import name_fault
from segexp.study.naming import Naming, folder_name, study_naming


def test_other_data_or_another_mapping_makes_another_name(tmp_path: Path) -> None:
    assert study_naming("default", None, None).name == "default"
    for data in (
        tmp_path / "streets",
        str(tmp_path / "streets"),
        tmp_path / "x" / ".." / "streets",
    ):
        naming = study_naming("default", data, "merged10")
        assert naming == Naming(("default",), "streets", ("merged10",))
        assert naming.name == "default-streets-merged10"
    assert naming.with_folder("copy") == "default-copy-merged10"
    assert naming.with_folder(None) == "default-merged10"


def test_a_folder_may_be_called_as_no_study_can_be() -> None:
    for folder, name in (
        ("my data (2)", "a-my-data-2-"),
        ("v1.", "a-v1"),
        ("übung", "a--bung"),
    ):
        naming = study_naming("a", folder, None)
        assert naming.name == name
        assert name_fault("study name", naming.name) is None


def test_a_word_is_in_a_name_once(tmp_path: Path) -> None:
    assert study_naming("camvid", tmp_path / "camvid", None).name == "camvid"


def test_a_folder_is_called_as_the_one_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "streets").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "streets")
    assert folder_name(tmp_path / "link") == "streets"
    assert folder_name(None) is None
