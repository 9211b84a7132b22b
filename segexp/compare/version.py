"""The files of an answer and their version, for arms of every kind."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segexp.core.config import WORK_DIRECTORY
from segexp.core.files import write_atomic

RESULT_FILE, PAGE_FILE = "ab_result.json", "ab.html"

SCENES_FILE = "ab_scenes.json"
"""The pictures of the page: see `segexp.compare.answer_scenes`."""

LOOK_FILE = "ab_look.json"
"""The result of an early look that did not settle the question, in the form of `RESULT_FILE`."""

VERSION = 4
"""The version of ``ab_result.json``. The trained arms of version 3 have no names of their own: they
are their mappings'. Version 2 has neither candidates nor looks: its tuned arms
compare the winners of two searches. Version 1 is not recorded in the file; its intervals are wrong
if it has as many clusters of images as groups of runs: both used the same random numbers."""


def answer_directory(project: Path, name: str, run_id: str) -> Path:
    """Return where an A/B study that was trained has its answer in a project.

    Args:
        run_id: The study's run in MLflow: another storage may have a study of this name.
    """
    return project / WORK_DIRECTORY / "ab" / f"{name}-{run_id[:8]}"


def write_files(
    directory: Path, result: Mapping[str, Any], page: str, galleries: Mapping[str, str | bytes]
) -> list[Path]:
    """Write an answer, its page and its galleries into a directory, which is made.

    Args:
        galleries: The pages with the images side by side, and the pictures that they lead to, by
            name; none if no image can be shown.

    Returns:
        The files that stand alone: the result, the page and the galleries.
    """
    write_json(directory / RESULT_FILE, result)
    contents = {PAGE_FILE: page, **galleries}
    for name, content in contents.items():
        write_atomic(directory / name, content)
    pages = [name for name, content in contents.items() if isinstance(content, str)]
    return [directory / name for name in (RESULT_FILE, *pages)]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result; a missing folder is made."""
    write_atomic(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
