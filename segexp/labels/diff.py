"""How two mappings differ, label by label, and what falls into the common space of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segexp.labels.mapping import (
    Mapping,
    coarsens,
    collapse_lookup,
    common_space,
    refuse_different_taxonomies,
)
from segexp.labels.taxonomy import VOID_NAME

Change = Literal["dropped", "added", "merged", "split", "regrouped", "renamed"]
Relation = Literal["same", "coarser", "finer", "neither"]


@dataclass(frozen=True)
class LabelChange:
    """A label that two mappings treat differently.

    Attributes:
        label: The label's name; ``void`` for the unlabelled pixels.
        first: Its class in the first mapping; None for void.
        second: Its class in the second.
        change: From first to second: ``dropped`` (void now), ``added`` (void before),
            ``merged`` (its class is part of one), ``split`` (its class is parted), ``regrouped``
            (both), ``renamed``.
    """

    label: str
    first: str | None
    second: str | None
    change: Change


@dataclass(frozen=True)
class MappingDiff:
    """What changes from a first mapping to a second.

    Attributes:
        relation: What the second is to the first: ``same`` (one label space), ``coarser``,
            ``finer`` or ``neither``.
        labels: The labels that differ, in the taxonomy's order.
        merged: Each class of the second that several classes of the first fall into, and these.
        split: Each class of the first that falls into several of the second, and these.
        dropped: The labels that only the first has in a class.
        added: The labels that only the second has in a class.
        renamed: Classes of the same labels with another name, the first's and the second's.
    """

    relation: Relation
    labels: tuple[LabelChange, ...]
    merged: dict[str, tuple[str, ...]]
    split: dict[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]


def diff_mappings(first: Mapping, second: Mapping) -> MappingDiff:
    """Compare two mappings over one taxonomy.

    Labels that either mapping leaves out are not counted as merged, split or renamed.

    Raises:
        InputError: When the taxonomies differ.
    """
    refuse_different_taxonomies([first, second])
    names = (*first.taxonomy.names, VOID_NAME)
    before, after = _class_of(first), _class_of(second)
    kept = [label for label in names if label in before and label in after]
    into = _grouped([(before[label], after[label]) for label in kept])
    out_of = _grouped([(after[label], before[label]) for label in kept])
    changes = []
    for label in names:
        change = _change(before.get(label), after.get(label), into, out_of)
        if change is not None:
            changes.append(LabelChange(label, before.get(label), after.get(label), change))
    return MappingDiff(
        _relation(first, second),
        tuple(changes),
        {name: sources for name, sources in out_of.items() if len(sources) > 1},
        {name: targets for name, targets in into.items() if len(targets) > 1},
        tuple(change.label for change in changes if change.change == "dropped"),
        tuple(change.label for change in changes if change.change == "added"),
        tuple(
            (name, targets[0])
            for name, targets in into.items()
            if targets != (name,) and len(targets) == 1 and len(out_of[targets[0]]) == 1
        ),
    )


@dataclass(frozen=True)
class CommonSpace:
    """The common space of several mappings, and where their classes fall.

    Attributes:
        space: The common space, itself a mapping.
        classes: By mapping, then by class of the space: the mapping's classes that fall into it.
        none: By mapping: its classes all of whose labels are void in the space. They can still
            be predicted, and are then wrong.
    """

    space: Mapping
    classes: dict[str, dict[str, tuple[str, ...]]]
    none: dict[str, tuple[str, ...]]


def describe_common_space(mappings: Sequence[Mapping]) -> CommonSpace:
    """Build the common space of mappings and say which class of each falls where.

    Raises:
        InputError: When the taxonomies differ or fewer than two classes are left; then with the
            chain of merges that caused it.
    """
    space = common_space(mappings)
    classes: dict[str, dict[str, tuple[str, ...]]] = {}
    none: dict[str, tuple[str, ...]] = {}
    for mapping in mappings:
        falls_into = collapse_lookup(mapping, space)
        by_target = {
            target: tuple(
                name
                for name, place in zip(mapping.names, falls_into, strict=True)
                if place == target
            )
            for target in range(len(space.classes) + 1)
        }
        none[mapping.name] = by_target.pop(len(space.classes))
        classes[mapping.name] = dict(zip(space.names, by_target.values(), strict=True))
    return CommonSpace(space, classes, none)


def coarsened_by(mapping: Mapping, others: Sequence[Mapping]) -> list[str]:
    """Return the names of the other mappings whose scores can be given in this one's classes."""
    return [o.name for o in others if o.name != mapping.name and coarsens(mapping, o)]


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return for each first word the different second words, in order."""
    groups: dict[str, dict[str, None]] = {}
    for key, value in pairs:
        groups.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in groups.items()}


def _class_of(mapping: Mapping) -> dict[str, str]:
    return {label: c.name for c in mapping.classes for label in c.labels}


def _change(
    first: str | None,
    second: str | None,
    into: dict[str, tuple[str, ...]],
    out_of: dict[str, tuple[str, ...]],
) -> Change | None:
    if first is None or second is None:
        return "dropped" if first else "added" if second else None
    merged, split = len(out_of[second]) > 1, len(into[first]) > 1
    if merged or split:
        return "regrouped" if merged and split else "merged" if merged else "split"
    return None if first == second else "renamed"


def _relation(first: Mapping, second: Mapping) -> Relation:
    coarser, finer = coarsens(second, first), coarsens(first, second)
    if coarser and finer:
        return "same"
    return "coarser" if coarser else "finer" if finer else "neither"
