"""The notebooks of docs/notebooks/ are their pages, run from top to bottom."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.notebooks import PAGES, cells_of, notebook_of


def stored(page: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(page.with_suffix(".ipynb").read_text("utf-8"))
    return notebook


def kinds_of_outputs(notebook: dict[str, Any]) -> list[list[str]]:
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [[output["output_type"] for output in cell["outputs"]] for cell in cells]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_has_the_cells_of_its_page_and_is_small(page: Path) -> None:
    """Else run `python -m harness.notebooks`."""
    notebook = stored(page)
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert cells == [*cells_of(page)]
    assert page.with_suffix(".ipynb").stat().st_size < 100_000
    assert str(Path.home()) not in page.with_suffix(".ipynb").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_from_top_to_bottom_and_says_as_much_as_its_notebook(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert kinds_of_outputs(notebook_of(page, tmp_path)) == kinds_of_outputs(stored(page))
