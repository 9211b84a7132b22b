"""Masks for images, predicted at each image's own size."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.core.errors import InputError
from segexp.data.resize import resize_image, resized_size
from segexp.data.source import SampleFault
from segexp.data.threads import work_ahead
from segexp.evaluation.beside import NOTHING, Beside
from segexp.evaluation.decide import decide_at_size, largest
from segexp.evaluation.image_files import Frame, ImageFile, read_image
from segexp.training.compute import Compute
from segexp.training.preprocess import (
    NonFiniteLogitsError,
    Preprocessing,
    is_finite,
    takes_pixels,
)
from segexp.training.views import ONE_VIEW, Views
from segexp.training.windows import PIXELS_AT_ONCE, infer, logit_rows

MAX_PIXELS = 32_000_000
"""Limit on the pixels of all images in memory: at it a batch is closed early, and batches wait for
each other."""

DECODERS = 2
"""Threads that decode images while the model computes."""

STREAMS = 4
"""At most this many threads run the model, each on its own batch with a share of the cores."""


@dataclass(frozen=True)
class Prediction:
    """An image and its predicted mask.

    Attributes:
        file: Where the image is, and the stem of its output.
        image: uint8 RGB at its own size, shape (H, W, 3).
        mask: uint8 class indices 0..C-1 at the image's own size, shape (H, W).
        probabilities: Of each class in the data, float16 0..1, (C, H, W); None unless wanted.
        uncertainty: Their entropy, uint8 (H, W): 0 where one class is certain, 255 where all are
            alike; None unless wanted.
    """

    file: ImageFile
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    probabilities: NDArray[np.float16] | None = None
    uncertainty: NDArray[np.uint8] | None = None


def predict_masks(
    model: nn.Module,
    preprocessing: Preprocessing,
    compute: Compute,
    files: Iterable[ImageFile | Frame],
    batch_size: int = 8,
    *,
    streams: int = 1,
    views: Views = ONE_VIEW,
    beside: Beside = NOTHING,
) -> Iterator[Prediction]:
    """Predict the mask of each image at the image's own size.

    Images are resized as in training; what is larger then than the model sees at once is seen in
    windows. The logits are resized bilinearly (``align_corners=False``) to the image's own size
    before the classes are decided.

    Several batches, each on a share of the cores, are faster than one batch on all cores, whose
    threads wait for each other after every layer; on a busy machine they are far faster.

    Args:
        model: On its device already; gives logits (N, C, H, W); is put into evaluation mode.
        streams: Batches at a time; see `stream_count`.
        views: Test-time augmentation.
        beside: What is computed beside the masks. Probabilities take 2 C bytes a pixel: images are
            then predicted one at a time.

    Yields:
        A prediction for each readable image, in order. Memory is bounded by the batches.

    Raises:
        InputError: After the last image, with a fault for every image that could not be read or
            whose logits are NaN or infinite.
    """
    model.eval()
    if beside.probabilities:
        batch_size = streams = 1
    if takes_pixels(model):  # what runs it has threads of its own
        streams = 1
    faults: list[str] = []
    threads = torch.get_num_threads()
    # Only a CPU runs several forward passes at a time.
    turn = Lock() if compute.device.type != "cpu" else nullcontext()

    def decide(batch: Sequence[_Decoded]) -> list[Prediction | None]:
        torch.set_num_threads(max(1, threads // streams))
        with turn:
            return _predict(model, preprocessing, compute, views, beside, batch)

    def decided() -> Iterator[tuple[list[_Decoded], list[Prediction | None]]]:
        read = work_ahead(partial(_decode, preprocessing=preprocessing), files, DECODERS)
        batches = _batches(read, batch_size, MAX_PIXELS // streams, faults)
        return work_ahead(
            lambda batch: (batch, decide(batch)), batches, streams, _pixels_of, MAX_PIXELS
        )

    try:
        for batch, predictions in decided():
            for decoded, prediction in zip(batch, predictions, strict=True):
                if prediction is None:
                    faults.append(f"{decoded.file.path}: the model's logits are NaN or infinite")
                else:
                    yield prediction
    finally:
        torch.set_num_threads(threads)  # later threads start with what any thread has set
    if faults:
        raise InputError(faults)


def stream_count(images: int, batch_size: int = 8) -> int:
    """Return how many streams of `predict_masks` suit a number of images on this machine."""
    return max(1, min(STREAMS, torch.get_num_threads(), images // batch_size))


@dataclass(frozen=True)
class _Decoded:
    """An image at its own size, and as the model sees it (before normalisation)."""

    file: ImageFile
    image: NDArray[np.uint8]
    resized: NDArray[np.uint8]


def _decode(item: ImageFile | Frame, preprocessing: Preprocessing) -> _Decoded | SampleFault:
    file = item.file if isinstance(item, Frame) else item
    try:
        image = item.image if isinstance(item, Frame) else read_image(file.path)
    except SampleFault as fault:
        return fault
    own = (image.shape[0], image.shape[1])
    size = resized_size(preprocessing.resize, own, preprocessing.image_size)
    return _Decoded(file, image, resize_image(image, size))


def _batches(
    read: Iterable[_Decoded | SampleFault], batch_size: int, max_pixels: int, faults: list[str]
) -> Iterator[list[_Decoded]]:
    batch: list[_Decoded] = []
    for decoded in read:
        if isinstance(decoded, SampleFault):
            faults.append(str(decoded))
            continue
        if batch and decoded.resized.shape != batch[0].resized.shape:
            yield batch
            batch = []
        batch.append(decoded)
        is_large = decoded.resized.size > 3 * PIXELS_AT_ONCE  # alone: its rows as they come
        if is_large or len(batch) == batch_size or _pixels_of(batch) >= max_pixels:
            yield batch
            batch = []
    if batch:
        yield batch


def _pixels_of(batch: Sequence[_Decoded]) -> int:
    return sum(max(decoded.image.size, decoded.resized.size) // 3 for decoded in batch)


# Not on the generator: inference mode would leak into the caller between two predictions.
@torch.inference_mode()
def _predict(
    model: nn.Module,
    preprocessing: Preprocessing,
    compute: Compute,
    views: Views,
    beside: Beside,
    batch: Sequence[_Decoded],
) -> list[Prediction | None]:
    """Predict the images of a batch; None where the logits are not finite."""
    images = torch.from_numpy(np.stack([decoded.resized for decoded in batch])).permute(0, 3, 1, 2)
    blocks: list[Iterable[Tensor]]
    if len(batch) == 1:  # it may be large: its rows as they come
        rows = logit_rows(model, images, preprocessing, compute, views)
        blocks = [(block[0] for block in rows)]
    else:
        blocks = [[own] for own in infer(model, images, preprocessing, compute, views)]
    return [_decided(own, decoded, beside) for own, decoded in zip(blocks, batch, strict=True)]


def _decided(blocks: Iterable[Tensor], decoded: _Decoded, beside: Beside) -> Prediction | None:
    seen, own = decoded.resized.shape[:2], decoded.image.shape[:2]
    is_plain = not (beside.probabilities or beside.uncertainty)
    decide, dtype = (largest, torch.uint8) if is_plain else (beside.decide, torch.float16)
    try:
        planes = decide_at_size(_finite(blocks), seen, own, decide, dtype).cpu().numpy()
    except NonFiniteLogitsError:
        return None
    mask = planes[0].astype(np.uint8, copy=False)  # float16 holds a class index whole
    uncertainty = np.rint(planes[1] * np.float32(255)) if beside.uncertainty else None
    return Prediction(
        decoded.file,
        decoded.image,
        mask,
        planes[1 + beside.uncertainty :] if beside.probabilities else None,
        None if uncertainty is None else uncertainty.astype(np.uint8),
    )


def _finite(blocks: Iterable[Tensor]) -> Iterator[Tensor]:
    for block in blocks:
        if not is_finite(block):
            raise NonFiniteLogitsError("NaN or infinite logits")
        yield block
