"""What a person should know of an imported mapping or taxonomy, a line each."""

from pathlib import Path

from segexp.labels.importers._rows import BACKGROUND
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID, Color, Taxonomy

SHARED_SHOWN = 3
"""How many colours that labels share are shown."""


def unlabelled_note(mapping: Mapping) -> list[str]:
    """Say where a mapping trains the unlabelled pixels, and how to leave them out."""
    index = mapping.lookup()[VOID]
    if index == VOID:
        return []
    name = mapping.names[index]
    way_out = "a class called void would leave them out"
    if name.lower() in BACKGROUND:
        way_out = "--background-as-void leaves them out"
    return [f"unlabelled pixels are trained as {name!r}; {way_out}"]


def shared_colors(path: Path, taxonomy: Taxonomy) -> list[str]:
    """Say which labels of a new taxonomy cannot be told apart in masks of colours."""
    of_color: dict[Color, list[str]] = {}
    for name, color in zip(taxonomy.names, taxonomy.colors, strict=True):
        of_color.setdefault(color, []).append(name)
    shared = {color: names for color, names in of_color.items() if len(names) > 1}
    if not shared:
        return []
    told, more = [*shared.items()][:SHARED_SHOWN], len(shared) - SHARED_SHOWN
    listing = ", ".join(f"{' and '.join(map(repr, n))} have one colour, {c}" for c, n in told)
    return [
        f"{listing}{f', and so in {more} more cases' if more > 0 else ''}: masks that hold ids can "
        "be read, masks that hold colours (RGB) cannot. For those keep one of them in "
        f"{path.name}{', or none and it is void' if (0, 0, 0) in shared else ''}, or give each its "
        "own colour, as in the masks, and import it again with --force and another --new-taxonomy"
    ]
