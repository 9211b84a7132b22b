"""npy images, and npy files that lie."""

from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format

from segexp.dataset.npy_file import read_array, read_npy_image
from segexp.dataset.source import SampleFault

from .layouts import picture, save


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_npy_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_in_0_to_1_come_back_as_the_bytes_that_they_were(tmp_path, dtype):
    every_value = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    path = save(tmp_path / "x.npy", every_value.astype(dtype) / 255)
    assert np.array_equal(read_npy_image(path), every_value)


def test_uint8_is_taken_as_it_is(tmp_path):
    assert np.array_equal(read_npy_image(save(tmp_path / "x.npy", picture(1))), picture(1))


def test_floats_beyond_1_are_refused_as_0_to_255(tmp_path):
    message = refused(save(tmp_path / "x.npy", picture(1).astype(np.float32)))
    assert "must lie in 0..1" in message
    assert "refused" not in message


def test_rounding_errors_around_0_and_1_are_none(tmp_path):
    image = np.array([[[-1e-6, 1 + 1e-6, 0.5]]])
    assert read_npy_image(save(tmp_path / "x.npy", image)).tolist() == [[[0, 255, 128]]]


def test_non_finite_values_are_counted(tmp_path):
    image = np.zeros((4, 4, 3))
    image[0, 0] = np.nan
    image[1, 1, 1] = np.inf
    assert "4 values are not finite" in refused(save(tmp_path / "x.npy", image))


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (np.zeros((3, 4, 5)), "channels first"),
        (np.zeros((4, 5)), "(H, W, 3)"),
        (np.zeros((4, 5, 4)), "(H, W, 3)"),
        (np.zeros((4, 5, 3), np.int64), "dtype int64"),
        (np.zeros((4, 5, 3), complex), "dtype complex128"),
        (np.zeros((0, 5, 3)), "0x5 pixels"),
    ],
)
def test_other_shapes_and_types_are_refused(tmp_path, image, what):
    assert what in refused(save(tmp_path / "x.npy", image))


def lying(path: Path, shape: tuple[int, ...], content: bytes, descr: str = "<f8") -> Path:
    with path.open("wb") as file:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        npy_format.write_array_header_1_0(file, header)
        file.write(content)
    return path


def test_a_header_that_claims_terabytes_is_refused_before_anything_is_allocated(tmp_path):
    path = lying(tmp_path / "x.npy", (400_000, 400_000, 3), bytes(48))
    assert "3840000000000 bytes, but 48 bytes follow" in refused(path)


def test_a_file_longer_than_its_header_says_is_refused(tmp_path):
    assert "24 bytes, but 25 bytes follow" in refused(
        lying(tmp_path / "x.npy", (1, 1, 3), bytes(25))
    )


def test_a_negative_side_is_refused(tmp_path):
    assert "negative" in refused(lying(tmp_path / "x.npy", (-1, -1, 3), bytes(24)))


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    np.save(tmp_path / "x.npy", np.array([Trap()], object), allow_pickle=True)
    assert "dtype object" in refused(tmp_path / "x.npy")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"PK\x03\x04 an npz", b"\x93NUMPY\x09\x00x"]
)
def test_other_content_is_refused(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    assert "not a readable npy file" in refused(tmp_path / "x.npy")


def test_a_truncated_file_is_refused(tmp_path):
    path = save(tmp_path / "x.npy", np.zeros((8, 8, 3)))
    path.write_bytes(path.read_bytes()[:-100])
    assert "1536 bytes, but 1436 bytes follow" in refused(path)


def test_big_endian_numbers_are_read(tmp_path):
    path = save(tmp_path / "x.npy", np.array([[1, 2]], ">i4"))
    assert read_array(path).tolist() == [[1, 2]]
