"""How the files of a tree can be read as images with masks."""

from segexp.data.layouts._names import FileNames
from segexp.data.layouts._readings import common_folder, readings_of, shared_levels
from segexp.data.layouts._tree import files_below

ANY = FileNames()


def readings(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    return readings_of([*files_below(root)], ANY)


def joined(root, reading):
    return {
        reading.images[image].path.relative_to(root).as_posix(): (
            reading.masks[mask].path.relative_to(root).as_posix()
        )
        for mask, image in reading.rule.pairs.items()
    }


def test_masks_in_one_folder_go_with_images_in_splits(tmp_path):
    (reading,) = readings(
        tmp_path, "images/train/a.jpg", "images/val/b.jpg", "masks/a.png", "masks/b.png"
    )
    assert joined(tmp_path, reading) == {
        "images/train/a.jpg": "masks/a.png",
        "images/val/b.jpg": "masks/b.png",
    }


def test_folders_that_only_one_side_has_do_not_stand_between_them(tmp_path):
    (reading,) = readings(
        tmp_path, "images/10k/ulm/a.jpg", "labels/sem_seg/ulm/a.png", "images/10k/bonn/a.jpg"
    )
    assert joined(tmp_path, reading) == {"images/10k/ulm/a.jpg": "labels/sem_seg/ulm/a.png"}


def test_png_masks_come_before_pictures_of_other_kinds_beside_them(tmp_path):
    (reading,) = readings(tmp_path, "images/a.jpg", "masks/a.png", "masks/a.jpg", "masks/a.npy")
    assert joined(tmp_path, reading) == {"images/a.jpg": "masks/a.png"}


def test_both_kinds_of_masks_are_readings_and_a_few_beside_many_are_not(tmp_path):
    images = [f"images/{n}.png" for n in range(6)]
    many = [f"labels/{n}.png" for n in range(6)]
    found = readings(tmp_path, *images, *many, *(f"masks/{n}.png" for n in range(2)))
    assert [reading.size for reading in found] == [6]
    found = readings(tmp_path, *(f"masks/{n}.png" for n in range(2, 6)))
    assert [reading.size for reading in found] == [6, 6]


def test_masks_beside_their_images_are_told_by_a_word_else_by_the_suffix(tmp_path):
    (reading,) = readings(tmp_path, "a.jpg", "a_mask.png", "b.jpg", "b_mask.png")
    assert joined(tmp_path, reading) == {"a.jpg": "a_mask.png", "b.jpg": "b_mask.png"}
    assert reading.describe(tmp_path) == "./, images * with masks *_mask"
    (reading,) = readings(tmp_path / "other", "a.jpg", "a.png")
    assert joined(tmp_path / "other", reading) == {"a.jpg": "a.png"}


def test_two_images_of_one_place_and_name_are_doubled(tmp_path):
    (reading,) = readings(tmp_path, "images/a.jpg", "images/a.png", "masks/a.png")
    ((second, first),) = reading.doubled
    assert {second.path.name, first.path.name} == {"a.jpg", "a.png"}


def test_nothing_is_read_where_no_name_is_shared(tmp_path):
    assert readings(tmp_path, "images/a.jpg", "masks/b.png") == []
    assert readings_of([], ANY) == []


def test_the_folder_that_all_share_is_the_innermost(tmp_path):
    readings(tmp_path, "a/b/c/1.png", "a/b/d/2.png")
    files = [*files_below(tmp_path)]
    assert common_folder(files, tmp_path) == "a/b/"
    assert common_folder(files[:1], tmp_path) == "a/b/c/"
    assert common_folder([], tmp_path) == "nothing"
    assert shared_levels([("a", "b", "c"), ("a", "b", "d")]) == 2
    assert shared_levels([("a",), ()]) == 0
    assert shared_levels([]) == 0
