"""The labels of one taxonomy read as those of another: two data sets, one ruler.

A mapping whose file says ``to: TAXONOMY`` has that taxonomy's labels for classes. Data that is read
through it is labelled in the other taxonomy, so that every mapping over that one fits.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.yaml import find_yaml
from segexp.labels.files import load_mapping, other_taxonomy, read_mappings
from segexp.labels.taxonomy import VOID, Taxonomy


@dataclass(frozen=True)
class Relabelling:
    """How labels become those of another taxonomy.

    Attributes:
        name: The mapping's name.
        hash: The mapping's hash.
        before: The taxonomy of the masks.
        after: The other one.
        table: Label index before -> label index after or VOID, uint8 (256,).
    """

    name: str
    hash: str
    before: Taxonomy
    after: Taxonomy
    table: NDArray[np.uint8]


def find_relabelling(project: Path, name: str) -> Relabelling:
    """Load a mapping of the project that leads to another taxonomy.

    Raises:
        InputError: When there is no such mapping, it has faults, or its file has no ``to``.
    """
    directory = project / "mappings"
    path = find_yaml(directory, name, f"data.relabel: no mapping {name!r} in {directory}")
    mapping = load_mapping(path)
    if mapping.to is None:
        others = ", ".join(names_of_relabellings(project)) or "none yet"
        raise InputError(
            f"data.relabel: {path} does not say which taxonomy its classes are labels of, such as "
            f"`to: cityscapes19`; mappings that do: {others}"
        )
    after = other_taxonomy(path, mapping.to, mapping.names)
    places = np.array([*map(after.names.index, mapping.names)], np.uint8)
    classes = mapping.lookup()
    table = np.full(256, VOID, np.uint8)
    scored = classes != VOID
    table[scored] = places[classes[scored]]
    return Relabelling(name, mapping.hash, mapping.taxonomy, after, table)


def names_of_relabellings(project: Path, before: Taxonomy | None = None) -> list[str]:
    """Return the mappings of a project that lead to another taxonomy, by name.

    Args:
        project: The project directory.
        before: Only those over this taxonomy.
    """
    return [
        mapping.name
        for mapping in read_mappings(project).mappings
        if mapping.to is not None and (before is None or mapping.taxonomy.hash == before.hash)
    ]
