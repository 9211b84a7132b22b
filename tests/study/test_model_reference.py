"""What a person calls a model."""

from pathlib import Path

import pytest

from segexp.core.config import Config
from segexp.core.errors import InputError
from segexp.study.model_reference import find_bundle


def planted(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name in ("bundle.json", "model.safetensors"):
        (directory / name).write_bytes(b"")
    return directory


def no_project() -> tuple[Path, Config]:
    raise InputError("no config.yaml in / or above it")


@pytest.mark.parametrize("place", ["", "bundle", "best/bundle"])
def test_a_folder_needs_no_project(tmp_path: Path, place: str) -> None:
    bundle = planted(tmp_path / "results" / place)
    assert find_bundle(str(tmp_path / "results"), no_project) == bundle
    assert find_bundle(tmp_path / "results", no_project) == bundle


def test_either_file_of_a_bundle_names_it(tmp_path: Path) -> None:
    bundle = planted(tmp_path / "bundle")
    for name in ("bundle.json", "model.safetensors"):
        assert find_bundle(bundle / name, no_project) == bundle


def test_what_is_no_model_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for name in ("notes", "town.onnx"):
        (tmp_path / name).write_text("", encoding="utf-8")
    for reference, expected in [
        (tmp_path / "results", "the folder has no bundle.json, bundle/ or best/bundle/ (yet)"),
        (tmp_path / "notes", "a file, and not of a bundle"),
        (
            tmp_path / "town.onnx",
            "a file, and not of a bundle: an exported model predicts, and what it was exported "
            "from is scored",
        ),
        ("a/b", "no such folder"),
        ("nosuch", "no such folder; no config.yaml in / or above it"),
        ("a\0b", "no such folder"),
        ("a" * 300, "no such folder"),
    ]:
        with pytest.raises(InputError) as error:
            find_bundle(reference, no_project)
        (line,) = error.value.faults
        assert f": no model: {expected}; expected a bundle's folder" in line
