"""A folder of raw masks as the truth that masks are compared with."""

from pathlib import Path
from typing import Any

from segexp.compare.mask_counts import Truth
from segexp.compare.mask_folders import image_name, list_masks
from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError
from segexp.data.files.masks import read_labels
from segexp.data.layouts._pairing import directory_entries
from segexp.data.mask_rules import rules_over
from segexp.labels.relabelling import Relabelling
from segexp.labels.taxonomy import Taxonomy


def folder_truth(
    directory: Path,
    taxonomy: Taxonomy,
    data_format: str,
    data: DataConfig | None = None,
    relabelling: Relabelling | None = None,
) -> Truth:
    """Find the truth in a folder of raw masks, or in its city folders.

    Masks named ``*_labelIds`` are read in the taxonomy's encoding of that name, all others in its
    default encoding; RGB masks by its colours. They are read as a project reads its own: through
    its relabelling, where that leads to the taxonomy, and by ``data.masks``, where these are rules
    for the masks' taxonomy.

    Args:
        directory: The folder.
        taxonomy: Whose labels the compared masks' classes are made of.
        data_format: How the images' names are read for clusters.
        data: The project's ``data`` section; None without a project.
        relabelling: Its ``data.relabel``.

    Raises:
        InputError: When the folder is missing or has no masks, or two files are of one image.
    """
    if not directory.is_dir():
        raise InputError(f"--truth {directory}: no such folder")
    files, faults = _truth_files(directory)
    if faults:
        raise InputError(faults)
    if not files:
        raise InputError(f"--truth {directory}: no masks in it; expected .png or .npy files")

    where = str(directory)
    own, table = taxonomy, None
    if relabelling is not None and relabelling.after.hash == taxonomy.hash:
        own, table = relabelling.before, relabelling.table
        where += f", labels of {own.name} read as those of {taxonomy.name} by data.relabel"
    masks = data.masks if data is not None and data.taxonomy in (None, own.name) else None
    encodings = {image: _encoding(path, own) for image, path in files.items()}
    rules = {encoding: rules_over(own, encoding, masks) for encoding in {*encodings.values()}}
    if masks is not None:
        where += ", read by data.masks"

    def read(image: str) -> Any:
        encoding = encodings[image]
        labels = read_labels(files[image], own, encoding, rules[encoding])
        return labels if table is None else table[labels]

    return Truth(
        directory.resolve().name,
        where,
        tuple(sorted(files)),
        read,
        None,
        data_format,
        "truth",
    )


def _encoding(path: Path, taxonomy: Taxonomy) -> str:
    encoding = "labelIds" if path.stem.endswith("_labelIds") else "default"
    return encoding if encoding in taxonomy.encodings else "default"


def _truth_files(directory: Path) -> tuple[dict[str, Path], list[str]]:
    """List the masks of a folder; if it has none, those of its subfolders."""
    files, faults = _one_kind(directory)
    if files or faults:
        return files, faults
    for folder in directory_entries(directory):
        listed, wrong = _one_kind(folder)
        faults += wrong
        for image, path in listed.items():
            if image in files:
                faults.append(f"{path}: is a mask of {image!r}, and so is {files[image]}")
            files.setdefault(image, path)
    return files, faults


def _one_kind(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """List the masks of a folder; of the several kinds of Cityscapes only the label ids."""
    official = {
        image_name(path): path
        for path in directory_entries(folder)
        if path.name.endswith("_gtFine_labelIds.png")
    }
    return (official, []) if official else list_masks(folder)
