"""Which images and videos are predicted, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.project import ROOT
from harness.trees import picture, save
from segexp.core.errors import InputError
from segexp.evaluation.image_files import (
    ENDINGS,
    find_images,
    find_videos,
    frames_of,
    overwritten,
    read_image,
    skipped_files,
)
from segexp.labels.files import load_mapping
from segexp.report.predictions import write_prediction


def test_directories_are_searched_to_the_bottom_in_order(tmp_path: Path):
    for name in ("b/2.JPG", "b/1.png", "a.jpeg", "notes.txt", ".hidden/x.png", "b/._1.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "x.y.png").touch()
    found = find_images([tmp_path / "x.y.png", tmp_path / "in"])
    assert [str(stem) for _, stem in found] == ["x.y", "a", "b/1", "b/2"]
    assert found[2].path == tmp_path / "in" / "b" / "1.png"


def test_the_output_directory_is_not_searched(tmp_path: Path):
    save(tmp_path / "a.png", picture(0))
    save(tmp_path / "out" / "a_mask.png", picture(2))
    assert [stem for _, stem in find_images([tmp_path], tmp_path / "out")] == [Path("a")]
    assert [stem for _, stem in find_images([tmp_path], tmp_path)] == [
        Path("a"),
        Path("out/a_mask"),
    ]


def test_an_image_that_is_named_twice_is_predicted_once(tmp_path: Path):
    save(tmp_path / "a.png", picture(0))
    save(tmp_path / "b.png", picture(1))
    (tmp_path / "c").mkdir()
    found = find_images([tmp_path / "a.png", tmp_path, tmp_path / "c" / ".." / "b.png"])
    assert [str(stem) for _, stem in found] == ["a", "b"]


def test_every_wrong_path_and_every_collision_is_listed_together(tmp_path: Path):
    for name in ("a.png", "a.jpg", "deep/b.png", "other/b.png", "c.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    inputs = ("a.png", "a.jpg", "deep", "other", "c.gif", "empty", "gone.png")
    with pytest.raises(InputError) as caught:
        find_images([tmp_path / name for name in inputs])
    text = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 5
    assert f"a_mask.png: would be written for {tmp_path}/a.png and for {tmp_path}/a.jpg" in text
    assert f"{tmp_path}/deep/b.png and for {tmp_path}/other/b.png" in text
    assert "c.gif: not an image by its suffix" in text
    assert "empty: no images in it" in text
    assert "gone.png: no such file or directory" in text


def test_pictures_of_phones_are_refused_with_what_to_do(tmp_path: Path):
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "IMG_1.HEIC").touch()
    with pytest.raises(InputError) as caught:
        find_images([tmp_path / "phone", tmp_path / "phone" / "IMG_1.HEIC"])
    assert [fault.rpartition("; ")[2] for fault in caught.value.faults] == [
        "HEIC and AVIF are not read: convert them to JPEG or PNG"
    ] * 2


def test_names_that_no_file_system_accepts_are_listed(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        find_images([tmp_path / ("x" * 300), tmp_path / "a\0b"])
    long, null = caught.value.faults
    assert "File name too long" in long
    assert "null" in null


@pytest.mark.parametrize("name", ["x" * 244, "é" * 122])
def test_an_image_whose_predictions_would_have_too_long_a_name_is_refused(tmp_path, name):
    save(tmp_path / f"{name}.png", picture(0))
    with pytest.raises(InputError, match="its name is too long to name a prediction after it"):
        find_images([tmp_path])


def test_a_longer_ending_leaves_less_room_for_a_name(tmp_path: Path) -> None:
    save(tmp_path / f"{'x' * 240}.png", picture(0))
    assert len(find_images([tmp_path])) == 1
    with pytest.raises(InputError, match="its name is too long"):
        find_images([tmp_path], None, ("_mask.png", "_probabilities.npz", "_color.png"))


def test_of_arrays_in_a_folder_those_of_the_shape_of_an_image_are_images(tmp_path: Path) -> None:
    """Beside them may lie masks, (H, W), and anything else."""
    pixels = picture(0)
    np.save(tmp_path / "a.npy", pixels)
    np.save(tmp_path / "b.npy", (pixels / 255).astype(np.float32))
    np.save(tmp_path / "mask.npy", pixels[..., 0])
    np.save(tmp_path / "ids.npy", pixels.astype(np.int64))
    (tmp_path / "text.npy").write_text("no array")
    found = find_images([tmp_path])
    assert [str(stem) for _, stem in found] == ["a", "b"]
    names = [path.name for path in skipped_files([tmp_path])]
    assert names == ["ids.npy", "mask.npy", "text.npy"]
    assert all(np.array_equal(read_image(file.path), pixels) for file in found)
    assert find_images([tmp_path / "mask.npy"])  # named by a person: refused when it is read


def write_video(path: Path, frames: int, size: tuple[int, int] = (32, 48), noise: int = 0) -> Path:
    """Frame n is grey, 10 n, with noise up to an amplitude."""
    rng = np.random.default_rng(0)
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 12.0, size[::-1])
    for number in range(frames):
        frame = 10 * number + rng.integers(0, noise + 1, (*size, 3))
        writer.write(frame.astype(np.uint8))
    writer.release()
    return path


def test_a_video_is_read_frame_by_frame_and_numbered_from_one(tmp_path: Path) -> None:
    (video,) = find_videos([write_video(tmp_path / "clip.mp4", 5)])
    assert (video.frames, video.per_second) == (5, 12)
    faults: list[str] = []
    frames = list(frames_of(video, faults))
    assert [frame.file.stem.name for frame in frames] == [f"{n:06d}" for n in range(1, 6)]
    assert [round(frame.image.mean() / 10) for frame in frames] == [0, 1, 2, 3, 4]
    assert (frames[0].image.shape, faults) == ((32, 48, 3), [])


def test_videos_that_cannot_be_read_are_listed_together_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    whole = write_video(tmp_path / "whole.mp4", 3).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(tmp_path / "none.avi", 0)
    names = ("text.mp4", "cut.mp4", "none.avi", "gone.mp4")
    with pytest.raises(InputError) as caught:
        find_videos([tmp_path / name for name in names])
    text, cut, none, gone = caught.value.faults
    assert "text.mp4: not a video that can be read: damaged, or of a codec" in text
    assert "ffmpeg -i IN" in cut
    assert "none.avi: " in none
    assert "gone.mp4: no such file" in gone


def test_of_a_video_that_ends_early_the_frames_that_are_there_are_read(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", 12, (96, 160), noise=99).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 2 // 3])
    (video,) = find_videos([tmp_path / "cut.avi"])
    faults: list[str] = []
    assert 1 < len(list(frames_of(video, faults))) < 12
    (fault,) = faults
    assert f"of {video.frames} frames can be read: cut or damaged" in fault


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    paths = [write_video(tmp_path / "a.mp4", 1), write_video(tmp_path / "b" / "a.mp4", 1)]
    with pytest.raises(InputError, match=r"a_overlay\.mp4: would be written for "):
        find_videos(paths)


def test_no_prediction_takes_the_place_of_an_input_or_of_a_truth_mask(tmp_path: Path):
    for name in ("plain.png", "plain_mask.png", "other.png", "other_mask.png"):
        save(tmp_path / name, picture(0))
    (tmp_path / "link").symlink_to(tmp_path)
    found = find_images([tmp_path / "plain.png", tmp_path / "plain_mask.png"])
    (fault,) = overwritten(found, [], tmp_path / "link", ENDINGS)
    assert f"{tmp_path}/link/plain_mask.png: is one of the files to predict" in fault
    other = find_images([tmp_path / "other.png"])
    (fault,) = overwritten(other, [], tmp_path, ENDINGS)
    assert f"{tmp_path}/other_mask.png: is a mask that segexp has not predicted" in fault
    assert f"the prediction of {tmp_path}/other.png would take its place" in fault
    assert "name another --out DIR" in fault
    assert overwritten(other, [], tmp_path / "predictions", ENDINGS) == []
    mapping = load_mapping(ROOT / "mappings" / "merged10.yaml")
    write_prediction(tmp_path, Path("other"), picture(0), np.zeros((6, 8), np.uint8), mapping)
    assert overwritten(other, [], tmp_path, ENDINGS) == []  # an earlier prediction
