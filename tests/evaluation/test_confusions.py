"""Per-image confusion matrices and predictions, written and read."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from segexp.core.errors import WorkError
from segexp.evaluation.confusions import (
    MAX_CONFUSION_BYTES,
    Confusions,
    Predictions,
    load_confusions,
    load_predictions,
    read_confusions,
    save_confusions,
    save_predictions,
)


def confusions(images: int, seed: int) -> Confusions:
    random = np.random.default_rng(seed)
    return Confusions(
        tuple(f"scene_{i}" for i in range(images)),
        {
            "own": random.integers(0, 2**40, (images, 5, 6)),
            "common": random.integers(0, 9, (images, 3, 4)),
            "common_argmax": random.integers(0, 9, (images, 3, 4)),
        },
    )


def of_all(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same array by every ruler."""
    return dict.fromkeys(("own", "common", "common_argmax"), array)


def test_matrices_come_back_by_split_and_to_the_last_count(tmp_path: Path) -> None:
    written = {"val": confusions(4, 0), "heldout": confusions(2, 1)}
    save_confusions(tmp_path / "new" / "confusions.npz", written)
    read = load_confusions(tmp_path / "new" / "confusions.npz")
    assert list(read) == ["val", "heldout"]
    for split, expected in written.items():
        assert read[split].image_ids == expected.image_ids
        for name in ("own", "common", "common_argmax"):
            np.testing.assert_array_equal(read[split].by[name], expected.by[name])
            assert read[split].by[name].dtype == np.int64


@pytest.mark.parametrize(("images", "classes"), [(2_000, 150), (2_000, 124), (5_000, 171)])
def test_matrices_of_the_largest_val_splits_are_not_too_many_bytes(images: int, classes: int):
    """ADE20K, Mapillary Vistas 2.0 and COCO-Stuff, by three rulers, in eight bytes a count."""
    assert 3 * 8 * images * classes * (classes + 1) < MAX_CONFUSION_BYTES


def test_predictions_come_back(tmp_path: Path) -> None:
    masks = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    by = {"own": masks, "common": masks + 1, "common_argmax": masks + 2}
    save_predictions(tmp_path / "p.npz", Predictions(("a", "b"), by))
    read = load_predictions(tmp_path / "p.npz")
    assert read.image_ids == ("a", "b")
    assert list(read.by) == list(by)
    for ruler, expected in by.items():
        np.testing.assert_array_equal(read.by[ruler], expected)


