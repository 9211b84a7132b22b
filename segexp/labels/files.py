"""Mapping files: read by name or by path, with every fault listed at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segexp.core.errors import InputError, at_most, collected, did_you_mean, shown
from segexp.core.yaml import find_yaml, read_yaml_mapping
from segexp.labels.expression import with_coarser
from segexp.labels.mapping import MappedClass, Mapping, mapping_of_labels
from segexp.labels.taxonomy import (
    LONGEST_NAME,
    VOID,
    VOID_NAME,
    Taxonomy,
    file_name_faults,
    load_taxonomy,
    parse_color,
    unknown_keys,
    word_fault,
)


def load_mapping(path: Path) -> Mapping:
    """Read a mapping from its YAML file; its taxonomy is looked up in ``taxonomies/`` beside it.

    Raises:
        InputError: With every fault: unknown labels (with a did-you-mean), labels that are
            missing or listed twice, classes without labels, unknown keys.
    """
    content = read_yaml_mapping(path)
    directory = path.parent / "taxonomies"
    named = content.get("taxonomy")
    faults = unknown_keys(path, content, ("name", "taxonomy", "to", "classes", "void"))
    taxonomy = None
    with collected(faults):
        complaint = f"{path}: taxonomy: {shown(named)} is not in {directory}"
        taxonomy = load_taxonomy(find_yaml(directory, named, complaint))
    # Without its taxonomy no label is known or missing; everything else can be checked.
    groups = _parse_groups(str(path), content, faults)
    if taxonomy is not None:
        faults += _coverage_faults(str(path), groups, taxonomy)
    to = content.get("to")
    if to is not None:
        with collected(faults):
            other_taxonomy(path, to, groups.names)
    if content.get("name") != path.stem:
        name = shown(content.get("name"))
        faults.append(f"{path}: name: {name}; must be the file's own name, {path.stem!r}")
    faults += file_name_faults(str(path), content)
    if faults or taxonomy is None:
        raise InputError(faults)
    return Mapping(path.stem, taxonomy, groups.classes, to)


def other_taxonomy(path: Path, named: Any, names: Sequence[str]) -> Taxonomy:
    """Return the taxonomy that a mapping leads ``to``: its classes are labels of that one.

    Args:
        path: The mapping's file.
        named: What it says under ``to``.
        names: Its classes.

    Raises:
        InputError: When there is no such taxonomy, or a class is not a label of it.
    """
    directory = path.parent / "taxonomies"
    complaint = f"{path}: to: taxonomy {shown(named)} is not in {directory}"
    taxonomy = load_taxonomy(find_yaml(directory, named, complaint))
    strange = [name for name in names if name not in taxonomy.names]
    if strange:
        raise InputError(
            [
                f"{path}: class {name!r} is not a label of {taxonomy.name}, which `to` names"
                f"{did_you_mean(name, taxonomy.names)}"
                for name in strange
            ]
        )
    return taxonomy


@dataclass(frozen=True)
class MappingFiles:
    """The mapping files of a project.

    Attributes:
        mappings: What could be read, sorted by name.
        broken: The faults of each file that could not, by its path.
    """

    mappings: tuple[Mapping, ...]
    broken: dict[Path, tuple[str, ...]]


def read_mappings(project: Path) -> MappingFiles:
    """Read every mapping file of a project; a broken one does not stop the others."""
    mappings: list[Mapping] = []
    broken: dict[Path, tuple[str, ...]] = {}
    for path in sorted((project / "mappings").glob("*.yaml")):
        try:
            mappings.append(load_mapping(path))
        except InputError as error:
            broken[path] = error.faults
    return MappingFiles(tuple(mappings), broken)


def find_mapping(project: Path, name: str) -> Mapping:
    """Load a mapping of the project by its name.

    A taxonomy's name, where no mapping has it, means the mapping of its labels, each a class. So
    does ``A+B``, where none has it, mean A with a loss that is also taken in B: `expression`.

    Raises:
        InputError: When neither has that name (with a did-you-mean), or it has faults.
    """
    directory = project / "mappings"
    if "+" in name and name not in [path.stem for path in directory.glob("*.yaml")]:
        return with_coarser(*find_mappings(project, name.split("+")))
    taxonomies = sorted((directory / "taxonomies").glob("*.yaml"))
    # In this order: a file system may refuse to look for the name of a file that is not there.
    if name in [path.stem for path in taxonomies] and not (directory / f"{name}.yaml").is_file():
        return mapping_of_labels(load_taxonomy(directory / "taxonomies" / f"{name}.yaml"))
    return load_mapping(find_yaml(directory, name, f"no mapping {shown(name)} in {directory}"))


def find_mappings(project: Path, names: Sequence[str]) -> list[Mapping]:
    """Load several mappings; the faults of all of them are raised at once."""
    mappings: list[Mapping] = []
    faults: list[str] = []
    for name in names:
        with collected(faults):
            mappings.append(find_mapping(project, name))
    if faults:
        raise InputError(faults)
    return mappings


def parse_mapping(
    where: str, content: dict[str, Any], taxonomy: Taxonomy
) -> tuple[Mapping, list[str]]:
    """Build a mapping from the content of its file, and list every fault in it.

    Args:
        where: What to call the file in a fault.
        content: As ``Mapping.to_dict`` writes it.
        taxonomy: The taxonomy that it names.

    Returns:
        The mapping (of use only without faults) and the faults.
    """
    faults = file_name_faults(where, content)
    groups = _parse_groups(where, content, faults)
    faults += _coverage_faults(where, groups, taxonomy)
    to = content.get("to")
    return Mapping(
        str(content.get("name")), taxonomy, groups.classes, None if to is None else str(to)
    ), faults


@dataclass(frozen=True)
class _Groups:
    """What a mapping file says of labels, before its taxonomy is looked at.

    Attributes:
        classes: The classes that could be read.
        void: The labels under ``void``.
        are_whole: Whether no label can be missing because something could not be read.
    """

    classes: tuple[MappedClass, ...]
    void: tuple[str, ...]
    are_whole: bool

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.classes]


def _parse_groups(where: str, content: dict[str, Any], faults: list[str]) -> _Groups:
    rows = content.get("classes")
    if not isinstance(rows, list) or len(rows) < 2:
        faults.append(f"{where}: classes: expected a list of two or more classes")
    if not isinstance(rows, list):
        rows = []
    if len(rows) > VOID:
        faults.append(f"{where}: classes: {len(rows)}; at most {VOID} fit into 8 bits")
        rows = []
    are_whole = bool(rows)
    classes: list[MappedClass] = []
    for place, row in enumerate(rows):
        at = f"{where}: classes[{place}]"
        if not isinstance(row, dict) or set(row) != {"name", "color", "labels"}:
            faults.append(
                f"{at}: {shown(row)}; expected {{name: ..., color: [r, g, b], labels: [...]}}"
            )
            are_whole = False
            continue
        name = row["name"]
        called = f"{at} ({str(name)[:LONGEST_NAME]})"
        if fault := word_fault(name, [known.name for known in classes]):
            faults.append(f"{at}: name: {fault}")
            called = at
        labels = _label_names(f"{called}: labels", row["labels"], faults)
        are_whole = are_whole and labels is not None
        if row["labels"] == []:
            faults.append(f"{called}: labels: a class needs at least one label")
        color = parse_color(f"{at}: color", row["color"], faults)
        classes.append(MappedClass(str(name), color, labels or ()))
    void = _label_names(f"{where}: void", content.get("void", []), faults)
    return _Groups(tuple(classes), void or (), are_whole and void is not None)


def _label_names(where: str, value: Any, faults: list[str]) -> tuple[str, ...] | None:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    hint = "names, not numbers" if isinstance(value, list) else "a list of label names"
    faults.append(f"{where}: {shown(value)}; expected {hint}")
    return None


def _coverage_faults(where: str, groups: _Groups, taxonomy: Taxonomy) -> list[str]:
    listed = Counter([label for c in groups.classes for label in c.labels] + list(groups.void))
    known = (*taxonomy.names, VOID_NAME)
    wrong = [label for label, count in listed.items() if label not in known or count > 1]
    told, faults = at_most(wrong, where)
    faults = [_label_fault(where, label, listed[label], taxonomy) for label in told] + faults
    missing = [repr(label) for label in taxonomy.names if label not in listed]
    if missing and groups.are_whole:
        what = "is in no class; put it" if len(missing) == 1 else "are in no class; put each"
        faults.append(
            f"{where}: {', '.join(missing)} of {taxonomy.name} {what} in one or under `void`"
        )
    return faults


def _label_fault(where: str, label: str, count: int, taxonomy: Taxonomy) -> str:
    known = (*taxonomy.names, VOID_NAME)
    if label in known:
        return f"{where}: {label!r} is listed {count} times; once only"
    return f"{where}: {shown(label)} is not a label of {taxonomy.name}{did_you_mean(label, known)}"
