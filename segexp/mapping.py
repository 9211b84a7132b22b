"""Mappings: which class each label of a taxonomy becomes, and the algebra of label spaces.

Numpy only: a mapping is looked at, compared and drawn without loading torch.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.errors import InputError
from segexp.taxonomy import VOID, VOID_NAME, Color, Taxonomy


@dataclass(frozen=True)
class MappedClass:
    """One class of a mapping: what a model predicts.

    Attributes:
        name: The class name.
        color: R, G, B in 0..255.
        labels: The names of the labels that become this class; ``void`` may be among them.
    """

    name: str
    color: Color
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Mapping:
    """A total function from a taxonomy's labels to classes or to void. It is a label space, too.

    Attributes:
        name: The mapping's name, also of its file in ``mappings/``.
        taxonomy: The taxonomy whose labels it maps.
        classes: The classes; their places are the class indices 0..C-1.
    """

    name: str
    taxonomy: Taxonomy
    classes: tuple[MappedClass, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The class names, by class index."""
        return tuple(c.name for c in self.classes)

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The class colours, shape (C, 3)."""
        return np.array([c.color for c in self.classes], np.uint8)

    @property
    def void_labels(self) -> tuple[str, ...]:
        """The labels that no class holds, in the taxonomy's order: out of loss and scores."""
        held = {label for c in self.classes for label in c.labels}
        return tuple(name for name in self.taxonomy.names if name not in held)

    @property
    def hash(self) -> str:
        """A digest of the classes, their labels and the taxonomy; names of files do not enter."""
        content = (self.taxonomy.hash, [(c.name, sorted(c.labels)) for c in self.classes])
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    def lookup(self) -> NDArray[np.uint8]:
        """Return the table from label index to class index, both with VOID = 255; shape (256,).

        ``lookup()[labels]`` maps a mask. Entry 255 is VOID unless a class lists ``void``.
        """
        table = np.full(256, VOID, np.uint8)
        for index, mapped_class in enumerate(self.classes):
            for label in mapped_class.labels:
                place = VOID if label == VOID_NAME else self.taxonomy.names.index(label)
                table[place] = index
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the mapping's YAML file."""
        return {
            "name": self.name,
            "taxonomy": self.taxonomy.name,
            "classes": [
                {"name": c.name, "color": list(c.color), "labels": list(c.labels)}
                for c in self.classes
            ],
            "void": list(self.void_labels),
        }


def coarsens(coarse: Mapping, fine: Mapping) -> bool:
    """Whether every class of ``fine`` falls whole into one class of ``coarse``.

    A class of ``fine`` may also fall whole into void; no void pixel of ``fine`` may be scored
    in ``coarse``, since ``fine`` was never trained on it.
    """
    if coarse.taxonomy.hash != fine.taxonomy.hash:
        return False
    targets = coarse.lookup()
    source = fine.lookup()
    places = [*range(len(fine.taxonomy.labels)), VOID]
    reached: dict[int, set[int]] = {}
    for place in places:
        reached.setdefault(int(source[place]), set()).add(int(targets[place]))
    if reached.pop(VOID, {VOID}) != {VOID}:
        return False
    # A class may mix labels that the coarse space scores with labels that it leaves out.
    return all(len(found - {VOID}) <= 1 for found in reached.values())


def common_space(mappings: Sequence[Mapping]) -> Mapping:
    """Return the finest label space that coarsens all of the mappings.

    Labels that are void in any mapping are void in it; labels that share a class in any mapping
    share one in it (connected components over the labels that are void in none). A component
    that is a class of one of the mappings keeps that class's name and colour (of the first
    mapping that has it); another is named by its labels, joined with ``+``.

    Args:
        mappings: One or more mappings over one taxonomy. Their order changes the order of the
            classes only.

    Raises:
        InputError: When the taxonomies differ, or fewer than two classes are left; then with
            the chain of merges that caused it.
    """
    first = mappings[0]
    taxonomy = first.taxonomy
    if any(m.taxonomy.hash != taxonomy.hash for m in mappings):
        listing = ", ".join(f"{m.name} ({m.taxonomy.name})" for m in mappings)
        raise InputError(f"mappings over different taxonomies cannot be compared: {listing}")
    distinct = {m.hash: m for m in mappings}
    if len(distinct) == 1:
        return first
    tables = [m.lookup() for m in mappings]
    places = [*range(len(taxonomy.labels)), VOID]
    scored = [p for p in places if all(table[p] != VOID for table in tables)]
    component = {p: p for p in scored}
    merges: list[str] = []
    label_names = dict(zip(places, (*taxonomy.names, VOID_NAME), strict=True))
    for mapping, table in zip(mappings, tables, strict=True):
        for index, mapped_class in enumerate(mapping.classes):
            members = [p for p in scored if table[p] == index]
            roots = {component[p] for p in members}
            if len(roots) > 1:
                names = ", ".join(label_names[p] for p in members)
                merges.append(f"{mapping.name}.{mapped_class.name} joins {names}")
                component = {p: min(roots) if r in roots else r for p, r in component.items()}
    groups: dict[int, list[int]] = {}
    for place in scored:
        groups.setdefault(component[place], []).append(place)
    if len(groups) < 2:
        raise InputError(
            f"the common space of {', '.join(m.name for m in mappings)} has {len(groups)} "
            "class(es); two are needed to compare anything. "
            f"The merges: {'; '.join(merges) or 'all is void'}"
        )
    classes = _with_distinct_names(
        [_component_class(group, label_names, mappings) for group in groups.values()]
    )
    order = _class_order(mappings, tables, list(groups.values()))
    name = "common-" + "-".join(sorted({m.name for m in mappings}))
    return Mapping(name, taxonomy, tuple(classes[i] for i in order))


