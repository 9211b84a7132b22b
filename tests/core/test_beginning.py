"""What lies in the place of a file, by its first bytes."""

import numpy as np
import pytest

from harness.trees import picture, save
from segexp.core.beginning import beginning, not_the_file
from segexp.core.errors import InputError
from segexp.data.files.images import read_rgb
from segexp.data.files.masks import look_at_mask
from segexp.data.files.npy import read_npy_image
from segexp.data.source import SampleFault
from segexp.labels.importers._file import read_foreign_file

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty: download or copy it again"),
        (LFS, "`git lfs pull` fetches it"),
        (b"\n<!DOCTYPE html><html>", "is an HTML page"),
        (b"\xef\xbb\xbf<html lang='en'>", "is an HTML page"),
    ],
)
def test_images_masks_arrays_and_label_files_say_alike_what_they_are(tmp_path, data, said):
    for name, read in (
        ("image.png", read_rgb),
        ("mask.png", look_at_mask),
        ("mask.npy", look_at_mask),
        ("image.npy", read_npy_image),
        ("classes.csv", read_foreign_file),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises((SampleFault, InputError)) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert said in str(caught.value)


def test_a_png_broken_by_a_conversion_of_line_ends_is_told(tmp_path):
    data = save(tmp_path / "x.png", picture(1)).read_bytes()
    for broken in (data.replace(b"\r\n", b"\n"), data.replace(b"\n", b"\r\n")):
        (tmp_path / "x.png").write_bytes(broken)
        with pytest.raises(SampleFault, match=r"`\*\.png binary` into \.gitattributes"):
            read_rgb(tmp_path / "x.png")


def test_a_file_that_was_decoded_as_text_is_told():
    as_text = b"\x89PNG\r\n\x1a\n".decode("utf-8", errors="replace").encode()
    assert "was saved as text" in beginning(as_text)
    assert "was saved as text" in beginning(b"\x93NUMPY".decode(errors="replace").encode())


def test_a_file_that_ends_early_is_to_be_downloaded_again(tmp_path):
    path = save(tmp_path / "m.npy", np.zeros((4, 4), np.uint8))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SampleFault, match="13 bytes follow; download or copy it again"):
        look_at_mask(path)
    path = save(tmp_path / "m.png", picture(1))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SampleFault, match=r"damaged or truncated: .*; download or copy it again"):
        read_rgb(path)


def test_sound_files_are_nothing_else():
    for data in (b"\x89PNG\r\n\x1a\n", b"name,r,g,b\n", b"\x93NUMPY", b"a: 1\n", b"<?xml ?>"):
        assert not_the_file(data) is None
    assert "is XML" in beginning(b"<?xml version='1.0'?><svg>")
