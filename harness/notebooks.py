"""Make a notebook of each page in docs/notebooks/: its text, its Python blocks, and what they say.

python -m harness.notebooks           # runs the blocks of each page from top to bottom, and writes

A block is a cell. What it prints, and the value of a last line that is an expression, are its
outputs, as Jupyter would store them. A picture is stored as PNG.
"""

import ast
import base64
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

from PIL import Image

from harness.project import ROOT

PAGES = sorted((ROOT / "docs" / "notebooks").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def cells_of(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the kind (``markdown`` or ``code``) and the source of each cell of a page."""
    for place, part in enumerate(_BLOCK.split(page.read_text("utf-8"))):
        if part.strip():
            yield ("code" if place % 2 else "markdown"), part.strip()


def notebook_of(page: Path, directory: Path) -> dict[str, Any]:
    """Run the cells of a page in a directory, and return the notebook (nbformat 4.5).

    Raises:
        Exception: What a cell raises.
    """
    known: dict[str, Any] = {"__name__": "__main__"}
    cells: list[dict[str, Any]] = []
    count = 0
    with chdir(directory):
        for place, (kind, source) in enumerate(cells_of(page)):
            cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{place}", "metadata": {}}
            if kind == "code":
                count += 1
                cell |= {"execution_count": count, "outputs": outputs_of(source, known, count)}
            cells.append(cell | {"source": source.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def outputs_of(source: str, known: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell and return its outputs."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), known)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), known)
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        lines = text.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None and not isinstance(value, subprocess.CompletedProcess):
        data = {"text/plain": [repr(value)]}
        if isinstance(value, Image.Image):
            file = io.BytesIO()
            value.save(file, "PNG", optimize=True)
            data = {
                "image/png": [base64.b64encode(file.getvalue()).decode()],
                "text/plain": [f"{value.width}x{value.height} pixels"],
            }
        result = {"data": data, "metadata": {}, "output_type": "execute_result"}
        outputs.append(result | {"execution_count": count})
    return outputs


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for page in PAGES:
        with tempfile.TemporaryDirectory() as directory:
            text = json.dumps(notebook_of(page, Path(directory)), indent=1, ensure_ascii=False)
        page.with_suffix(".ipynb").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
