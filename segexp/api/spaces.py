"""Mappings and the label spaces that they share; neither torch nor Optuna is loaded."""

from pathlib import Path

from segexp.api.projects import project_of
from segexp.core.errors import InputError
from segexp.labels import mapping as algebra
from segexp.labels.files import find_mapping, load_mapping
from segexp.labels.mapping import Mapping


def mapping(name_or_path: str | Path, *, project: str | Path | None = None) -> Mapping:
    """Return a mapping: which class each label of a taxonomy becomes.

    Args:
        name_or_path: Its name in the project's ``mappings/``, a taxonomy's name for all of its
            labels, or a YAML file. What ends in ``.yaml`` is a file.
        project: A directory in the project; by default the current one.

    Raises:
        InputError: When there is no such mapping, or with every fault of its file.
    """
    if str(name_or_path).endswith((".yaml", ".yml")):
        return load_mapping(Path(name_or_path).expanduser())
    return find_mapping(project_of(project), str(name_or_path))


def common_space(*mappings: str | Path | Mapping, project: str | Path | None = None) -> Mapping:
    """Return the finest label space in which scores of all of these mappings can be compared.

    Args:
        mappings: One or more over one taxonomy: mappings, or what `mapping` takes.
        project: As for `mapping`.

    Raises:
        InputError: Without a mapping, when the taxonomies differ, or fewer than two classes are
            left; then with the chain of merges that caused it.

    Example:
        >>> common_space("cityscapes19", "merged10").names == mapping("merged10").names
        True
    """
    if not mappings:
        raise InputError("common_space: name one mapping or more")
    return algebra.common_space(
        [m if isinstance(m, Mapping) else mapping(m, project=project) for m in mappings]
    )
