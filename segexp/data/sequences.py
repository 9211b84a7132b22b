"""The video sequence and the city of a picture, read from its image id."""

import re
from collections.abc import Sequence

from segexp.data.layout import VIDEO, Places, layout_of
from segexp.data.layouts import layout_names

_YEAR = re.compile(r"(19|20)\d\d")


def places_of(kind: str, image_ids: Sequence[str], data_format: str) -> list[str] | None:
    """Name the sequence or the city of each image, or return None where the ids do not.

    The layout says how its ids name them. Where it guesses, as `folder` does from ``<sequence>_
    <frame number>``, every id must match, and there must be fewer sequences than images.

    Args:
        kind: ``sequence`` or ``city``.
        image_ids: The ids, each once.
        data_format: The name of the layout.
    """
    told = _told_by(data_format)
    if told is None or kind not in told.kinds:
        return None
    matches = [told.pattern.fullmatch(image_id) for image_id in image_ids]
    if not all(matches):
        return None
    names = ["_".join(match[part] for part in told.kinds[kind]) for match in matches if match]
    alone = told.guessed and len(set(names)) == len(names)
    return None if alone else names


def certain_places(kind: str, image_ids: Sequence[str], data_format: str) -> list[str] | None:
    """Do as `places_of` does, but do not guess.

    Where the layout guesses, every sequence must have a digit and must not be a year:
    0016E5_07959 is a frame of a video, img_0001 is not a frame of a video called "img", and Pascal
    VOC's 2007_000027 is an image of the year 2007.
    """
    places, told = places_of(kind, image_ids, data_format), _told_by(data_format)
    if places is None or (told and told.guessed and not all(map(_is_sequence, places))):
        return None
    return places


def _told_by(data_format: str) -> Places | None:
    # Of a tree that a person describes, nothing is known.
    return layout_of(data_format).places if data_format in layout_names() else VIDEO


def _is_sequence(name: str) -> bool:
    return any(map(str.isdigit, name)) and not _YEAR.fullmatch(name)
