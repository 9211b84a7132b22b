"""Mappings: which class each label of a taxonomy becomes, and the algebra of label spaces.

Numpy only: a mapping is looked at, compared and drawn without loading torch.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.labels.taxonomy import LONGEST_NAME, VOID, VOID_NAME, Color, Taxonomy


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
    """A total function from a taxonomy's labels to classes or to void. It is also a label space.

    Attributes:
        name: The mapping's name, also of its file in ``mappings/``.
        taxonomy: The taxonomy whose labels it maps.
        classes: The classes; their places are the class indices 0..C-1.
        to: The name of the taxonomy whose labels the classes are: see `relabelling`. None for none.
        also: Coarser spaces in which the loss is taken, too, of `A+B`: see `expression`. They
            change how a model is trained, never what it predicts.
    """

    name: str
    taxonomy: Taxonomy
    classes: tuple[MappedClass, ...]
    to: str | None = None
    also: tuple["Mapping", ...] = ()

    @property
    def space(self) -> "Mapping":
        """The mapping alone, which a model of it predicts: `A` of `A+B`."""
        if not self.also:
            return self
        coarser = "".join(f"+{m.name}" for m in self.also)
        return replace(self, name=self.name.removesuffix(coarser), also=())

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
        """The labels that no class holds, in the taxonomy's order: out of loss and scores.

        The unlabelled pixels, ``void``, are not among them, whether a class holds them or not.
        """
        held = {label for c in self.classes for label in c.labels}
        return tuple(name for name in self.taxonomy.names if name not in held)

    @property
    def scores_void(self) -> bool:
        """Whether a class holds the unlabelled pixels, ``void``."""
        return any(VOID_NAME in c.labels for c in self.classes)

    @property
    def hash(self) -> str:
        """A digest of the classes, their labels and the taxonomy, and of `also`; no file names."""
        classes = [(c.name, sorted(c.labels)) for c in self.classes]
        content = (self.taxonomy.hash, classes, *(m.hash for m in self.also))
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
        """Return the content of the mapping's YAML file; of `A+B` that of A, and B's name."""
        return {
            "name": self.space.name,
            "taxonomy": self.taxonomy.name,
            **({} if self.to is None else {"to": self.to}),
            "classes": [
                {"name": c.name, "color": list(c.color), "labels": list(c.labels)}
                for c in self.classes
            ],
            "void": list(self.void_labels),
            **({"also": [m.name for m in self.also]} if self.also else {}),
        }


def mapping_of_labels(taxonomy: Taxonomy) -> Mapping:
    """Return the mapping whose classes are the labels of a taxonomy, and that has its name."""
    classes = (MappedClass(label.name, label.color, (label.name,)) for label in taxonomy.labels)
    return Mapping(taxonomy.name, taxonomy, tuple(classes))


def coarsens(coarse: Mapping, fine: Mapping) -> bool:
    """Whether every class of ``fine`` falls whole into one class of ``coarse``.

    Labels that ``coarse`` leaves out do not count: a class of ``fine`` may fall into void in part
    or as a whole. But no void pixel of ``fine`` may be scored in ``coarse``, since ``fine`` was
    never trained on it. Mappings over different taxonomies do not coarsen each other.
    """
    if coarse.taxonomy.hash != fine.taxonomy.hash:
        return False
    targets = coarse.lookup()
    source = fine.lookup()
    reached: dict[int, set[int]] = {}
    for place in _places(fine.taxonomy):
        reached.setdefault(int(source[place]), set()).add(int(targets[place]))
    if reached.pop(VOID, {VOID}) != {VOID}:
        return False
    return all(len(found - {VOID}) <= 1 for found in reached.values())


def common_space(mappings: Sequence[Mapping]) -> Mapping:
    """Return the finest label space that coarsens all of the mappings and drops no more than they.

    Labels that are void in any mapping are void in it; labels that share a class in any mapping
    share one in it (connected components over the labels that are void in none). A component
    that is a class of one of the mappings keeps that class's name and colour (where several have
    it: of the mapping whose name sorts first); another is named by its labels, joined with ``+``.
    Where two mappings use one name for different sets of labels, both components lose it and are
    named by their labels, too; names that are still equal get a ``+`` at their end.

    Args:
        mappings: One or more mappings over one taxonomy. Their order changes the order of the
            classes only, which follows the first mapping.

    Raises:
        InputError: When the taxonomies differ, or fewer than two classes are left; then with
            the chain of merges that caused it.
    """
    mappings = [m.space for m in mappings]
    refuse_different_taxonomies(mappings)
    if len({m.hash for m in mappings}) == 1:
        return min(mappings, key=lambda m: m.name)
    groups, chain = _components(mappings)
    if len(groups) < 2:
        raise InputError(
            f"the common space of {', '.join(m.name for m in mappings)} has {len(groups)} "
            f"class(es); two are needed to compare anything. Why: {'; '.join(chain)}"
        )
    first = mappings[0].lookup()
    groups.sort(key=lambda group: int(first[group].min()))
    classes = _with_distinct_names([_component_class(group, mappings) for group in groups])
    name = "common-" + "-".join(sorted({m.name for m in mappings}))
    if len(name) > LONGEST_NAME:  # it becomes the name of a file
        name = f"common-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return Mapping(name, mappings[0].taxonomy, tuple(classes))


def _places(taxonomy: Taxonomy) -> list[int]:
    """Return the places of the labels and of void in a lookup table."""
    return [*range(len(taxonomy.labels)), VOID]


def _label_names(taxonomy: Taxonomy, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(VOID_NAME if p == VOID else taxonomy.names[p] for p in places)


def refuse_different_taxonomies(mappings: Sequence[Mapping]) -> None:
    """Raise an InputError, with each mapping's taxonomy, unless all are over one taxonomy."""
    if len({m.taxonomy.hash for m in mappings}) > 1:
        listing = ", ".join(f"{m.name} ({m.taxonomy.name}, {m.taxonomy.hash})" for m in mappings)
        raise InputError(f"mappings over different taxonomies cannot be compared: {listing}")


