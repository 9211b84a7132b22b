"""A data layout, which of them a folder has, and the data set that it lists.

Each module of `segexp.data.layouts` is one; its name, with ``-`` for ``_``, is the layout's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segexp.core.choices import module_in
from segexp.core.errors import InputError, did_you_mean
from segexp.data import layouts
from segexp.data.layouts import layout_names
from segexp.data.layouts._any_folders import pair_files
from segexp.data.layouts._pairing import directory_entries
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy


@dataclass(frozen=True)
class SyntheticCounts:
    """How many scenes to render, and how.

    Attributes:
        train: Scenes of the train split.
        val: Scenes of the val split.
        test: Scenes of the test split; 0 for none.
        seed: Another seed gives other scenes.
        size: Height and width that the scenes are rendered at.
    """

    train: int = 96
    val: int = 32
    test: int = 512
    seed: int = 0
    size: tuple[int, int] = (64, 128)


@dataclass(frozen=True)
class Places:
    """What the image ids of a layout say about where a picture comes from.

    Attributes:
        pattern: A whole id, with groups.
        kinds: The groups that together name a ``sequence`` or a ``city``.
        guessed: The layout takes any file name, so that a match may mean nothing.
    """

    pattern: re.Pattern[str]
    kinds: Mapping[str, tuple[str, ...]]
    guessed: bool = False


_OF_LABELBOX = ((b'"data_row"', b'"row_data"'), (b'"Labeled Data"', b'"Label"'))
_BEGINNING = 1 << 16

_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")

VIDEO = Places(
    # 0016E5_07959, Seq05VD_f00030, video000_frame012, patient000-012
    re.compile(r"(?P<sequence>.+)[_-](?:f|frame_?)?(?P<frame>\d+)"),
    {"sequence": ("sequence",)},
    guessed=True,
)
"""Frames of videos, among files of any name."""


@dataclass(frozen=True)
class Layout:
    """How one kind of data set lies in its folder: ``LAYOUT`` in its module.

    A layout without a folder has `draw`, every other one `open`.

    Attributes:
        form: The folders and files that make it, for a refusal: ``leftImg8bit/ with gtFine/``.
        recognised: Returns what of it is in a folder, such as ``leftImg8bit/``; None for nothing.
            A part of it is enough: `open` lists what is missing as faults.
        open: Lists the files of a folder. What is wrong with them is in `Source.faults`.
        draw: Makes a data set of so many scenes, where there is no folder.
        taxonomy: Returns the name of the taxonomy that the layout implies for a folder, or None.
        places: What its image ids say of sequences and cities; None for nothing.
        rather_than: Layouts that are broader: they give way where both recognise a folder.
        pairs: Folders of images and of masks. Where both of a pair are one level down, the folder
            that holds them is named: "did you mean ...?".
    """

    form: str = ""
    recognised: Callable[[Path], str | None] = lambda root: None
    open: Callable[[Path, Taxonomy], Source] | None = None
    draw: Callable[[SyntheticCounts, Taxonomy], Source] | None = None
    taxonomy: Callable[[Path | None], str | None] = lambda root: None
    places: Places | None = None
    rather_than: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


def layout_of(name: str) -> Layout:
    """Return a layout.

    Raises:
        InputError: When no layout has that name, with a did-you-mean.
    """
    known = layout_names()
    if name not in known:
        raise InputError(
            f"data.format: {name!r} is unknown{did_you_mean(name, known)}; "
            f"known are {', '.join(known)}"
        )
    layout: Layout = module_in(layouts, name).LAYOUT
    return layout


def is_drawn(name: str) -> bool:
    """Whether data of a format, which may be ``auto``, is drawn and lies in no folder."""
    return name in layout_names() and layout_of(name).draw is not None


def implied_taxonomy(name: str, root: Path | None) -> str | None:
    """Return the name of the taxonomy that a layout implies for a folder; None for none."""
    return layout_of(name).taxonomy(root) if name in layout_names() else None


def is_narrow(name: str) -> bool:
    """Whether broader layouts give way to a layout: its own file names tell it."""
    return name in layout_names() and bool(layout_of(name).rather_than)


def recognise_format(root: Path) -> str:
    """Tell the layout of a data set from what is in ``root``.

    Raises:
        InputError: When ``root`` is not a folder, holds no known layout, or holds more than one.
    """
    _check_root(root)
    known = {name: layout_of(name) for name in layout_names()}
    seen: dict[str, str] = {}
    broader: set[str] = set()
    for name in sorted(known, key=lambda name: not known[name].rather_than):
        # A broad layout walks through all files: for nothing, where it gives way.
        if name not in broader and (what := known[name].recognised(root)):
            seen[name] = what
            broader.update(known[name].rather_than)
    seen = {name: seen[name] for name in known if name in seen and name not in broader}
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        listing = "; ".join(f"{name} ({what})" for name, what in seen.items())
        raise InputError(
            f"{root}: looks like {len(seen)} formats: {listing}; choose one with --format"
        )
    forms = ", ".join(f"{layout.form} ({name})" for name, layout in known.items() if layout.form)
    raise InputError(
        f"{root}: no known layout{_way_on(root, known)}; found {_content(root)}; any tree of "
        "images and masks can be described: data.layout: {images: 'GLOB', masks: 'GLOB'}; "
        f"known layouts: {forms}"
    )


def open_source(
    format: str,  # noqa: A002 - the word of the command line and of config.yaml
    root: Path | None,
    taxonomy: Taxonomy,
    synthetic: SyntheticCounts,
) -> Source:
    """List the files of a data set whose layout is decided.

    Args:
        format: The layout's name.
        root: The data set's folder; not looked at where the data is drawn.
        taxonomy: What its masks' raw ids mean.
        synthetic: What to draw; not looked at where there is a folder.

    Raises:
        InputError: For an unknown layout or a folder that cannot be read. What is wrong with
            the files is in ``Source.faults``.
    """
    layout = layout_of(format)
    if layout.draw is not None:
        return replace(layout.draw(synthetic, taxonomy), format=format)
    if root is None:
        raise InputError(f"data.root: missing; the format {format} needs a folder")
    _check_root(root)
    assert layout.open is not None  # only drawn data is without
    return replace(layout.open(root, taxonomy), format=format)


def _way_on(root: Path, known: Mapping[str, Layout]) -> str:
    """Say which folder in ``root`` is probably meant, or what to unpack."""
    pairs = [pair for layout in known.values() for pair in layout.pairs]
    archives = []
    exports = [path for path in directory_entries(root) if _is_of_labelbox(path)]
    if exports:
        return (
            f": {exports[0].name} is an export of Labelbox, in which images and masks are URLs: "
            "download them (masks need your API key), and save beside the images a mask of each, "
            "with one id or colour a class"
        )
    for path in directory_entries(root):
        if any((path / images).is_dir() and (path / masks).is_dir() for images, masks in pairs):
            return f" (did you mean {path}?)"
        if path.suffix.lower() in _ARCHIVES:
            archives.append(path.name)
    if archives:
        return f": unpack {', '.join(archives[:4])}"
    return "".join(f": {fault.removeprefix(f'{root}: ')}" for fault in pair_files(root).faults[:1])


def _is_of_labelbox(path: Path) -> bool:
    """Whether a file begins as an export of Labelbox does, in its present or its first form."""
    if path.suffix.lower() not in (".ndjson", ".json") or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    return any(all(key in beginning for key in keys) for keys in _OF_LABELBOX)


def _content(root: Path) -> str:
    """List what a folder holds, and the folders inside its folders."""
    names = []
    for path in directory_entries(root):
        inner = [p.name for p in directory_entries(path) if p.is_dir()][:4]
        below = f" ({', '.join(f'{name}/' for name in inner)})" if inner else ""
        names.append(f"{path.name}/{below}" if path.is_dir() else path.name)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or (
        "nothing"
    )


def _check_root(root: Path) -> None:
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"data.root: {root} {what}")
