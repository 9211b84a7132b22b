import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segexp.data.files.file_kind import file_kind


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a.png", "RGB", "PNG RGB"),
        ("a.png", "P", "PNG P 1 bits"),
        ("a.png", "1", "PNG L 1 bits"),
        ("a.png", "I;16", "PNG L 16 bits"),
        ("a.jpg", "L", "JPEG"),
        ("a.bmp", "L", "BMP"),
    ],
)
def test_a_picture_is_named_by_its_header(tmp_path: Path, name: str, mode: str, kind: str) -> None:
    Image.new(mode, (4, 3)).save(tmp_path / name)
    assert file_kind(tmp_path / name) == kind


def test_an_array_is_named_by_its_type_and_the_content_decides(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2), np.float32))
    (tmp_path / "a.npy").rename(tmp_path / "a.png")
    assert file_kind(tmp_path / "a.png") == "npy float32"


def test_what_cannot_be_read_has_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "words.png").write_text("words")
    os.mkfifo(tmp_path / "pipe.png")  # would be waited for
    for name in ("cut.png", "words.png", "pipe.png", "absent.png"):
        assert file_kind(tmp_path / name) == "unreadable"
