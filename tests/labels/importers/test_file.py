from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.importers._file import MAX_BYTES, ForeignFile, read_foreign_file


def foreign(name: str, text: str) -> ForeignFile:
    return ForeignFile(Path(name), text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.yaml", "data"),
        ("a.JSON", "data"),
        ("a.py", "python"),
        ("a.names", "table"),
        ("a", "other"),
    ],
)
def test_a_files_name_says_what_it_is(name: str, kind: str) -> None:
    assert foreign(name, "").kind == kind


def test_its_content_is_json_where_it_is_called_so_and_else_yaml() -> None:
    assert foreign("a.json", '{"a": [1, null]}').content == {"a": [1, None]}
    assert foreign("a.txt", "a: [1, x]").content == {"a": [1, "x"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n"a": 2}', "the key 'a' appears twice"),
        ('{"a": 1,\n}', r"a\.json:2:1: "),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 500 + "]" * 500, "nested deeper than"),
        ("1" * 5000, "cannot be parsed"),
    ],
)
def test_json_that_is_damaged_or_hostile_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _ = foreign("a.json", text).content


def test_a_file_is_text_of_a_bounded_size_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfroad\n")
    assert read_foreign_file(path).text == "road\n"
    for content, said in (
        (b"road\n\xff", r"a\.txt: not UTF-8 text \(byte 5\)"),
        (b" " * (MAX_BYTES + 1), f"at most {MAX_BYTES}"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_foreign_file(path)
