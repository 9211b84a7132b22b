"""Data in no split is divided once, into a file that a person may edit."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trees import camvid_like, opened, picture, raw_mask, save
from segexp.core.errors import InputError
from segexp.data.division import divide, with_splits

SHARES = {"val": 0.15, "test": 0.15}


def undivided(root: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        save(root / "images" / f"{name}.png", picture(number))
        save(root / "masks" / f"{name}.png", raw_mask(number))
    return root


def counts(source) -> dict[str, int]:
    return {split: len(samples) for split, samples in source.splits.items()}


def test_a_data_set_without_splits_is_divided_and_the_file_says_how(tmp_path):
    data = undivided(tmp_path / "photos", [f"photo{n}" for n in range(20)])
    source = with_splits(tmp_path, opened(data))
    assert counts(source) == {"train": 14, "val": 3, "test": 3}
    file = tmp_path / "splits" / "photos.csv"
    assert source.notes == (
        "the data has no splits: divided by image into 14 train, 3 val, 3 test; written to "
        f"{file}, which can be edited",
    )
    lines = file.read_text().splitlines()
    assert lines[0] == "image,split"
    assert Counter(line.split(",")[1] for line in lines[1:]) == {"train": 14, "val": 3, "test": 3}


def test_the_file_counts_from_then_on(tmp_path):
    data = undivided(tmp_path / "photos", [f"photo{n}" for n in range(20)])
    with_splits(tmp_path, opened(data))
    file = tmp_path / "splits" / "photos.csv"
    file.write_text(file.read_text().replace(",test", ",val"))
    source = with_splits(tmp_path, opened(data))
    assert counts(source) == {"train": 14, "val": 6}
    assert source.notes == (f"splits as in {file}",)


def test_images_that_the_file_lacks_or_that_are_gone_are_refused(tmp_path):
    data = undivided(tmp_path / "photos", [f"photo{n}" for n in range(20)])
    with_splits(tmp_path, opened(data))
    for part in ("images", "masks"):
        (data / part / "photo3.png").rename(data / part / "other.png")
    with pytest.raises(InputError) as caught:
        with_splits(tmp_path, opened(data))
    file = tmp_path / "splits" / "photos.csv"
    assert caught.value.faults == (
        f"{file}: 'other' is not in it; add a line for it",
        f"{file}: 'photo3' is not in the data; remove the line",
        f"{file}: remove it to divide {data} anew; if it is of other data whose folder has the "
        f"same name, make a project for this one: segexp init DIR --data {data}",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name,part\n", "1: expected the header image,split, with a comma"),
        ("image,split\nphoto0,training\n", "2: 'photo0,training'; expected image,train|val|test"),
        ("image,split\nphoto0,val\nphoto0,train\n", "3: 'photo0' is in val, too; keep one line"),
    ],
)
def test_a_file_with_faults_is_refused_with_its_lines(tmp_path, text, fault):
    data = undivided(tmp_path / "photos", ["photo0"])
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "photos.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        with_splits(tmp_path, opened(data))
    assert caught.value.faults[0] == f"{tmp_path}/splits/photos.csv:{fault}"


def test_empty_lines_are_no_images_and_a_wrong_word_is_one_fault(tmp_path):
    data = undivided(tmp_path / "photos", ["a", "b", "c"])
    file = tmp_path / "splits" / "photos.csv"
    file.parent.mkdir()
    file.write_text("image,split\r\na,train\r\n\r\nb,val\r\nc,test\r\n\r\n")
    assert counts(with_splits(tmp_path, opened(data))) == {"train": 1, "val": 1, "test": 1}
    file.write_text("image,split\na,Train\nb,val\nc,test\n")
    with pytest.raises(InputError) as caught:
        with_splits(tmp_path, opened(data))
    assert caught.value.faults == (f"{file}:2: 'a,Train'; expected image,train|val|test",)


def test_faults_of_the_folder_are_told_with_those_of_the_file(tmp_path):
    data = undivided(tmp_path / "photos", ["a", "b", "c"])
    with_splits(tmp_path, opened(data))
    (data / "images" / "c.png").unlink()
    with pytest.raises(InputError) as caught:
        with_splits(tmp_path, opened(data))
    assert "c.png: mask without image" in caught.value.faults[1]
    file = tmp_path / "splits" / "photos.csv"
    assert f"{file}: 'c' is not in the data; remove the line" in caught.value.faults


def test_a_renamed_folder_is_told_of_the_file_that_divides_its_images(tmp_path):
    data = undivided(tmp_path / "photos", [f"photo{n}" for n in range(20)])
    with_splits(tmp_path, opened(data))
    renamed = data.rename(tmp_path / "pictures")
    (note,) = with_splits(tmp_path, opened(renamed)).notes
    assert note.endswith(
        f"; {tmp_path}/splits/photos.csv has the same images: rename it to pictures.csv to divide "
        "as it does"
    )


@pytest.mark.parametrize(("names", "count"), [(["a"], "1 image"), (["a", "b"], "2 images")])
def test_too_few_images_are_not_divided_and_leave_no_file(tmp_path, names, count):
    source = with_splits(tmp_path, opened(undivided(tmp_path / "photos", names)))
    assert source.faults == (
        f"{tmp_path}/photos: {count}; train, val and final scores need one each",
    )
    assert not (tmp_path / "splits").exists()


def test_the_file_cannot_take_the_place_of_a_test_split(tmp_path):
    data = camvid_like(tmp_path / "a", train=4, test=1)
    with_splits(tmp_path, opened(data))
    file = tmp_path / "splits" / "a.csv"
    file.write_text(
        "image,split\n"
        + "".join(
            f"train_{n},{split}\n" for n, split in enumerate(("train", "train", "val", "test"))
        )
    )
    source = with_splits(tmp_path, opened(data))
    assert source.faults == (
        f"{file}: the data has a test split of its own; write train or val instead",
    )


def test_train_alone_gives_val_and_a_test_split_stays(tmp_path):
    source = with_splits(tmp_path, opened(camvid_like(tmp_path / "a", train=20)))
    assert counts(source) == {"train": 14, "val": 3, "test": 3}
    source = with_splits(tmp_path, opened(camvid_like(tmp_path / "b", train=20, test=4)))
    assert counts(source) == {"train": 17, "val": 3, "test": 4}
    assert "the data has no val split: divided by image into 17 train, 3 val" in source.notes[0]


def test_data_with_train_and_val_is_left_alone(tmp_path):
    source = opened(camvid_like(tmp_path / "a", train=2, val=1))
    assert with_splits(tmp_path, source) is source
    assert not (tmp_path / "splits").exists()


def test_data_without_train_is_a_fault(tmp_path):
    source = with_splits(tmp_path, opened(camvid_like(tmp_path / "a", val=2)))
    assert source.faults == (f"{tmp_path}/a: no train split",)


def test_images_in_no_split_beside_others_are_a_fault(tmp_path):
    for split in ("train", "val", "loose"):
        save(tmp_path / "data" / "images" / split / "x.png", picture(len(split)))
        save(tmp_path / "data" / "masks" / split / "x.png", raw_mask(1))
    source = with_splits(tmp_path, opened(tmp_path / "data"))
    assert source.faults == (
        f"{tmp_path}/data: 1 image in no split, such as {tmp_path}/data/images/loose/x.png, beside "
        "the splits train, val; move them into one",
    )


def test_frames_of_a_video_stay_together():
    ids = [f"Seq{video:02}_{frame:05}" for video in range(10) for frame in range(30)]
    chosen, by = divide(ids, "folder", SHARES)
    assert by == "sequence"
    of_video = {(id_[:5], split) for id_, split in chosen.items()}
    assert len(of_video) == 10
    assert Counter(chosen.values()) == {"train": 180, "val": 60, "test": 60}


def test_videos_that_are_too_few_or_too_long_are_divided_by_image():
    two = [f"Seq{video:02}_{frame:05}" for video in range(2) for frame in range(30)]
    assert divide(two, "folder", SHARES)[1] == "image"
    long = [
        f"Seq{n:02}_{frame:05}" for n, frames in enumerate((50, 50, 5)) for frame in range(frames)
    ]
    assert divide(long, "folder", SHARES)[1] == "image"


@given(st.sets(st.text("abc019_", min_size=1, max_size=6), min_size=8, max_size=60))
def test_each_image_is_in_one_split_and_all_splits_have_their_share(names):
    ids = sorted(names)
    chosen, by = divide(ids, "folder", SHARES)
    assert chosen.keys() == names
    sizes = Counter(chosen.values())
    assert set(sizes) == {"train", "val", "test"}
    if by == "image":
        assert all(0 <= sizes[name] - 0.15 * len(ids) < 1 for name in ("val", "test"))


@given(st.sets(st.integers(0, 999), min_size=20, max_size=60), st.integers(1000, 1999))
def test_another_order_changes_nothing(numbers, seed):
    ids = [f"photo{n}" for n in sorted(numbers)]
    turned = ids[seed % len(ids) :] + ids[: seed % len(ids)]
    assert divide(ids, "folder", SHARES)[0] == divide(turned, "folder", SHARES)[0]
