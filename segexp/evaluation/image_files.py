"""The images that are to be predicted: which files they are, and how they are read. No torch."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segexp.core.errors import InputError, first_line, shown
from segexp.core.files import LONGEST_FILE_NAME
from segexp.data.files.images import read_rgb
from segexp.data.files.npy import is_image_array, read_npy_image
from segexp.data.files.pictures import IMAGE_SUFFIXES, OURS, WRITER
from segexp.data.files.video import VIDEO_SUFFIXES, Video, look_at_video, read_frames
from segexp.data.source import SampleFault

ARRAY_SUFFIX = ".npy"
SUFFIXES = (*IMAGE_SUFFIXES, ARRAY_SUFFIX)

MASK_ENDING = "_mask.png"
COLOR_ENDING = "_color.png"
OVERLAY_ENDING = "_overlay.png"
ENDINGS = (MASK_ENDING, COLOR_ENDING, OVERLAY_ENDING)
"""What the pictures of an image add to its name."""

UNCERTAINTY_ENDING = "_uncertainty.png"
PROBABILITIES_ENDING = "_probabilities.npz"
VIDEO_ENDING = "_overlay.mp4"

_EXPECTED = ", ".join(SUFFIXES)


class ImageFile(NamedTuple):
    """An image to predict, and the relative path of its output without the suffix."""

    path: Path
    stem: Path


class Frame(NamedTuple):
    """An image that is read already, such as one of a video: uint8 RGB, shape (H, W, 3)."""

    file: ImageFile
    image: NDArray[np.uint8]


def find_images(
    paths: Sequence[Path], out_dir: Path | None = None, endings: Sequence[str] = ENDINGS
) -> list[ImageFile]:
    """List the images among files and directories, in the order given; directories sorted.

    A directory is searched recursively, without hidden files; its subdirectories are kept in the
    output stems. An image that is named twice is taken once.

    Args:
        out_dir: The output directory: not searched when it lies inside one of the directories.
        endings: What the files of a prediction add to its image's name.

    Raises:
        InputError: With every fault: paths that are missing or not images, directories without
            images, and images that would write the same output.
    """
    faults: list[str] = []
    found: list[ImageFile] = []
    for path in paths:
        try:
            path.stat()
        except (OSError, ValueError) as error:  # ValueError: a name with a null character
            what = "no such file or directory"
            unusual = not isinstance(error, FileNotFoundError | NotADirectoryError)
            faults.append(f"{path}: {first_line(error) if unusual else what}")
            continue
        if path.is_dir():
            inside = _images_in(path, out_dir)
            found += [ImageFile(p, p.relative_to(path).with_suffix("")) for p in inside]
            if not inside:
                others = way_out(_files_in(path, out_dir))
                faults.append(f"{path}: no images in it; expected files with {_EXPECTED}{others}")
        elif not path.is_file():
            faults.append(f"{path}: neither a file nor a directory")
        elif path.suffix.lower() not in SUFFIXES:
            faults.append(
                f"{path}: not an image by its suffix; expected {_EXPECTED}{way_out([path])}"
            )
        else:
            found.append(ImageFile(path, Path(path.stem)))
    distinct: dict[tuple[Path, Path], ImageFile] = {}
    for file in found:
        distinct.setdefault((file.path.resolve(), file.stem), file)
    by_stem: dict[Path, list[str]] = {}
    for file in distinct.values():
        by_stem.setdefault(file.stem, []).append(str(file.path))
    faults += [
        f"{stem}{MASK_ENDING}: would be written for {' and for '.join(same)}; predict them "
        "separately, each into its own directory"
        for stem, same in by_stem.items()
        if len(same) > 1
    ]
    longest = max(endings, key=len)
    faults += [
        f"{shown(str(file.path))}: its name is too long to name a prediction after it; rename it"
        for file in distinct.values()
        if len(os.fsencode(f"{file.stem.name}{longest}")) > LONGEST_FILE_NAME
    ]
    if faults:
        raise InputError(faults)
    return list(distinct.values())


def find_videos(paths: Sequence[Path]) -> list[Video]:
    """Open the videos among files, and decode the first frame of each.

    Raises:
        InputError: With a fault for each that cannot be read, and for names that two have.
    """
    found: list[Video] = []
    faults: list[str] = []
    for path in paths:
        try:
            found.append(look_at_video(path))
        except SampleFault as fault:
            faults.append(str(fault))
    by_stem: dict[str, list[str]] = {}
    for video in found:
        by_stem.setdefault(video.path.stem, []).append(str(video.path))
    faults += [
        f"{stem}{VIDEO_ENDING}: would be written for {' and for '.join(same)}; predict them "
        "separately, each into its own directory"
        for stem, same in by_stem.items()
        if len(same) > 1
    ]
    if faults:
        raise InputError(faults)
    return found


def overwritten(
    files: Sequence[ImageFile], videos: Sequence[Video], out_dir: Path, endings: Sequence[str]
) -> list[str]:
    """Say which inputs, and which masks beside them, predictions would take the place of.

    Args:
        endings: What the pictures of an image add to its name.

    Returns:
        A fault for each: an input, or a mask beside its image that segexp has not predicted.
    """
    inputs = {path.resolve() for path in [*(f.path for f in files), *(v.path for v in videos)]}
    targets = [
        (file.path, (out_dir / file.stem).with_name(f"{file.stem.name}{ending}"))
        for file in files
        for ending in endings
    ]
    targets += [(v.path, out_dir / f"{v.path.stem}{VIDEO_ENDING}") for v in videos]
    faults = []
    for image, target in targets:
        place = target.resolve()
        if place in inputs:
            what = "is one of the files to predict"
        elif place.parent == image.resolve().parent and _is_truth(target):
            what = "is a mask that segexp has not predicted"
        else:
            continue
        faults.append(
            f"{target}: {what}, and the prediction of {image} would take its place; name another "
            "--out DIR"
        )
    return faults


def _is_truth(path: Path) -> bool:
    """Whether a file is a mask that is there already, and not by an earlier prediction."""
    if not path.name.endswith(MASK_ENDING) or not path.is_file():
        return False
    try:
        with Image.open(path) as picture:
            return picture.info.get(WRITER) != OURS
    except OSError:
        return True


def frames_of(video: Video, faults: list[str]) -> Iterator[Frame]:
    """Yield the frames of a video, named by their numbers from 1; append what is wrong with it."""
    try:
        for number, image in enumerate(read_frames(video), 1):
            yield Frame(ImageFile(video.path, Path(f"{number:06d}")), image)
    except SampleFault as fault:
        faults.append(str(fault))


def is_video(path: Path) -> bool:
    """Whether a path names a video, by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a picture, or an npy file of floats in 0..1 or uint8, to uint8 RGB (H, W, 3).

    Raises:
        SampleFault: As `read_rgb` and `read_npy_image` do.
    """
    return read_npy_image(path) if path.suffix.lower() == ARRAY_SUFFIX else read_rgb(path)


def skipped_files(paths: Sequence[Path], out_dir: Path | None = None) -> list[Path]:
    """Return the files in directories that `find_images` skips, except hidden ones."""
    directories = [path for path in paths if path.is_dir()]
    found = [file for path in directories for file in _files_in(path, out_dir)]
    return [path for path in found if not _is_image(path)]


def way_out(files: Iterable[Path]) -> str:
    """Say what to do with pictures of phones and with videos; empty where there are none."""
    suffixes = {path.suffix.lower() for path in files}
    is_heic = suffixes & {".heic", ".heif", ".avif"}
    advice = "; HEIC and AVIF are not read: convert them to JPEG or PNG" if is_heic else ""
    return advice + ("; name a video itself to predict it" if suffixes & {*VIDEO_SUFFIXES} else "")


def _images_in(directory: Path, out_dir: Path | None) -> list[Path]:
    return [path for path in _files_in(directory, out_dir) if _is_image(path)]


def _is_image(path: Path) -> bool:
    """Whether a file in a folder is an image; of arrays, which may be anything, by their shape."""
    suffix = path.suffix.lower()
    return suffix in IMAGE_SUFFIXES or (suffix == ARRAY_SUFFIX and is_image_array(path))


def _files_in(directory: Path, out_dir: Path | None) -> list[Path]:
    excluded = out_dir.resolve() if out_dir else None
    if excluded == directory.resolve():
        excluded = None
    return sorted(
        path
        for path in directory.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(directory).parts)
        and not (excluded and path.resolve().is_relative_to(excluded))
    )
