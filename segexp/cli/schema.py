"""``segexp schema``."""

from typing import Annotated

import typer

from segexp.cli.console import print_json
from segexp.cli.options import check_choice

KINDS = ("config", "study", "mapping", "taxonomy")


def schema(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"The kind of file: {', '.join(KINDS)}.")
    ],
) -> None:
    """Print the JSON schema of a kind of YAML file, with which an editor completes and checks it.

    For the YAML language server, a file's first line is then
    `# yaml-language-server: $schema=PATH`. segexp itself checks more than a schema can say.
    """
    check_choice("KIND", kind, KINDS)

    from segexp.study.schemas import schema_of

    print_json(schema_of(kind))
