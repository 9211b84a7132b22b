"""Masks for images: find the files, predict at each image's own size, write the pictures."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.dataset.images import read_rgb
from segexp.dataset.resize import resize_image
from segexp.dataset.source import SampleFault
from segexp.device import Compute
from segexp.errors import InputError
from segexp.files import write_atomic
from segexp.mapping import Mapping
from segexp.pictures import colorize, encode_png, overlay
from segexp.preprocess import Preprocessing, forward

SUFFIXES = (".png", ".jpg", ".jpeg")

MAX_BATCH_PIXELS = 32_000_000
"""A batch is closed early when its images' own pixels reach this: large photographs add up."""

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
        if path.is_dir():
            inside = _images_in(path, out_dir)
            found += [ImageFile(p, p.relative_to(path).with_suffix("")) for p in inside]
            if not inside:
                faults.append(f"{path}: no images in it; expected files {', '.join(SUFFIXES)}")
        elif not path.is_file():
            faults.append(f"{path}: no such file or directory")
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
        InputError: After the last image, with a fault for every image that could not be read.
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
        pixels += decoded.image.shape[0] * decoded.image.shape[1]
        if len(batch) == batch_size or pixels >= MAX_BATCH_PIXELS:
            yield from _predict_batch(model, preprocessing, compute, batch)
            batch, pixels = [], 0
    if batch:
        yield from _predict_batch(model, preprocessing, compute, batch)
    if faults:
        raise InputError(faults)


def decide_at_size(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize the logits of one image bilinearly and decide, in bands that fit the cache.

    The same as ``F.interpolate(..., mode="bilinear", align_corners=False)`` and ``argmax`` up to
    rounding, in a third of the time on a CPU and without the logits at full size (19 classes of
    a 48-megapixel photograph are 3.6 GB).

    Args:
        logits: Shape (C, h, w).
        size: Height and width of the result.

    Returns:
        uint8 class indices, shape ``size``.
    """
    logits = logits.float()
    num_classes, height, width = logits.shape
    if size == (height, width):
        return logits.argmax(dim=0).to(torch.uint8)
    rows = torch.arange(size[0], dtype=torch.float32, device=logits.device)
    source = ((rows + 0.5) * (height / size[0]) - 0.5).clamp_(min=0)
    above = source.long().clamp_(max=height - 1)
    below = (above + 1).clamp_(max=height - 1)
    weight = (source - above)[:, None]
    mask = torch.empty(size, dtype=torch.uint8, device=logits.device)
    band_elements = 1 << (19 if logits.device.type == "cpu" else 26)
    band_rows = max(1, band_elements // (num_classes * size[1]))
    with _one_thread():
        for start in range(0, size[0], band_rows):
            band = slice(start, start + band_rows)
            resized = torch.lerp(logits[:, above[band]], logits[:, below[band]], weight[band])[None]
            # NHWC: argmax over the innermost axis is several times as fast as over the outermost.
            resized = resized.contiguous(memory_format=torch.channels_last)
            resized = F.interpolate(
                resized, (resized.shape[2], size[1]), mode="bilinear", align_corners=False
            )
            mask[band] = resized.argmax(dim=1)[0]
    return mask


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread while it does many small pieces of work.

    Several threads would wait for each other after each piece, spinning; on a busy machine that
    took up to 40 times as long as the work itself.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
        ``<stem>_overlay.png`` (with a legend).

    Raises:
        OSError: When one of them cannot be written.
    """
    colors = mapping.colors
    pictures = {
        "mask": mask,
        "color": colorize(mask, colors, mapping.taxonomy.void_color),
        "overlay": overlay(image, mask, colors, mapping.names),
    }
    directory = out_dir / stem.parent
    paths = {kind: directory / f"{stem.name}_{kind}.png" for kind in pictures}
    for kind, pixels in pictures.items():
        write_atomic(paths[kind], encode_png(pixels))
    return paths["mask"], paths["color"], paths["overlay"]


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
    model: nn.Module, preprocessing: Preprocessing, compute: Compute, batch: Sequence[_Decoded]
) -> Iterator[Prediction]:
    logits = _forward(model, preprocessing, compute, batch)
    for decoded, own_logits in zip(batch, logits, strict=True):
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
