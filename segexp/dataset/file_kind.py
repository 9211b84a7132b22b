"""What a file is, from its header alone, for the report of `segexp data check`."""

from pathlib import Path

from numpy.lib import format as npy_format
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from segexp.dataset.image_file import JPEG_MAGIC
from segexp.dataset.png_file import PNG_MAGIC


def file_kind(path: Path) -> str:
    """Return ``PNG RGB``, ``JPEG L``, ``npy float32`` or the like; ``unreadable`` for the rest."""
    try:
        with path.open("rb") as file:
            magic = file.read(8)
            file.seek(0)
            if magic.startswith(npy_format.MAGIC_PREFIX):
                version = npy_format.read_magic(file)
                read = (
                    npy_format.read_array_header_1_0
                    if version == (1, 0)
                    else npy_format.read_array_header_2_0
                )
                return f"npy {read(file)[2]}"
            if magic.startswith(PNG_MAGIC):
                return f"PNG {PngImageFile(file).mode}"
            if magic.startswith(JPEG_MAGIC):
                return f"JPEG {JpegImageFile(file).mode}"
    except Exception:  # the inspection that asks lists the fault itself; this is a name only
        return "unreadable"
    return "unreadable"
