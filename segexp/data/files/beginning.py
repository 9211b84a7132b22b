"""The kind of a file that cannot be read, from its first bytes."""

_KINDS = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file itself: `git lfs pull` fetches it",
    ),
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
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<!doctype", b"<?xml")


def beginning(data: bytes) -> str:
    """Describe a file that was expected to be of another kind: ``is a TIFF``, ``is empty``.

    Args:
        data: Its first bytes, a hundred or more where there are so many.
    """
    text = data[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGES):
        return "is an HTML page, which a failed download leaves: download it again"
    if data[4:8] == b"ftyp":
        what = "a HEIC" if data[8:12] in _HEIC else "an AVIF or a video"
        return f"is {what}: convert it to PNG or JPEG"
    known = (what for magic, what in _KINDS if data.startswith(magic))
    unknown = f"begins with the bytes {data[:8].hex(' ')}" if data else "is empty"
    return next(known, unknown)
