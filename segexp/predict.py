"""Masks for images: find the files, predict at each image's own size, write the pictures."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.dataset.image_file import CLASS_INDICES
from segexp.dataset.images import read_rgb
from segexp.dataset.png_file import with_png_text
from segexp.dataset.resize import resize_image
from segexp.dataset.source import SampleFault
from segexp.decide import decide_at_size
from segexp.device import Compute
from segexp.errors import InputError, first_line, shown
from segexp.files import LONGEST_FILE_NAME, inside, write_atomic
from segexp.mapping import Mapping
from segexp.pictures import colorize, encode_png, overlay
from segexp.preprocess import Preprocessing, forward, is_finite
from segexp.taxonomy import VOID

SUFFIXES = (".png", ".jpg", ".jpeg")

MAX_BATCH_PIXELS = 32_000_000
"""A batch is closed early when its images' pixels reach this: large photographs add up."""

DECODERS = 2
"""Threads that decode images while the model computes."""


class ImageFile(NamedTuple):
    """An image to predict, and the relative path of its output without suffix."""

    path: Path
    stem: Path


@dataclass(frozen=True)
class Prediction:
    """An image and its predicted mask.

    Attributes:
        file: Where the image is, and the stem of its output.
        image: uint8 RGB at its own size, shape (H, W, 3).
        mask: uint8 class indices 0..C-1 at the image's own size, shape (H, W).
    """

    file: ImageFile
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def find_images(paths: Sequence[Path], out_dir: Path | None = None) -> list[ImageFile]:
    """List the images among files and directories, in the order given; directories sorted.

    A directory is searched to its bottom, without hidden files; sub-directories are kept in the
    output stems. An image that is named twice is taken once.

    Args:
        paths: PNG or JPEG files, and directories of them.
        out_dir: Where the output goes: not searched when it lies inside one of the directories.

    Raises:
        InputError: With every fault: paths that are missing or no images, directories without
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
                faults.append(f"{path}: no images in it; expected files {', '.join(SUFFIXES)}")
        elif not path.is_file():
            faults.append(f"{path}: neither a file nor a directory")
        elif path.suffix.lower() not in SUFFIXES:
            faults.append(f"{path}: not an image by its suffix; expected {', '.join(SUFFIXES)}")
        else:
            found.append(ImageFile(path, Path(path.stem)))
    distinct: dict[tuple[Path, Path], ImageFile] = {}
    for file in found:
        distinct.setdefault((file.path.resolve(), file.stem), file)
    by_stem: dict[Path, list[str]] = {}
    for file in distinct.values():
        by_stem.setdefault(file.stem, []).append(str(file.path))
    faults += [
        f"{stem}_mask.png: would be written for {' and for '.join(same)}; predict them apart, "
        "each into a directory of its own"
        for stem, same in by_stem.items()
        if len(same) > 1
    ]
    faults += [
        f"{shown(str(file.path))}: its name is too long for that of a prediction; rename it"
        for file in distinct.values()
        if len(os.fsencode(f"{file.stem.name}_overlay.png")) > LONGEST_FILE_NAME
    ]
    if faults:
        raise InputError(faults)
    return list(distinct.values())


def predict_masks(
    model: nn.Module,
    preprocessing: Preprocessing,
    compute: Compute,
    files: Iterable[ImageFile],
    batch_size: int = 8,
) -> Iterator[Prediction]:
    """Predict the mask of each image at the image's own size.

    Images are resized as training resized them, and the logits are resized bilinearly
    (``align_corners=False``) to the image's own size before the classes are decided.

    Args:
        model: On its device already; gives logits (N, C, H, W); is put into evaluation mode.
        preprocessing: Of the model's bundle.
        compute: The device and precision.
        files: The images, of any sizes.
        batch_size: Images per forward pass.

    Yields:
        A prediction for each readable image, in order. Memory is bounded by a batch.

    Raises:
        InputError: After the last image, with a fault for every image that could not be read,
            or for which the model gave NaN or infinite logits.
    """
    model.eval()
    faults: list[str] = []
    batch: list[_Decoded] = []
    pixels = 0
    for decoded in _decode_ahead(files, preprocessing.image_size):
        if isinstance(decoded, SampleFault):
            faults.append(str(decoded))
            continue
        batch.append(decoded)
        pixels += max(decoded.image.size, decoded.resized.size) // 3
        if len(batch) == batch_size or pixels >= MAX_BATCH_PIXELS:
            yield from _predict_batch(model, preprocessing, compute, batch, faults)
            batch, pixels = [], 0
    if batch:
        yield from _predict_batch(model, preprocessing, compute, batch, faults)
    if faults:
        raise InputError(faults)


def write_prediction(
    out_dir: Path, stem: Path, image: NDArray[np.uint8], mask: NDArray[np.uint8], mapping: Mapping
) -> tuple[Path, Path, Path]:
    """Write the three pictures of a prediction.

    Args:
        out_dir: Made if it is missing, with the sub-directories of ``stem``.
        stem: Relative to ``out_dir``, without suffix.
        image: uint8 RGB, shape (H, W, 3).
        mask: Class indices, shape (H, W).
        mapping: The classes' colours and names.

    Returns:
        The paths of ``<stem>_mask.png`` (8-bit class indices), ``<stem>_color.png`` and
        ``<stem>_overlay.png`` (with a legend). Unless the class indices are the taxonomy's raw ids,
        a text in the mask's file says that they are not, so that they are not taken for them.

    Raises:
        InputError: When ``stem`` leads out of ``out_dir``, by a link that lies in it.
        OSError: When one of them cannot be written.
    """
    directory = inside(out_dir, stem.parent)
    colors = mapping.colors
    pictures = {
        "mask": mask,
        "color": colorize(mask, colors, mapping.taxonomy.void_color),
        "overlay": overlay(image, mask, colors, mapping.names),
    }
    paths = {kind: directory / f"{stem.name}_{kind}.png" for kind in pictures}
    for kind, pixels in pictures.items():
        data = encode_png(pixels)
        if kind == "mask" and not _are_raw_ids(mapping):
            data = with_png_text(data, CLASS_INDICES, mapping.name)
        write_atomic(paths[kind], data)
    return paths["mask"], paths["color"], paths["overlay"]


def _are_raw_ids(mapping: Mapping) -> bool:
    """Whether each class is one label, and its index that label's raw id."""
    labels = mapping.taxonomy.encodings["default"]
    return all(
        c.labels == (mapping.taxonomy.names[labels[index]],)
        if labels.get(index, VOID) != VOID
        else False
        for index, c in enumerate(mapping.classes)
    )


