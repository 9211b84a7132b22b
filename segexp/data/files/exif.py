"""The one thing in EXIF that changes what a picture shows: which way up it is.

Pillow reads it too, but not where the count of the tag is damaged: the picture would then lie
beside its mask.
"""

import struct

UPRIGHT = 1

_ORIENTATION = 0x0112
_SHORT = 3


def orientation_of(exif: bytes | None) -> int:
    """Return the orientation, 1 to 8, that EXIF states; 1 for none, also where it is damaged.

    Args:
        exif: A TIFF structure (TIFF 6.0, section 2), with or without ``Exif`` before it.
    """
    tiff = (exif or b"").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, place)
        for entry in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION and kind == _SHORT:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT
