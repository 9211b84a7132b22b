"""`segexp init`."""

import shlex
import subprocess
from pathlib import Path

import pytest

from harness.project import ROOT
from segexp.cli.init import SHIPPED
from tests.cli.running import segexp


def test_a_new_project_is_what_is_shipped(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "init", "streets")
    assert outcome.code == 0, outcome.err
    assert "cd streets && segexp tune" in outcome.err
    made = sorted(
        path.relative_to(tmp_path / "streets")
        for path in (tmp_path / "streets").rglob("*")
        if path.is_file()
    )
    assert Path("config.yaml") in made
    assert Path("studies/default.yaml") in made
    assert Path("mappings/taxonomies/cityscapes19.yaml") in made
    for path in made:
        assert (tmp_path / "streets" / path).read_bytes() == (ROOT / path).read_bytes()


def test_what_is_shipped_is_what_is_tracked_and_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["git", "ls-files", "config.yaml", "mappings", "studies/*.yaml"]
    tracked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("no checkout")
    assert sorted(tracked.stdout.split()) == sorted(SHIPPED)
    for name in SHIPPED:
        copy = tmp_path / "checkout" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    mine = tmp_path / "checkout" / "mappings" / "merged10_suggested8.yaml"
    mine.write_text("what `mapping suggest` wrote")
    package = tmp_path / "checkout" / "segexp" / "__init__.py"
    monkeypatch.setattr("segexp.__file__", str(package))
    assert segexp(tmp_path, "init", "streets").code == 0
    streets = tmp_path / "streets"
    made = {str(p.relative_to(streets)) for p in streets.rglob("*") if p.is_file()}
    assert made == set(SHIPPED)


def test_the_command_that_comes_next_is_read_by_a_shell_as_it_was_meant(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "init", "a b'c\"d")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("look next:")]
    assert shlex.split(line)[2:5] == ["cd", "a b'c\"d", "&&"]


def test_a_directory_with_something_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "streets").mkdir()
    (tmp_path / "streets" / "notes").write_text("mine")
    outcome = segexp(tmp_path, "init", "streets")
    assert outcome.code == 2
    assert "is not an empty directory" in outcome.err
    assert [path.name for path in (tmp_path / "streets").iterdir()] == ["notes"]


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "streets").write_text("mine")
    assert segexp(tmp_path, "init", "streets").code == 2
