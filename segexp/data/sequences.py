"""What image ids say of where a picture comes from: its video sequence, its city."""

import re
from collections.abc import Sequence

_CITYSCAPES = re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d+)_(?P<frame>\d+)")
# 0016E5_07959, Seq05VD_f00030, video000_frame012, patient000-012
_VIDEO = re.compile(r"(?P<sequence>.+)[_-](?:f|frame_?)?(?P<frame>\d+)")
_YEAR = re.compile(r"(19|20)\d\d")


def places_of(kind: str, image_ids: Sequence[str], data_format: str) -> list[str] | None:
    """Name the sequence or the city of each image, or return None where the ids do not.

    Ids have both in the format ``cityscapes`` (``<city>_<sequence>_<frame>``), and sequences in the
    format ``folder`` if every id is ``<sequence>_<frame number>`` with fewer sequences than images.

    Args:
        kind: ``sequence`` or ``city``.
        image_ids: The ids, each once.
        data_format: Of `segexp.data.source.FORMATS`.
    """
    if data_format == "cityscapes":
        pattern, parts = _CITYSCAPES, {"city": ("city",), "sequence": ("city", "sequence")}
    elif data_format == "folder":
        pattern, parts = _VIDEO, {"sequence": ("sequence",)}
    else:
        return None
    matches = [pattern.fullmatch(image_id) for image_id in image_ids]
    if kind not in parts or not all(matches):
        return None
    labels = ["_".join(match[part] for part in parts[kind]) for match in matches if match]
    alone = data_format == "folder" and len(set(labels)) == len(labels)
    return None if alone else labels


def certain_places(kind: str, image_ids: Sequence[str], data_format: str) -> list[str] | None:
    """Do as `places_of` does, where that is no guess.

    In a folder the pattern is one, and every sequence must have a digit and be no year alone:
    0016E5_07959 is a frame of a video, img_0001 is none of a video called "img", and Pascal VOC's
    2007_000027 is an image of the year 2007.
    """
    places = places_of(kind, image_ids, data_format)
    if places is None or (data_format == "folder" and not all(map(_is_sequence, places))):
        return None
    return places


def _is_sequence(name: str) -> bool:
    return any(map(str.isdigit, name)) and not _YEAR.fullmatch(name)
