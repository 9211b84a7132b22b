"""Which format a data set has, and opening it in that format."""

from pathlib import Path

from segexp.core.errors import InputError, did_you_mean
from segexp.data.layouts import cityscapes, cityscapes_npy, folder
from segexp.data.layouts._pairing import directory_entries
from segexp.data.layouts.synthetic import SyntheticCounts, open_synthetic
from segexp.data.source import FORMATS, SPLITS, Source
from segexp.labels.taxonomy import Taxonomy

__all__ = ["SyntheticCounts", "default_taxonomy_name", "open_source", "recognise_format"]

_RECOGNISERS = {
    "cityscapes-npy": cityscapes_npy.recognised,
    "cityscapes": cityscapes.recognised,
    "folder": folder.recognised,
}
_OPENERS = {
    "cityscapes-npy": cityscapes_npy.open_cityscapes_npy,
    "cityscapes": cityscapes.open_cityscapes,
    "folder": folder.open_folder,
}
_LAYOUTS = (
    "train/image/*.npy with train/label/*.npy (cityscapes-npy), leftImg8bit/ with gtFine/ "
    "(cityscapes), train/ with trainannot/ or images/train/ with masks/train/ (folder)"
)

_PARTS = ("images", "masks", "leftImg8bit", "gtFine")
_SPLIT_NAMES = (*(name for names in folder.SPLIT_FOLDERS.values() for name in names), "training")
_PAIRS = (
    ("leftImg8bit", "gtFine"),
    *((f"{split}/image", f"{split}/label") for split in SPLITS),
    *((name, f"{name}annot") for name in _SPLIT_NAMES),
    *((f"images/{name}", f"masks/{name}") for name in _SPLIT_NAMES),
)
"""Folders that make a layout when both are there."""


def recognise_format(root: Path) -> str:
    """Tell the format of a data set from the folders in ``root``.

    Raises:
        InputError: When ``root`` is no folder, holds no known layout, or holds more than one.
    """
    _check_root(root)
    seen = {name: what for name, look in _RECOGNISERS.items() if (what := look(root))}
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        listing = "; ".join(f"{name} ({what})" for name, what in seen.items())
        raise InputError(
            f"{root}: looks like {len(seen)} formats: {listing}; choose one with --format"
        )
    raise InputError(
        f"{root}: no known layout{_way_on(root)}; expected {_LAYOUTS}; found {_content(root)}"
    )


def _way_on(root: Path) -> str:
    """Say which folder in ``root`` is meant, or what is in the way, where that can be seen."""
    inside = [path for path in directory_entries(root) if path.is_dir()]
    whole = [path for path in inside if _is_whole(path)]
    if whole:
        return f" (did you mean {whole[0]}?)"
    halves = {
        half: path / half
        for half in ("leftImg8bit", "gtFine")
        for path in inside
        if (path / half).is_dir()
    }
    if len(halves) == 2:
        places = " and ".join(map(str, halves.values()))
        return f": put {places} beside each other into one folder, and give that"
    misnamed = [
        path
        for path in inside
        for name in _PARTS
        if path.name != name and path.name.lower() == name.lower()
    ]
    misnamed += [
        path
        for folder in (root, *(root / name for name in _PARTS))
        for path in directory_entries(folder)
        if path.is_dir() and path.name not in SPLITS and path.name.lower() in _SPLIT_NAMES
    ]
    if misnamed:
        names = ", ".join(f"{path.relative_to(root)}/" for path in misnamed[:4])
        return f": {names} must be called as below, with small letters"
    flat = [name for name in _PARTS if any(p.is_file() for p in directory_entries(root / name))]
    if flat:
        names = " and ".join(f"{name}/" for name in flat)
        return f": {names} must hold a folder for each split, train/ and val/, not files"
    return ""


def _is_whole(path: Path) -> bool:
    """Whether a folder holds images and masks of a layout."""
    return any((path / images).is_dir() and (path / masks).is_dir() for images, masks in _PAIRS)


def _content(root: Path) -> str:
    """List what a folder holds, and of the folders in it, which folders they hold."""
    names = []
    for path in directory_entries(root):
        inner = [p.name for p in directory_entries(path) if p.is_dir()][:4]
        below = f" ({', '.join(f'{name}/' for name in inner)})" if inner else ""
        names.append(f"{path.name}/{below}" if path.is_dir() else path.name)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or (
        "nothing"
    )


def open_source(
    format: str,  # noqa: A002 - the word of the command line and of config.yaml
    root: Path | None,
    taxonomy: Taxonomy,
    synthetic: SyntheticCounts,
) -> Source:
    """List the files of a data set whose format is decided.

    Args:
        format: One of FORMATS.
        root: The data set's folder; not looked at for ``synthetic``.
        taxonomy: What its masks' raw ids mean.
        synthetic: What to render; not looked at for the other formats.

    Raises:
        InputError: For an unknown format or a folder that cannot be read. What is wrong with
            the files is in ``Source.faults``.
    """
    if format not in FORMATS:
        raise InputError(
            f"data.format: {format!r} is unknown{did_you_mean(format, FORMATS)}; "
            f"known are {', '.join(FORMATS)}"
        )
    if format == "synthetic":
        return open_synthetic(synthetic, taxonomy)
    if root is None:
        raise InputError(f"data.root: missing; the format {format} needs a folder")
    _check_root(root)
    return _OPENERS[format](root, taxonomy)


def default_taxonomy_name(format: str, root: Path | None) -> str | None:  # noqa: A002
    """Return the taxonomy that a format implies; None where the configuration must name it."""
    if format == "folder":
        return "camvid11" if root is not None and folder.annot_folders(root) else None
    return "cityscapes19" if format in FORMATS else None


def _check_root(root: Path) -> None:
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"data.root: {root} {what}")
