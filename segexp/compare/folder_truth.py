"""A folder of raw masks as the truth that masks are compared with."""

from pathlib import Path
from typing import Any

from segexp.compare.mask_counts import Truth
from segexp.compare.mask_folders import image_name, list_masks
from segexp.core.errors import InputError
from segexp.data.files.masks import read_labels
from segexp.data.layouts._pairing import directory_entries
from segexp.labels.taxonomy import Taxonomy


def folder_truth(directory: Path, taxonomy: Taxonomy, data_format: str) -> Truth:
    """Find the truth in a folder of raw masks, or in its city folders.

    Masks named ``*_labelIds`` are read in the taxonomy's encoding of that name, all others in its
    default encoding; RGB masks by its colours.

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

    def read(image: str) -> Any:
        path = files[image]
        encoding = "labelIds" if path.stem.endswith("_labelIds") else "default"
        encoding = encoding if encoding in taxonomy.encodings else "default"
        return read_labels(path, taxonomy, encoding)

    return Truth(
        directory.resolve().name,
        str(directory),
        tuple(sorted(files)),
        read,
        None,
        data_format,
        "truth",
    )


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