@dataclass(frozen=True)
class _Decoded:
    """An image at its own size, and as the model sees it (before normalisation)."""

    file: ImageFile
    image: NDArray[np.uint8]
    resized: NDArray[np.uint8]


def _images_in(directory: Path, out_dir: Path | None) -> list[Path]:
    excluded = out_dir.resolve() if out_dir else None
    if excluded == directory.resolve():
        excluded = None
    return sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(directory).parts)
        and not (excluded and path.resolve().is_relative_to(excluded))
    )


def _decode(file: ImageFile, size: tuple[int, int]) -> _Decoded | SampleFault:
    try:
        image = read_rgb(file.path)
    except SampleFault as fault:
        return fault
    return _Decoded(file, image, resize_image(image, size))


def _decode_ahead(
    files: Iterable[ImageFile], size: tuple[int, int]
) -> Iterator[_Decoded | SampleFault]:
    """Decode in threads, in order, at most DECODERS images before the one that is taken."""
    remaining = iter(files)
    executor = ThreadPoolExecutor(DECODERS)
    try:
        waiting = deque(
            executor.submit(_decode, file, size) for file in islice(remaining, DECODERS)
        )
        while waiting:
            decoded = waiting.popleft().result()
            waiting.extend(executor.submit(_decode, file, size) for file in islice(remaining, 1))
            yield decoded
    finally:
        executor.shutdown(cancel_futures=True)


def _predict_batch(
    model: nn.Module,
    preprocessing: Preprocessing,
    compute: Compute,
    batch: Sequence[_Decoded],
    faults: list[str],
) -> Iterator[Prediction]:
    logits = _forward(model, preprocessing, compute, batch)
    for decoded, own_logits in zip(batch, logits, strict=True):
        if not is_finite(own_logits):
            faults.append(f"{decoded.file.path}: the model's logits are NaN or infinite")
            continue
        height, width = decoded.image.shape[:2]
        mask = decide_at_size(own_logits, (height, width)).cpu().numpy()
        yield Prediction(decoded.file, decoded.image, mask)


# Not around the generator: inference mode would leak into the caller between two predictions.
@torch.inference_mode()
def _forward(
    model: nn.Module, preprocessing: Preprocessing, compute: Compute, batch: Sequence[_Decoded]
) -> Tensor:
    images = torch.from_numpy(np.stack([decoded.resized for decoded in batch]))
    return forward(model, images.permute(0, 3, 1, 2), preprocessing, compute)
