"""npz files that are not what they say."""

import io
import resource
import struct
import zipfile

import numpy as np
import pytest

from segexp.evaluation.npz import read_npz

DAMAGED = "is damaged, or not a file that segexp wrote"


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_what_numpy_wrote_is_read():
    written = {"a/b": np.arange(6).reshape(2, 3), "texts": np.array(["x", "ñ"]), "f": np.eye(2)}
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **written)
        read = read_npz(file.getvalue(), 10_000)
        assert list(read) == list(written)
        for name, array in written.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype


def test_a_bomb_is_refused_before_it_is_inflated():
    content = zipped({"a.npy": bytes(1 << 28)})
    assert len(content) < 1 << 21
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="holds 268435456 bytes; at most 268435455 are read"):
        read_npz(content, (1 << 28) - 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 14


def test_a_bomb_that_lies_about_its_size_is_not_inflated_beyond_it():
    content = bytearray(zipped({"a.npy": bytes(1 << 28)}))
    struct.pack_into("<I", content, content.rindex(b"PK\1\2") + 24, 1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=DAMAGED):
        read_npz(bytes(content), 10_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 14


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        npy(np.eye(2)),
        zipped({"a.npy": b"not npy"}),
        zipped({"a.npy": npy(np.eye(2))[:-1]}),
        zipped({"a.npy": npy(np.array([1j]))}),
        zipped({"a.npy": npy(np.eye(2))}).replace(b"\x08\0", b"\x08\1"),
    ],
)
def test_anything_but_an_npz_file_of_numbers_and_texts_is_refused(content: bytes):
    with pytest.raises(ValueError, match=DAMAGED):
        read_npz(content, 1 << 20)
