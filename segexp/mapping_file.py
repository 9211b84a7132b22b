"""Mapping files: read by name or by path, with every fault listed at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segexp.errors import InputError, collected, did_you_mean
from segexp.mapping import MappedClass, Mapping
from segexp.taxonomy import (
    VOID,
    VOID_NAME,
    Taxonomy,
    load_taxonomy,
    parse_color,
    unknown_keys,
)
from segexp.yaml_file import find_yaml, read_yaml_mapping


def load_mapping(path: Path) -> Mapping:
    """Read a mapping from its YAML file; its taxonomy is looked up in ``taxonomies/`` beside it.

    Raises:
        InputError: With every fault: unknown labels (with a did-you-mean), labels that are
            missing or listed twice, classes without labels, unknown keys.
    """
    content = read_yaml_mapping(path)
    directory = path.parent / "taxonomies"
    name = content.get("taxonomy")
    taxonomy = find_yaml(directory, name, f"{path}: taxonomy: {name!r} is not in {directory}")
    mapping, faults = parse_mapping(str(path), content, load_taxonomy(taxonomy))
    faults = unknown_keys(path, content, ("name", "taxonomy", "classes", "void")) + faults
    if content.get("name") != path.stem:
        name = content.get("name")
        faults.append(f"{path}: name: {name!r}; must be the file's own name, {path.stem!r}")
    if faults:
        raise InputError(faults)
    return mapping


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
    """Read every mapping file of a project; a broken one is reported and stops nothing."""
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

    Raises:
        InputError: When there is none of that name (with a did-you-mean), or it has faults.
    """
    directory = project / "mappings"
    return load_mapping(find_yaml(directory, name, f"no mapping {name!r} in {directory}"))


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
    faults: list[str] = []
    rows = content.get("classes")
    if not isinstance(rows, list) or len(rows) < 2:
        faults.append(f"{where}: classes: expected a list of two or more classes")
        rows = []
    classes: list[MappedClass] = []
    for place, row in enumerate(rows):
        at = f"{where}: classes[{place}]"
        if not isinstance(row, dict) or set(row) != {"name", "color", "labels"}:
            faults.append(f"{at}: {row!r}; expected {{name: ..., color: [r, g, b], labels: [...]}}")
            continue
        name = row["name"]
        if not isinstance(name, str) or not name.strip() or name == VOID_NAME:
            faults.append(f"{at}: name: {name!r}; must be a word other than {VOID_NAME!r}")
        elif name in [known.name for known in classes]:
            faults.append(f"{at}: name: {name!r} appears twice")
        labels = _label_names(f"{at} ({name}): labels", row["labels"], faults)
        if row["labels"] == []:
            faults.append(f"{at} ({name}): labels: a class needs at least one label")
        classes.append(
            MappedClass(str(name), parse_color(f"{at}: color", row["color"], faults), labels)
        )
    if len(classes) > VOID:
        faults.append(f"{where}: classes: {len(classes)}; at most {VOID} fit into 8 bits")
    void = _label_names(f"{where}: void", content.get("void", []), faults)
    faults += _coverage_faults(where, [*(c.labels for c in classes), void], taxonomy)
    return Mapping(str(content.get("name")), taxonomy, tuple(classes)), faults


def _label_names(where: str, value: Any, faults: list[str]) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    hint = "names, not numbers" if isinstance(value, list) else "a list of label names"
    faults.append(f"{where}: {value!r}; expected {hint}")
    return ()


def _coverage_faults(
    where: str, groups: Sequence[tuple[str, ...]], taxonomy: Taxonomy
) -> list[str]:
    listed = [label for group in groups for label in group]
    known = (*taxonomy.names, VOID_NAME)
    faults = []
    for label in dict.fromkeys(listed):
        if label not in known:
            faults.append(
                f"{where}: {label!r} is no label of {taxonomy.name}{did_you_mean(label, known)}"
            )
        elif listed.count(label) > 1:
            faults.append(f"{where}: {label!r} is listed {listed.count(label)} times; once only")
    faults.extend(
        f"{where}: {label!r} of {taxonomy.name} is in no class; put it in one or under `void`"
        for label in taxonomy.names
        if label not in listed
    )
    return faults
