import json
from pathlib import Path

import pytest

from segexp.compare.version import VERSION, write_files, write_json


def test_an_answer_and_its_page_are_written_into_a_new_folder(tmp_path: Path) -> None:
    result = {"version": VERSION}
    files = write_files(
        tmp_path / "deep" / "ab", result, "<p>straße</p>", {"gallery.html": "<p>all</p>"}
    )
    assert [path.name for path in files] == ["ab_result.json", "ab.html", "gallery.html"]
    assert json.loads(files[0].read_text(encoding="utf-8")) == {"version": 4}
    assert files[1].read_text(encoding="utf-8") == "<p>straße</p>"
    assert files[2].read_text(encoding="utf-8") == "<p>all</p>"


def test_without_images_there_is_no_gallery(tmp_path: Path) -> None:
    files = write_files(tmp_path, {}, "<p>page</p>", {})
    assert [path.name for path in files] == ["ab_result.json", "ab.html"]


def test_a_number_that_is_none_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"delta": float("nan")})
    assert list(tmp_path.iterdir()) == []
