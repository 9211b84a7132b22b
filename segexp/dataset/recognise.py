"""Which format a data set has, and opening it in that format."""

from pathlib import Path

from segexp.dataset import cityscapes, cityscapes_npy, folder
from segexp.dataset.pairing import directory_entries
from segexp.dataset.source import FORMATS, Source
from segexp.dataset.synthetic import SyntheticCounts, open_synthetic
from segexp.errors import InputError, did_you_mean
from segexp.taxonomy import Taxonomy

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
    entries = directory_entries(root)
    names = [f"{path.name}/" if path.is_dir() else path.name for path in entries]
    listing = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    inside = [path for path in entries if path.is_dir() and _looks_like_data(path)]
    hint = f" (did you mean {inside[0]}?)" if inside else ""
    raise InputError(
        f"{root}: no known layout{hint}; expected {_LAYOUTS}; found {listing or 'nothing'}. "
        "Give the folder that holds these, or name the format with --format"
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


def _looks_like_data(path: Path) -> bool:
    return any(look(path) for look in _RECOGNISERS.values())
