"""Which classes of the common space no arm merges, which some arm does, and what some arm drops.

"Did merging help the other classes?" is what people ask first: the others are the untouched ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID_NAME

Kind = Literal["untouched", "merged"]


@dataclass(frozen=True)
class DroppedLabel:
    """A label that some arm scores and the common space does not, as it is void in another arm.

    Attributes:
        classes: For each arm the index and the name of the class that holds it; None if it is void
            in the arm.
    """

    name: str
    classes: tuple[tuple[int, str] | None, ...]


@dataclass(frozen=True)
class ClassGroups:
    """The classes of a common space, and the labels that it leaves out.

    Attributes:
        kinds: For each class ``untouched`` if every arm has a class of exactly the same labels,
            else ``merged``: some arm separates labels that another merges. A class that all arms
            merge in the same way is untouched, since the arms do not differ there.
        dropped: The labels that at least one arm scores and the common space does not.
    """

    kinds: tuple[Kind, ...]
    dropped: tuple[DroppedLabel, ...]


def class_groups(mappings: Sequence[Mapping], common: Mapping) -> ClassGroups:
    """Group the classes of the common space by what the arms do to them.

    Args:
        common: Their common space (`segexp.labels.mapping.common_space`).
    """
    of_arms = [{frozenset(c.labels) for c in mapping.classes} for mapping in mappings]
    kinds: list[Kind] = [
        "untouched" if all(frozenset(c.labels) in known for known in of_arms) else "merged"
        for c in common.classes
    ]
    scored = {label for c in common.classes for label in c.labels}
    dropped = []
    for label in (*common.taxonomy.names, VOID_NAME):
        if label not in scored:
            classes = tuple(_holder(mapping, label) for mapping in mappings)
            if any(classes):
                dropped.append(DroppedLabel(label, classes))
    return ClassGroups(tuple(kinds), tuple(dropped))


def _holder(mapping: Mapping, label: str) -> tuple[int, str] | None:
    for index, mapped_class in enumerate(mapping.classes):
        if label in mapped_class.labels:
            return index, mapped_class.name
    return None
