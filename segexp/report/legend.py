"""The legend of a picture: swatches and class names, in a box inside it or in a strip below."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segexp.labels.taxonomy import Color

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Entry = tuple[str, Color | Literal["hatched"] | None]
"""A line of a legend: its text, and its swatch if any."""

MAX_SHARE = 1 / 3
"""The largest part of a picture that a legend box may cover."""

_BOX = (16, 16, 16, 184)


def legend_box(entries: Sequence[Entry], width: int, height: int) -> Image.Image | None:
    """Draw a translucent legend for a picture of width x height.

    Args:
        entries: The most important first; those that do not fit are counted, such as ``+3``.
        width: Of the picture, in pixels.
        height: Likewise.

    Returns:
        RGBA, at most MAX_SHARE of the picture; None if no entry fits.
    """
    font = load_font(max(9, min(36, round(6 + (width * height) ** 0.5 / 60))))
    line, gap = line_height(font), max(3, line_height(font) // 3)
    shown: list[Entry] = [(shorten(name, font, width // 2), color) for name, color in entries]
    for count in range(len(shown), 0, -1):
        left_out = len(shown) - count
        rows = shown[:count] + ([(f"+{left_out}", None)] if left_out else [])
        columns = _columns(rows, font, line, gap, (width, height))
        if columns:
            break
    else:
        return None
    widths = [max(entry_width(entry, font) for entry in column) for column in columns]
    size = (sum(widths) + 2 * gap * len(columns), len(columns[0]) * line + gap)
    box = Image.new("RGBA", size, _BOX)
    left = gap
    for column, column_width in zip(columns, widths, strict=True):
        for row, entry in enumerate(column):
            box.paste(_boxed_entry(entry, font), (left, gap // 2 + row * line))
        left += column_width + 2 * gap
    return box


@lru_cache(maxsize=1024)
def _boxed_entry(entry: Entry, font: Font) -> Image.Image:
    """Draw an entry of a box; cached, since most pictures show the same classes."""
    drawn = Image.new("RGBA", (entry_width(entry, font), line_height(font)), _BOX)
    draw_entry(drawn, entry, (0, 0), font, (255, 255, 255))
    return drawn


def _columns(
    entries: Sequence[Entry], font: Font, line: int, gap: int, within: tuple[int, int]
) -> list[Sequence[Entry]]:
    """Break entries into the columns of the flattest box that is allowed, if any is.

    Flat, since the top of a street scene is sky and roofs: a tall box hides people and cars.
    """
    width, height = within
    widths = [entry_width(entry, font) for entry in entries]
    for length in range(1, len(entries) + 1):
        starts = range(0, len(entries), length)
        box_width = sum(max(widths[s : s + length]) + 2 * gap for s in starts)
        box_height = length * line + gap
        fits = box_width + 2 * gap <= width and box_height + 2 * gap <= height
        if fits and box_width * box_height <= MAX_SHARE * width * height:
            return [entries[s : s + length] for s in starts]
    return []


def break_rows(entries: Sequence[Entry], font: Font, width: int, gap: int) -> list[list[Entry]]:
    """Break entries into the rows of a strip of a width in pixels, ``gap`` apart."""
    rows: list[list[Entry]] = []
    used = width
    for name, color in entries:
        entry: Entry = (shorten(name, font, width // 2), color)
        needed = gap + entry_width(entry, font)
        if used + needed > width:
            rows.append([])
            used = -gap
        rows[-1].append(entry)
        used += needed
    return rows


def draw_entry(
    picture: Image.Image, entry: Entry, place: tuple[int, int], font: Font, ink: Color
) -> None:
    """Draw swatch and text with the entry's top left corner at ``place``."""
    draw = ImageDraw.Draw(picture)
    (left, top), (name, color) = place, entry
    side = _swatch_side(font)
    if color is not None:
        corner = (left, top + (line_height(font) - side) // 2 + 1)
        swatch = (
            Image.fromarray(hatching(side, side))
            if color == "hatched"
            else Image.new("RGB", (side, side), color)
        )
        picture.paste(swatch, corner)
        edge = (corner[0], corner[1], corner[0] + side - 1, corner[1] + side - 1)
        draw.rectangle(edge, outline=ink)
        left += side + side // 2
    draw.text((left, top), name, ink, font)


@lru_cache(maxsize=1024)
def entry_width(entry: Entry, font: Font) -> int:
    """Return the width of a drawn entry in pixels."""
    side = _swatch_side(font) if entry[1] is not None else 0
    return side + side // 2 + int(font.getlength(entry[0])) + 1


def _swatch_side(font: Font) -> int:
    return line_height(font) * 3 // 4


@lru_cache(maxsize=1024)
def shorten(text: str, font: Font, width: int) -> str:
    """Cut one line of text to a width in pixels."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


@lru_cache(maxsize=32)
def line_height(font: Font) -> int:
    """Return the height in pixels that holds every letter."""
    return int(font.getbbox("Ag|")[3]) + 1


@lru_cache(maxsize=32)
def load_font(size: int) -> Font:
    """Load Pillow's own font; ``size`` in pixels."""
    return ImageFont.load_default(size=size)


def hatching(height: int, width: int) -> NDArray[np.uint8]:
    """Return grey diagonal stripes, how void is drawn; RGB, shape (height, width, 3)."""
    diagonal = (np.arange(height)[:, None] + np.arange(width)) // 3 % 2
    grey = np.where(diagonal == 0, 160, 205).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