def test_a_file_that_is_gone_damaged_or_another_is_named(tmp_path: Path) -> None:
    path = tmp_path / "confusions.npz"
    with pytest.raises(WorkError, match=r"confusions\.npz: cannot be read: .*No such file"):
        load_confusions(path)
    save_confusions(path, {"val": confusions(4, 0)})
    whole = path.read_bytes()
    for content in (whole[:-40], b"PK" + b"\0" * 40, b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(WorkError, match=r"confusions\.npz"):
            load_confusions(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(WorkError, match=r"confusions\.npz"):
        load_confusions(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(WorkError, match=r"confusions\.npz: no split has image_ids"):
        load_confusions(path)
    with pytest.raises(WorkError, match=r"confusions\.npz: .*image_ids.* is missing"):
        load_predictions(path)


def test_nothing_that_needs_pickle_is_read(tmp_path: Path) -> None:
    path = tmp_path / "confusions.npz"
    np.savez(path, **{"val/image_ids": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(WorkError) as caught:
        load_confusions(path)
    assert str(caught.value) == f"{path}: is damaged, or not a file that segexp wrote"


@pytest.mark.parametrize(
    "own",
    [np.zeros((2, 3, 3), int), np.zeros((1, 3, 4), int), np.zeros((2, 3, 4)), np.zeros(3, int)],
)
def test_anything_but_a_confusion_matrix_for_each_image_is_refused(tmp_path: Path, own) -> None:
    path = tmp_path / "confusions.npz"
    save_confusions(path, {"val": Confusions(("a", "b"), of_all(own))})
    expected = r"c: val/own: .* of shape .*; expected whole numbers of shape \(2, C, C \+ 1\)"
    with pytest.raises(WorkError, match=expected):
        read_confusions(path.read_bytes(), "c")


def test_a_single_array_or_a_pickle_is_not_a_file_of_matrices() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    for content in (file.getvalue(), pickle.dumps({"val": 1}), b""):
        with pytest.raises(WorkError, match="c: is damaged, or not a file that segexp wrote"):
            read_confusions(content, "c")


@pytest.mark.parametrize(
    "own",
    [
        np.full((2, 3, 4), -1),
        np.full((2, 3, 4), 2**62),
        np.full((2, 3, 4), 2**64 - 1, np.uint64),
        np.zeros((2, 0, 1), int),
    ],
)
def test_impossible_counts_are_refused(tmp_path: Path, own: np.ndarray) -> None:
    path = tmp_path / "confusions.npz"
    save_confusions(path, {"val": Confusions(("a", "b"), of_all(own))})
    with pytest.raises(WorkError, match="val/own: "):
        load_confusions(path)


@pytest.mark.parametrize(
    "masks",
    [
        np.zeros((2, 3, 4)),
        np.full((2, 3, 4), 300),
        np.zeros((3, 3, 4), np.uint8),
        np.zeros(2, np.uint8),
    ],
)
def test_anything_but_a_mask_for_each_image_is_refused(tmp_path: Path, masks: np.ndarray) -> None:
    path = tmp_path / "predictions.npz"
    save_predictions(path, Predictions(("a", "b"), of_all(masks)))
    with pytest.raises(WorkError, match=r"expected uint8 of shape \(2, H, W\)"):
        load_predictions(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "confusions.npz"
    save_confusions(path, {"val": confusions(2, 0)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("val/own.npy", archive.read("val/common.npy"))
    with pytest.raises(WorkError, match="is damaged, or not a file that segexp wrote"):
        load_confusions(path)


def test_predictions_of_several_sizes_come_back_and_older_segexps_refuse_them(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    sizes = [(3, 4), (5, 2), (3, 4)]
    by = {
        name: [random.integers(0, 9, size, np.uint8) for size in sizes]
        for name in ("own", "common", "common_argmax")
    }
    save_predictions(tmp_path / "p.npz", Predictions(("a", "b", "c"), by))
    read = load_predictions(tmp_path / "p.npz")
    for ruler, expected in by.items():
        assert [mask.shape for mask in read.by[ruler]] == sizes
        for mask, other in zip(read.by[ruler], expected, strict=True):
            np.testing.assert_array_equal(mask, other)
    assert np.load(tmp_path / "p.npz")["version"].tolist() == [2]
    alike = Predictions(("a",), of_all([by["own"][0]]))  # type: ignore[arg-type]
    save_predictions(tmp_path / "p.npz", alike)
    assert np.load(tmp_path / "p.npz")["version"].tolist() == [1]  # as every segexp reads it
    assert np.load(tmp_path / "p.npz")["own"].shape == (1, 3, 4)


@pytest.mark.parametrize(
    ("sizes", "pixels", "expected"),
    [
        (np.array([[2, 3]]), np.zeros(6, np.uint8), r"sizes: .*expected .*\(2, 2\)"),
        (np.array([[2, 3], [0, 1]]), np.zeros(6, np.uint8), "sizes: "),
        (np.array([[2, 3], [1 << 17, 1]]), np.zeros(6, np.uint8), "sizes: "),
        (np.array([[2.0, 3], [1, 1]]), np.zeros(7, np.uint8), "sizes: "),
        (np.array([[2, 3], [1, 1]]), np.zeros(6, np.uint8), r"own: .*expected uint8 .*\(7,\)"),
        (np.array([[2, 3], [1, 1]]), np.zeros(7, int), r"own: int64 .*expected uint8"),
    ],
)
def test_pixels_that_are_not_those_of_the_sizes_are_refused(
    tmp_path: Path, sizes: np.ndarray, pixels: np.ndarray, expected: str
) -> None:
    path = tmp_path / "predictions.npz"
    arrays = {"version": np.array([2]), "image_ids": np.array(["a", "b"]), "sizes": sizes}
    np.savez(path, **arrays, **of_all(pixels))
    with pytest.raises(WorkError, match=expected):
        load_predictions(path)


def test_predictions_of_no_image_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.npz"
    arrays = {"version": np.array([2]), "image_ids": np.array([], "U1")}
    np.savez(path, **arrays, sizes=np.zeros((0, 2), int), **of_all(np.zeros(0, np.uint8)))
    with pytest.raises(WorkError, match="sizes: "):
        load_predictions(path)
