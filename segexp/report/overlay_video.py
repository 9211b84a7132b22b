"""A video of predictions: each frame with its classes over it, and one legend."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from segexp.core.errors import InputError, WorkError
from segexp.core.files import inside, write_atomic, written_beside
from segexp.data.files.video import look_at_video
from segexp.data.source import SampleFault
from segexp.data.threads import work_ahead
from segexp.evaluation.image_files import MASK_ENDING
from segexp.evaluation.predict import MAX_PIXELS, Prediction
from segexp.labels.mapping import Mapping
from segexp.report.pictures import Pixels, overlay
from segexp.report.predictions import WRITERS, encode_class_mask, until_fault


def write_overlay_video(
    path: Path,
    per_second: float,
    predictions: Iterable[Prediction],
    mapping: Mapping,
    *,
    masks: Path | None = None,
    grey_masks: bool = False,
) -> Iterator[int]:
    """Write an MPEG-4 video of overlays while the next frames are predicted.

    Args:
        path: An ``.mp4`` file: whole, or not there. An odd side loses its last row or column.
        per_second: Frames of a second.
        predictions: Of the frames, in order, all of one size.
        masks: A folder for a mask of each frame, ``000001_mask.png`` and so on; None for none.
        grey_masks: As `segexp.report.predictions.write_prediction` takes it.

    Yields:
        The number of frames that are written so far.

    Raises:
        InputError: What ``predictions`` raises, after the frames before are written.
        WorkError: When OpenCV cannot write the video.
        OSError: When a file cannot be written.
    """
    raised: list[InputError] = []

    def draw(found: Prediction) -> Pixels:
        if masks is not None:
            mask = encode_class_mask(found.mask, mapping, grey=grey_masks)
            write_atomic(inside(masks, f"{found.file.stem.name}{MASK_ENDING}"), mask)
        every = range(len(mapping.classes))
        return overlay(found.image, found.mask, mapping.colors, mapping.names, legend=every)

    drawn = work_ahead(
        draw, until_fault(predictions, raised), WRITERS, lambda f: f.mask.size, MAX_PIXELS
    )
    with written_beside(path) as beside:
        video = beside.with_name(f"{beside.name}.mp4")  # OpenCV goes by the suffix
        try:
            yield from _written(video, per_second, drawn)
            if not video.is_file():
                raise raised[0] if raised else WorkError(f"{path}: no frame to write")
            video.replace(beside)
        finally:
            video.unlink(missing_ok=True)
    if raised:
        raise raised[0]


def _written(path: Path, per_second: float, drawn: Iterable[Pixels]) -> Iterator[int]:
    writer: cv2.VideoWriter | None = None
    number = 0
    try:
        for number, pixels in enumerate(drawn, 1):
            if writer is None:
                code = cv2.VideoWriter.fourcc(*"mp4v")
                size = (pixels.shape[1], pixels.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, per_second, size)
                if not writer.isOpened():
                    raise WorkError(f"{path}: OpenCV cannot write MPEG-4 here")
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
            yield number
    finally:
        if writer is not None:
            writer.release()
    if number:
        _check(path, number)


def _check(path: Path, frames: int) -> None:
    """Look whether all is there: OpenCV says nothing of a full disk."""
    try:
        found = look_at_video(path).frames
    except SampleFault:
        found = 0
    if found < frames:
        raise WorkError(f"{path}: holds {found} of {frames} frames: is the disk full?")
