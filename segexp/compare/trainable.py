"""Whether arms can be trained in this place. Numpy only: it is asked before torch is loaded."""

from collections.abc import Sequence
from pathlib import Path

from segexp.core.config import Config
from segexp.data.layout import is_drawn


def can_train(project: Path, config: Config, mappings: Sequence[str]) -> bool:
    """Whether a project has a folder of data and the files of the mappings, whatever is in them.

    Args:
        mappings: Names; of ``A+B`` the files of both.
    """
    files = project / "mappings"
    known = {path.stem for path in (*files.glob("*.yaml"), *files.glob("taxonomies/*.yaml"))}
    root = config.data.root
    has_data = is_drawn(config.data.format) or (
        root is not None and (project / Path(root).expanduser()).is_dir()
    )
    return has_data and all(name in known or {*name.split("+")} <= known for name in mappings)