def _component_class(
    group: list[int], label_names: dict[int, str], mappings: Sequence[Mapping]
) -> MappedClass:
    labels = tuple(label_names[p] for p in group)
    for mapping in mappings:
        for mapped_class in mapping.classes:
            if set(mapped_class.labels) == set(labels):
                return MappedClass(mapped_class.name, mapped_class.color, labels)
    colors = dict(zip(mappings[0].taxonomy.names, mappings[0].taxonomy.colors, strict=True))
    first = next((label for label in labels if label in colors), None)
    color = colors[first] if first else mappings[0].taxonomy.void_color
    return MappedClass("+".join(labels), color, labels)


def _with_distinct_names(classes: list[MappedClass]) -> list[MappedClass]:
    """Name classes by their labels where two mappings use one name for different classes."""
    names = [c.name for c in classes]
    return [replace(c, name="+".join(c.labels)) if names.count(c.name) > 1 else c for c in classes]


def _class_order(
    mappings: Sequence[Mapping], tables: Sequence[NDArray[np.uint8]], groups: list[list[int]]
) -> list[int]:
    """Order components as the first mapping orders its classes."""
    first = tables[0]
    return sorted(range(len(groups)), key=lambda i: min(int(first[p]) for p in groups[i]))


def collapse_lookup(fine: Mapping, coarse: Mapping) -> NDArray[np.int64]:
    """Return the class of ``coarse`` that each class of ``fine`` falls into; shape (C_fine,).

    A class whose labels are all void in ``coarse`` falls into *none*, written K = the number of
    classes of ``coarse``. It can still be predicted and is then wrong wherever the truth is not
    void: the extra column K of a confusion matrix.

    Raises:
        InputError: When ``coarse`` does not coarsen ``fine``.
    """
    if not coarsens(coarse, fine):
        raise InputError(
            f"scores of {fine.name} cannot be given in {coarse.name}: a class of {fine.name} falls "
            f"into several classes of {coarse.name}, or {coarse.name} scores pixels that "
            f"{fine.name} leaves void"
        )
    none = len(coarse.classes)
    source, target = fine.lookup(), coarse.lookup()
    table = np.full(len(fine.classes), none, np.int64)
    for place in [*range(len(fine.taxonomy.labels)), VOID]:
        if source[place] != VOID and target[place] != VOID:
            table[source[place]] = target[place]
    return table


def collapse_confusion(
    confusion: NDArray[np.int64], rows: NDArray[np.int64], num_coarse: int
) -> NDArray[np.int64]:
    """Collapse a confusion matrix of a fine space into a coarser one (the ``argmax`` rule).

    Args:
        confusion: Shape (..., C, C) or (..., C, C+1), rows ground truth, columns prediction.
        rows: ``collapse_lookup(fine, coarse)``.
        num_coarse: K, the number of classes of the coarse space.

    Returns:
        Shape (..., K, K+1); column K is *none*. Pixels whose true class falls into none are void
        in the coarse space and left out. Exact only where no class of ``fine`` mixes labels
        that ``coarse`` scores with labels that it leaves out.
    """
    columns = np.append(rows, num_coarse)[: confusion.shape[-1]]
    into_rows = np.eye(num_coarse + 1, dtype=np.int64)[rows][:, :num_coarse]
    into_columns = np.eye(num_coarse + 1, dtype=np.int64)[columns]
    collapsed: NDArray[np.int64] = np.einsum(
        "...ij,ik,jl->...kl", confusion, into_rows, into_columns, optimize=True
    )
    return collapsed
