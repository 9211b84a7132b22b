"""How a study is named that nobody names: after its file, the folder of its data, its mapping."""

import re
from dataclasses import dataclass
from pathlib import Path

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class Naming:
    """The parts of a study's name: other data or another mapping makes another study.

    Attributes:
        before: Its parts before the data's folder.
        folder: The name of the folder that ``--data`` names; None for the project's own data.
        after: Its parts after that.
    """

    before: tuple[str, ...]
    folder: str | None = None
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The study's name."""
        return self.with_folder(self.folder)

    def with_folder(self, folder: str | None) -> str:
        """Return what it would be called if the data's folder had another name, or were not named.

        What a name may not have becomes a hyphen.

        Examples:
            >>> Naming(("default",)).with_folder("my streets"), Naming(("camvid",), "camvid").name
            ('default-my-streets', 'camvid')
        """
        named = [] if folder is None else [_NOT_IN_NAMES.sub("-", folder).rstrip(".")]
        parts = [*self.before, *named, *self.after]
        return "-".join(dict.fromkeys(parts))


def study_naming(file: str, data: str | Path | None, mapping: str | None) -> Naming:
    """Name a study.

    Args:
        file: The name in its file.
        data: The folder of another data set than the project's.
        mapping: A mapping that is not searched then.
    """
    return Naming((file,), folder_name(data), () if mapping is None else (mapping,))


def folder_name(data: str | Path | None) -> str | None:
    """Return a folder's own name, as data in it is called; None for None."""
    return None if data is None else Path(data).expanduser().resolve().name
