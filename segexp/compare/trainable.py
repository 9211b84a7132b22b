"""Whether arms can be trained in this place. Numpy only: it is asked before torch is loaded."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

from segexp.compare.arms import Arm, with_mappings
from segexp.core.config import CONFIG_FILE, Config
from segexp.core.config_keys import NO_SETTINGS, WHICH_DATA, flatten, load_config, resolve_key
from segexp.core.yaml import read_yaml_mapping
from segexp.data.layout import is_drawn
from segexp.study.config import is_study_key


def settings_elsewhere(
    project: Path, overrides: Dict[str, Any], arms: Sequence[Arm]
) -> tuple[Config, dict[str, str]] | None:
    """Return with what a command asks where arms cannot be trained; None where they can.

    They can, too, where the command says which data is meant: what is wrong with that is said by
    what trains.

    Args:
        overrides: Keys of config and study that the command sets.

    Returns:
        The configuration, and of the keys that the command sets those that scores depend on, as a
        study's definition has them.

    Raises:
        InputError: When the configuration is invalid.
    """
    of_config = {k: v for k, v in overrides.items() if not is_study_key(k)}
    keys = [resolve_key(key) or key for key in of_config]
    config = load_config(project / CONFIG_FILE, of_config)
    mappings = [str(arm.settings["mapping"]) for arm in with_mappings(arms, config.mapping)]
    if names_data(keys) or can_train(project, config, mappings):
        return None
    flat = flatten(config.to_dict())
    own = [k for k in keys if k in flat and k != "mapping" and not k.startswith(NO_SETTINGS)]
    return config, {k: str(flat[k]) for k in own if flat[k] != "auto"}


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