def _components(mappings: Sequence[Mapping]) -> tuple[list[list[int]], list[str]]:
    """Return the components as places, and in words why they are so few."""
    taxonomy = mappings[0].taxonomy
    tables = [m.lookup() for m in mappings]
    scored = [p for p in _places(taxonomy) if all(table[p] != VOID for table in tables)]
    chain = [f"{m.name} leaves out {', '.join(m.void_labels)}" for m in mappings if m.void_labels]
    component = {p: p for p in scored}
    for mapping, table in zip(mappings, tables, strict=True):
        for index, mapped_class in enumerate(mapping.classes):
            members = [p for p in scored if table[p] == index]
            roots = {component[p] for p in members}
            if len(roots) > 1:
                names = ", ".join(_label_names(taxonomy, members))
                chain.append(f"{mapping.name}.{mapped_class.name} joins {names}")
                component = {p: min(roots) if r in roots else r for p, r in component.items()}
    groups: dict[int, list[int]] = {}
    for place in scored:
        groups.setdefault(component[place], []).append(place)
    return list(groups.values()), chain


def _component_class(group: list[int], mappings: Sequence[Mapping]) -> MappedClass:
    taxonomy = mappings[0].taxonomy
    labels = _label_names(taxonomy, group)
    same = [
        (m.name, c.name, c.color) for m in mappings for c in m.classes if {*c.labels} == {*labels}
    ]
    if same:
        _, name, color = min(same)
        return MappedClass(name, color, labels)
    color = taxonomy.void_color if group[0] == VOID else taxonomy.colors[group[0]]
    return MappedClass(_joined(labels), color, labels)


def _joined(labels: Sequence[str]) -> str:
    """Name a class by its labels; no class is called ``void``."""
    return "unlabelled" if labels == (VOID_NAME,) else "+".join(labels)


def _with_distinct_names(classes: list[MappedClass]) -> list[MappedClass]:
    """Name classes by their labels where two mappings use one name for different classes."""
    names = [c.name for c in classes]
    if len(set(names)) == len(names):
        return classes
    renamed = [
        replace(c, name=_joined(c.labels)) if names.count(c.name) > 1 else c for c in classes
    ]
    # A new name may be another class's own name.
    return _with_suffixes(renamed) if renamed == classes else _with_distinct_names(renamed)


def _with_suffixes(classes: list[MappedClass]) -> list[MappedClass]:
    """Tell apart what labels cannot: a label called ``a+b`` beside labels ``a`` and ``b``."""
    names = [c.name for c in classes]
    name_of: dict[tuple[str, ...], str] = {}
    # By labels, so that the names do not depend on the order of the mappings; unique ones first.
    for c in sorted(classes, key=lambda c: (names.count(c.name) > 1, c.labels)):
        name = c.name
        while name in name_of.values():
            name += "+"
        name_of[c.labels] = name
    return [replace(c, name=name_of[c.labels]) for c in classes]


def collapse_lookup(fine: Mapping, coarse: Mapping) -> NDArray[np.int64]:
    """Return the class of ``coarse`` that each class of ``fine`` falls into; shape (C_fine,).

    A class whose labels are all void in ``coarse`` falls into *none*, written K = the number of
    classes of ``coarse``. It can still be predicted and is then wrong wherever the truth is not
    void: the extra column K of a confusion matrix.

    Raises:
        InputError: When ``coarse`` does not coarsen ``fine``, or the taxonomies differ.
    """
    refuse_different_taxonomies([fine, coarse])
    if not coarsens(coarse, fine):
        why = "; ".join(_obstacles(coarse, fine))
        raise InputError(f"scores of {fine.name} cannot be given in {coarse.name}: {why}")
    none = len(coarse.classes)
    source, target = fine.lookup(), coarse.lookup()
    table = np.full(len(fine.classes), none, np.int64)
    for place in _places(fine.taxonomy):
        if source[place] != VOID and target[place] != VOID:
            table[source[place]] = target[place]
    return table


def _obstacles(coarse: Mapping, fine: Mapping) -> list[str]:
    """Say why ``coarse`` does not coarsen ``fine``, class by class."""
    names = dict(zip(_places(fine.taxonomy), (*fine.taxonomy.names, VOID_NAME), strict=True))
    source, target = fine.lookup(), coarse.lookup()
    unseen = [n for p, n in names.items() if source[p] == VOID and target[p] != VOID]
    why = [f"it scores {', '.join(unseen)}, which {fine.name} leaves void"] if unseen else []
    for index, mapped_class in enumerate(fine.classes):
        places = [p for p in names if source[p] == index and target[p] != VOID]
        reached = {coarse.names[target[p]]: None for p in places}
        if len(reached) > 1:
            why.append(f"{mapped_class.name} falls into {' and '.join(reached)}")
    return why


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
