"""What a shell completes: names of studies and mappings, read without torch, Optuna or MLflow."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import typer


def study_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the studies in the project's own storage, `studies/optuna.db`."""
    return _completed(context, incomplete, _stored_studies)


def study_files(context: typer.Context, incomplete: str) -> list[str]:
    """Return the studies that are defined in `studies/`."""
    return _completed(context, incomplete, lambda root: _stems(root / "studies"))


def mapping_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the mappings in `mappings/`."""
    return _completed(context, incomplete, lambda root: _stems(root / "mappings"))


def _completed(
    context: typer.Context, incomplete: str, names: Callable[[Path], Iterable[str]]
) -> list[str]:
    from segexp.core.project import find_project

    params: dict[str, Any] = context.params
    try:
        root = Path(params.get("project") or find_project(Path.cwd(), lambda path: None))
        return sorted(name for name in names(root) if name.startswith(incomplete))
    except Exception:  # a shell that completes shows no error
        return []


def _stems(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("*.yaml")]


def _stored_studies(root: Path) -> list[str]:
    database = (root / "studies" / "optuna.db").resolve()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return [name for (name,) in connection.execute("SELECT study_name FROM studies")]
