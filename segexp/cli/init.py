"""``segexp init``."""

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

import segexp
from segexp.cli.console import say
from segexp.cli.options import Debug
from segexp.errors import InputError

_PARTS = ("config.yaml", "mappings", "studies/default.yaml", "studies/camvid.yaml")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    debug: Debug = False,
) -> None:
    """Lay out a new project: config.yaml, mappings/ and studies/."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: is not an empty directory")
    source = template()
    for part in _PARTS:
        target = directory / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target)
        else:
            shutil.copy(source / part, target)
    say(f"made a project in {directory}")
    say(f"look next:  cd {shlex.quote(str(directory))} && segexp tune --trials 50")


def template() -> Path:
    """Return where the shipped YAML is: in the wheel, or beside the package in a checkout."""
    package = Path(segexp.__file__).parent
    return package / "template" if (package / "template").is_dir() else package.parent
