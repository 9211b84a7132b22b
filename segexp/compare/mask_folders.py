"""Folders of masks from any tool: which file belongs to which image and run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segexp.core.errors import InputError, at_most
from segexp.core.wording import counted
from segexp.data.layouts._pairing import directory_entries
from segexp.evaluation.image_files import (
    COLOR_ENDING,
    MASK_ENDING,
    OVERLAY_ENDING,
    UNCERTAINTY_ENDING,
)

SUFFIXES = (".png", ".npy")

ENDINGS = (Path(MASK_ENDING).stem, "_leftImg8bit", "_gtFine_labelIds", "_gtFine_labelTrainIds")
"""What a mask's name may add to the image's: segexp's own ending, and those of Cityscapes."""

_BESIDE = tuple(Path(e).stem for e in (COLOR_ENDING, OVERLAY_ENDING, UNCERTAINTY_ENDING))
"""Pictures that `segexp predict` writes next to ``<stem>_mask.png``."""

Files = Mapping[str, Path]
"""The mask of each image, by the image's name."""


@dataclass(frozen=True)
class Runs:
    """The masks of one arm.

    Attributes:
        names: The runs: the subfolders, in order; one empty name if the masks are in the folder
            itself.
    """

    directory: Path
    names: tuple[str, ...]
    files: tuple[Files, ...]

    def place(self, run: int) -> Path:
        """Return the folder of a run."""
        return self.directory / self.names[run]


def image_name(path: Path) -> str:
    """Return the name of the image that a mask belongs to: its stem without known endings.

    Example:
        >>> image_name(Path("0016E5_07959_mask.png")), image_name(Path("a b.npy"))
        ('0016E5_07959', 'a b')
        >>> image_name(Path("ulm_000001_000019_leftImg8bit_mask.png"))
        'ulm_000001_000019'
    """
    return _without_endings(path.stem)


def _without_endings(name: str) -> str:
    for ending in ENDINGS:
        if name.endswith(ending) and name != ending:
            return _without_endings(name.removesuffix(ending))
    return name


def named_as(images: Collection[str], runs: Runs) -> Runs:
    """Rename the masks to match images whose own names have such an ending.

    Args:
        runs: Their masks, by names without endings.
    """
    plain: dict[str, list[str]] = {}
    for image in images:
        plain.setdefault(_without_endings(image), []).append(image)
    own = {name: found[0] for name, found in plain.items() if len(found) == 1}
    files = tuple({own.get(n, n): path for n, path in of_run.items()} for of_run in runs.files)
    return replace(runs, files=files)


def find_runs(directory: Path) -> Runs:
    """List the masks of an arm: in its folder, or of several runs in its subfolders.

    Raises:
        InputError: When the folder is missing or has no masks, two files are of one image, or the
            subfolders are parts of one run instead of several runs.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder")
    files, faults = list_masks(directory)
    if files or faults:
        if faults:
            raise InputError(faults)
        return Runs(directory, ("",), (files,))
    names: list[str] = []
    runs: list[Files] = []
    for folder in directory_entries(directory):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        found, wrong = list_masks(folder)
        faults += wrong
        if found:
            names.append(folder.name)
            runs.append(found)
    if faults:
        raise InputError(faults)
    if not runs:
        raise InputError(f"{directory}: no masks in it; expected {' or '.join(SUFFIXES)} files")
    if len(runs) > 1 and sum(map(len, runs)) == len({image for run in runs for image in run}):
        raise InputError(
            f"{directory}: its folders {', '.join(names[:3])}{', ...' if len(names) > 3 else ''} "
            "have no image in common: subfolders are runs, each with a mask of every image; put "
            "the masks of one run into one folder"
        )
    return Runs(directory, tuple(names), tuple(runs))


def list_masks(directory: Path) -> tuple[dict[str, Path], list[str]]:
    """List the masks of a folder by the names of their images, and what is wrong with them."""
    paths = [
        path
        for path in directory_entries(directory)
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    stems = {path.stem for path in paths}
    found: dict[str, Path] = {}
    faults: list[str] = []
    for path in paths:
        if any(
            path.stem.endswith(end) and f"{path.stem.removesuffix(end)}_mask" in stems
            for end in _BESIDE
        ):
            continue
        image = image_name(path)
        if image in found:
            faults.append(
                f"{path}: is a mask of {image!r}, and so is {found[image].name}; keep one of them"
            )
        else:
            found[image] = path
    return found, faults


def unmatched(
    images: Sequence[str], others: Collection[str], where: str, files: Files, folder: Path
) -> list[str]:
    """List every image without a mask, and every mask without an image.

    Args:
        others: Images whose masks may exist and are skipped.
        where: The place of the truth, for people.
    """
    known = {*images, *others}
    missing = [image for image in images if image not in files]
    extra = [path for image, path in files.items() if image not in known]
    if len(missing) == len(images) and images and files:
        return [
            f"{folder}: {counted(len(files), 'mask')}, but none has the name of one of the "
            f"{counted(len(images), 'image')} of {where}: {min(files.values()).name} against "
            f"{min(images)}"
        ]
    told, more = at_most(missing, str(folder))
    faults = [f"{folder}: no mask of {image!r}, which {where} has" for image in told]
    faults += more
    told_paths, more = at_most(extra, str(folder))
    faults += [f"{path}: its image is not in {where}" for path in told_paths]
    return [*faults, *more]


def paired_names(arms: Mapping[str, Runs]) -> tuple[tuple[str, ...], str | None]:
    """Return the names of the pairs of runs, and a caveat.

    Runs of the same name are compared with each other; if the arms have no name in common, runs
    are paired in the order of their names.

    Raises:
        InputError: When the arms have different numbers of runs, or only some names in common.
    """
    first, *others = arms.items()
    names = {name: runs.names for name, runs in arms.items()}
    counts = {name: len(found) for name, found in names.items()}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name} has {n}" for name, n in counts.items())
        raise InputError(f"--predictions: runs are compared in pairs, but {listing}")
    if all(names[name] == first[1].names for name, _ in others):
        return first[1].names, None
    for name, runs in others:
        shared = set(runs.names) & set(first[1].names)
        if shared and set(runs.names) != set(first[1].names):
            apart = sorted(set(runs.names) ^ set(first[1].names))
            raise InputError(
                f"--predictions: the runs of {first[0]} and {name} share only some names; "
                f"{', '.join(apart)} {'is' if len(apart) == 1 else 'are'} on one side only"
            )
    if counts[first[0]] == 1:
        return ("",), None
    return (
        tuple(str(i) for i in range(1, counts[first[0]] + 1)),
        "The arms' runs have different names: they are paired in the order of their names, which "
        "is right for independent runs.",
    )
