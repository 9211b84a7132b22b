"""Video files, frame by frame; OpenCV decodes them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.data.files.pictures import check_pixel_count
from segexp.data.source import SampleFault

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")

FRAMES_PER_SECOND = 25.0
"""Where a file does not say."""

MOST_PER_SECOND = 1000.0
"""A file that says more has no rate: some name their clock's ticks."""

LEAST_SHARE = 0.98
"""A file whose readable frames are fewer than this share of what it promises is cut or damaged.

Containers without an index promise what their duration and rate come to."""


@dataclass(frozen=True)
class Video:
    """A video file.

    Attributes:
        frames: How many the file promises; 0 where it does not say.
        per_second: Frames of a second.
    """

    path: Path
    frames: int
    per_second: float


def look_at_video(path: Path) -> Video:
    """Open a video and decode its first frame.

    Raises:
        SampleFault: When it is missing, no video, of a codec that OpenCV lacks, or has no frame.
    """
    capture = _opened(path)
    try:
        if not capture.read()[0]:
            raise SampleFault(f"{path}: no frame of it can be read: empty, damaged, or {_WAY_OUT}")
        told, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    has_rate = 0 < rate <= MOST_PER_SECOND  # NaN has none
    return Video(path, max(0, int(told)), rate if has_rate else FRAMES_PER_SECOND)


def read_frames(video: Video) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video as uint8 RGB, (H, W, 3), upright; one is held at a time.

    Raises:
        SampleFault: After the last frame, when the file ends early; when the size changes.
    """
    capture = _opened(video.path)
    size: tuple[int, ...] | None = None
    number = 0
    try:
        while True:
            is_there, frame = capture.read()
            if not is_there:
                break
            if size is None:
                check_pixel_count(video.path, *frame.shape[:2])
                size = frame.shape
            if frame.shape != size:
                raise SampleFault(f"{video.path}: frame {number + 1} is of another size")
            number += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)  # type: ignore[misc]
    finally:
        capture.release()
    if number < LEAST_SHARE * video.frames - 1:
        raise SampleFault(
            f"{video.path}: {number} of {video.frames} frames can be read: cut or damaged; what "
            "came before is kept"
        )


_WAY_OUT = "of a codec that OpenCV lacks; convert it, as by `ffmpeg -i IN -c:v mpeg4 OUT.mp4`"


def _opened(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise SampleFault(f"{path}: no such file")
    # FFmpeg alone: other back ends take names with % for patterns of pictures. It and OpenCV write
    # to standard error whatever they meet in a damaged file.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    finally:
        log.setLogLevel(level)
    if not capture.isOpened():
        raise SampleFault(f"{path}: not a video that can be read: damaged, or {_WAY_OUT}")
    return capture
