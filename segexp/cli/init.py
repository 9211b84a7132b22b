"""``segexp init``."""

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

import segexp
from segexp.cli.console import say
from segexp.cli.options import Debug
from segexp.core.errors import InputError

_MAPPINGS = (
    "camvid11",
    "camvid_merged6",
    "categories7",
    "cityscapes19",
    "merged10",
    "merged10_background",
    "merged10_two_wheeler",
    "taxonomies/camvid11",
    "taxonomies/cityscapes19",
)
SHIPPED = (
    "config.yaml",
    *(f"mappings/{name}.yaml" for name in _MAPPINGS),
    "studies/default.yaml",
    "studies/camvid.yaml",
)
"""Files of a new project; in a checkout the user's own files lie next to them."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    debug: Debug = False,
) -> None:
    """Lay out a new project: config.yaml, mappings/ and studies/."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: is not an empty directory")
    source = template()
    for name in SHIPPED:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target)
    say(f"made a project in {directory}")
    say(f"look next:  cd {shlex.quote(str(directory))} && segexp tune --trials 50")


def template() -> Path:
    """Return the directory of the shipped YAML: in the wheel, or the root of a checkout."""
    package = Path(segexp.__file__).parent
    return package / "template" if (package / "template").is_dir() else package.parent
