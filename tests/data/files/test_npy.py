"""npy images, and npy files that lie."""

from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format

from harness.trees import picture, save
from segexp.data.files.npy import read_array, read_npy_image
from segexp.data.source import SampleFault


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


def test_zeros_and_ones_as_floats_may_be_either_range_and_are_refused(tmp_path):
    image = np.zeros((4, 5, 3))
    assert not read_npy_image(save(tmp_path / "black.npy", image)).any()
    image[1] = 1
    assert "0 and 1 only" in refused(save(tmp_path / "x.npy", image))
    image[2] = 0.5
    assert read_npy_image(save(tmp_path / "grey.npy", image)).max() == 255


def test_floats_that_were_divided_by_255_twice_are_refused(tmp_path):
    image = picture(1) / 255 / 255
    assert "one step of 255 or less" in refused(save(tmp_path / "x.npy", image))
    assert "one step of 255 or less" in refused(save(tmp_path / "y.npy", image / 255))


def test_columns_first_are_read_as_they_are_meant(tmp_path):
    path = save(tmp_path / "x.npy", np.asfortranarray(picture(1)))
    assert np.array_equal(read_npy_image(path), picture(1))


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_plain_versions_are_read_and_others_refused(tmp_path, version):
    with (tmp_path / "x.npy").open("wb") as file:
        npy_format.write_array(file, picture(1), version=version)
    assert np.array_equal(read_npy_image(tmp_path / "x.npy"), picture(1))
    data = bytearray((tmp_path / "x.npy").read_bytes())
    for other in ((3, 0), (1, 1), (0, 0), (255, 255)):
        data[6:8] = other
        (tmp_path / "x.npy").write_bytes(data)
        assert f"format version {other}; expected 1.0 or 2.0" in refused(tmp_path / "x.npy")


def with_header(path: Path, header: str, content: bytes = b"") -> Path:
    text = header.encode()
    path.write_bytes(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + content)
    return path


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 99}}}", "99 dimensions"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (0, " + "9" * 30 + ", 3)}", "10^18"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}", "not a read"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}", "not a readable"),
        ("{'descr': '<f8', 'fortran_order': 1, 'shape': (3,)}", "not a readable"),
        ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}", "dtype [('a'"),
        ("{'descr': '<f8', 'shape': (3,)}", "not a readable"),
        ("{'descr': '<f3', 'fortran_order': False, 'shape': (3,)}", "not a readable npy file"),
        ("__import__('os').abort()", "not a readable"),
        ("(" * 9000, "not a readable"),
        ("-" * 9000 + "1", "not a readable npy file: Header info length"),
        (" " * 20_000, "Header info length (20000) is large"),
    ],
)
def test_headers_that_are_none_are_refused(tmp_path, header, what, recwarn):
    assert what in refused(with_header(tmp_path / "x.npy", header, bytes(8)))
    assert not recwarn.list


def test_a_header_of_another_writer_is_read(tmp_path):
    header = "{'shape':(1,2,3),'fortran_order':False,\"descr\":\"|u1\"}"
    path = with_header(tmp_path / "x.npy", header, bytes(range(6)))
    assert read_array(path).tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\2\0\xff\xff\xff\x7f")
    with path.open("r+b") as file:
        file.truncate(500 << 20)
    assert "expected 2147483647 bytes" in refused(path)
    with path.open("r+b") as file:
        file.truncate(5 << 30)
    assert "5368709120 bytes; at most" in refused(path)


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


def test_a_header_longer_than_any_of_numpys_is_refused_unparsed(tmp_path):
    """NumPy takes seconds over ten thousand blanks and a damaged end."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }" + b" " * 9_000 + b"!\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(4)
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(SampleFault, match="not a readable npy file: Header info length"):
        read_array(tmp_path / "x.npy")
