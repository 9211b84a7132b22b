"""Whether arms can be trained in this place. Numpy only: it is asked before torch is loaded."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from segexp.core.config import CONFIG_FILE, Config
from segexp.core.yaml import read_yaml_mapping
from segexp.data.layout import is_drawn

WHICH_DATA = (
    "data.root",
    "data.format",
    "data.layout",
    "data.synthetic.",
    "data.relabel",
    "data.masks",
    "data.heldout",
)
"""How the keys begin that say which images and masks there are."""


def can_train(project: Path, config: Config, mappings: Sequence[str]) -> bool:
    """Whether a project has data and the files of the mappings, whatever is in them.

    Args:
        mappings: Names; of ``A+B`` the files of both.
    """
    files = project / "mappings"
    known = {path.stem for path in (*files.glob("*.yaml"), *files.glob("taxonomies/*.yaml"))}
    root = config.data.root
    has_data = (root is not None and (project / Path(root).expanduser()).is_dir()) or (
        is_drawn(config.data.format) and speaks_of_data(project)
    )
    return has_data and all(name in known or {*name.split("+")} <= known for name in mappings)


def speaks_of_data(project: Path) -> bool:
    """Whether a project's `config.yaml` says anything of its data; scenes are drawn by default."""
    return bool(read_yaml_mapping(project / CONFIG_FILE).get("data"))


def names_data(keys: Iterable[str]) -> bool:
    """Whether overrides of config keys say which data is meant."""
    return any(key.startswith(WHICH_DATA) for key in keys)
