"""The kind of a file that cannot be read, from its first bytes, and what to do about it."""

AGAIN = "download or copy it again"

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "is a PNG"),
    (b"\xff\xd8\xff", "is a JPEG"),
    (b"\x93NUMPY", "is an npy file"),
    (b"GIF8", "is a GIF: convert it to PNG or JPEG"),
    (b"RIFF", "is a WebP, or a sound"),
    (b"BM", "is a BMP"),
    (b"II*\0", "is a TIFF"),
    (b"MM\0*", "is a TIFF"),
    (b"%PDF", "is a PDF"),
    (b"PK\x03\x04", "is a ZIP archive"),
    (b"\x1f\x8b", "is a gzip archive"),
)
_HEIC = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_PAGES = (b"<!doctype html", b"<html", b"<head")
_LINE_ENDS = (b"\x89PNG\n\x1a\n", b"\x89PNG\r\r\n\x1a\r\n")


def not_the_file(data: bytes) -> str | None:
    """Say what lies in a file's place: ``is a Git LFS pointer, ...``; None if nothing else does.

    Args:
        data: Its first bytes, a hundred or more where there are so many.
    """
    if not data:
        return f"is empty: {AGAIN}"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself: `git lfs pull` fetches it"
    if _opening(data).startswith(_PAGES):
        return "is an HTML page, which a failed download leaves: download it again"
    if data.startswith(_LINE_ENDS):
        return (
            "is a PNG that a conversion of line ends has broken: write `*.png binary` into "
            f".gitattributes, and {AGAIN}"
        )
    if data.startswith(b"\xef\xbf\xbd"):
        return f"was saved as text, which breaks it: {AGAIN}, in binary mode"
    return None


def beginning(data: bytes) -> str:
    """Describe a file that was expected to be of another kind: ``is a TIFF``, ``is empty: ...``.

    Args:
        data: Its first bytes, a hundred or more where there are so many.
    """
    if what := not_the_file(data):
        return what
    if data[4:8] == b"ftyp":
        what = "a HEIC" if data[8:12] in _HEIC else "an AVIF or a video"
        return f"is {what}: convert it to PNG or JPEG"
    if _opening(data).startswith((b"<?xml", b"<svg", b"<!doctype")):
        return "is XML, such as an SVG: save it as PNG"
    known = (what for magic, what in _KINDS if data.startswith(magic))
    return next(known, f"begins with the bytes {data[:8].hex(' ')}")


def _opening(data: bytes) -> bytes:
    """Return the beginning of a text without its byte order mark, in lower case."""
    return data[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
