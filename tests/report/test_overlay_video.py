"""A video of predictions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.data.files.video import look_at_video, read_frames
from segexp.evaluation.image_files import ImageFile
from segexp.evaluation.predict import Prediction
from segexp.labels.files import load_mapping
from segexp.report.overlay_video import write_overlay_video

MAPPING = load_mapping(ROOT / "mappings" / "merged10.yaml")


def predictions(count: int, *, fault: str = "") -> Iterator[Prediction]:
    """Frame n is of class n."""
    for number in range(count):
        file = ImageFile(Path("clip.mp4"), Path(f"{number + 1:06d}"))
        image = np.full((160, 240, 3), 90, np.uint8)
        yield Prediction(file, image, np.full((160, 240), number, np.uint8))
    if fault:
        raise InputError(fault)


def test_a_video_has_every_frame_in_its_classes_colour_and_the_masks_beside_it(
    tmp_path: Path,
) -> None:
    path, masks = tmp_path / "out" / "clip_overlay.mp4", tmp_path / "out" / "clip"
    assert list(write_overlay_video(path, 12.5, predictions(4), MAPPING, masks=masks)) == [
        *range(1, 5)
    ]
    video = look_at_video(path)
    assert (video.frames, video.per_second) == (4, 12.5)
    for number, frame in enumerate(read_frames(video)):
        expected = MAPPING.colors[number] // 2 + 45  # half over the image
        assert np.abs(frame[150, 200].astype(int) - expected).max() < 12
        mask = Image.open(masks / f"{number + 1:06d}_mask.png")
        assert (mask.mode, np.unique(np.asarray(mask)).tolist()) == ("P", [number])
    assert sorted(p.name for p in path.parent.iterdir()) == ["clip", "clip_overlay.mp4"]


def test_what_is_wrong_with_a_frame_is_raised_when_the_others_are_written(tmp_path: Path) -> None:
    path = tmp_path / "clip_overlay.mp4"
    with pytest.raises(InputError, match="NaN"):
        list(write_overlay_video(path, 10, predictions(3, fault="frame 4: NaN"), MAPPING))
    assert look_at_video(path).frames == 3


def test_a_video_without_frames_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NaN"):
        list(write_overlay_video(tmp_path / "a.mp4", 10, predictions(0, fault="NaN"), MAPPING))
    assert list(tmp_path.iterdir()) == []
