"""Pictures of masks: colours, an overlay with a legend, and the comparison that MLflow keeps.

Plain arrays, colours and names in; nothing here knows a mapping or a model.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segexp.labels.taxonomy import VOID, VOID_NAME, Color
from segexp.report.legend import (
    Entry,
    break_rows,
    draw_entry,
    entry_width,
    hatching,
    legend_box,
    line_height,
    load_font,
    shorten,
)

Pixels = NDArray[np.uint8]

MIN_PANE_WIDTH = 240
PANES_OF_COMPARISON = 4
RED = (226, 26, 28)
INK = (32, 32, 32)
LARGEST_WEBP = 16_383
"""The most pixels that a WebP file has on a side."""


def encode_png(pixels: Pixels) -> bytes:
    """Encode an 8-bit picture, (H, W, 3) RGB or (H, W) grey or class indices, as PNG."""
    # OpenCV's default is made for speed: a quarter of Pillow's time at about the same size.
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    return cv2.imencode(".png", stored)[1].tobytes()


def webp_of(png: bytes) -> bytes | None:
    """Return a picture as WebP, about a sixth of the bytes and near enough to look at.

    Returns:
        None if the PNG cannot be read, or is too large for WebP.
    """
    stored = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    if stored is None or max(stored.shape) > LARGEST_WEBP:
        return None
    return cv2.imencode(".webp", stored, [cv2.IMWRITE_WEBP_QUALITY, 90])[1].tobytes()


def is_webp(picture: bytes) -> bool:
    """Whether an encoded picture is a WebP file, by its first bytes."""
    return picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"


def at_most_wide(pixels: Pixels, width: int) -> Pixels:
    """Return an RGB picture shrunk to ``width`` pixels if it is wider, else as it is."""
    height, own = pixels.shape[:2]
    if own <= width:
        return pixels
    size = (width, max(1, round(height * width / own)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def colorize(mask: Pixels, colors: Pixels, void_color: Color) -> Pixels:
    """Paint a mask in the colours of its classes.

    Args:
        mask: Class indices or VOID, shape (H, W).
        colors: Shape (C, 3).

    Returns:
        RGB, shape (H, W, 3).

    Raises:
        ValueError: When the mask holds an index that is neither a class nor VOID.
    """
    class_areas(mask, len(colors))
    return _painted(mask, colors, void_color)


def overlay(
    image: Pixels,
    mask: Pixels,
    colors: Pixels,
    names: Sequence[str],
    legend: Sequence[int] | None = None,
) -> Pixels:
    """Blend a mask half and half over its image, with class borders and a legend in the corner.

    The legend names the classes that occur, largest area first, as many as fit within a third
    of the picture; a picture too small for one entry has no legend.

    Args:
        image: RGB, shape (H, W, 3).
        mask: Class indices or VOID, shape (H, W); void pixels show the bare image.
        colors: Shape (C, 3).
        legend: The classes that the legend names, by index; None for those that occur.

    Returns:
        RGB of the image's own size.

    Raises:
        ValueError: When the mask holds an index that is neither a class nor VOID.
    """
    areas = class_areas(mask, len(colors))
    half = np.uint8(1)
    blended = (image >> half) + _painted(mask, colors >> half, (0, 0, 0))
    if areas.sum() < mask.size:
        np.copyto(blended, image, where=(mask == VOID)[..., None])
    border = _borders(mask)
    blended[border] = blended[border] // 4 + 191  # three quarters white: visible on light and dark
    picture = Image.fromarray(blended)
    if legend is None:
        legend = [int(i) for i in np.argsort(-areas, kind="stable") if areas[i]]
    box = legend_box([(names[i], _color(colors[i])) for i in legend], *picture.size)
    if box:
        margin = max(2, min(picture.size) // 60)
        picture.paste(box, (margin, margin), box)
    return np.array(picture)


def comparison(
    image: Pixels,
    truth: Pixels,
    prediction: Pixels,
    colors: Pixels,
    names: Sequence[str],
    title: str,
) -> Pixels:
    """Lay out image | ground truth | prediction | where wrong, with a legend strip below.

    Small pictures are enlarged by a whole factor. Void is hatched; wrong pixels are red on the
    grey image.

    Args:
        image: RGB, shape (H, W, 3).
        truth: Class indices or VOID, shape (H, W).
        prediction: Class indices, shape (H, W).
        colors: Shape (C, 3).
        title: One line above the panes, such as the image id and its mIoU.

    Returns:
        RGB, larger than the panes by the captions, the title and the legend.

    Raises:
        ValueError: When a mask holds an index that is neither a class nor VOID.
    """
    areas = class_areas(truth, len(colors)) + class_areas(prediction, len(colors))
    factor = enlarged_by(truth.shape[1])
    truth_large = enlarge(truth, factor)
    prediction_large = enlarge(prediction, factor)
    image_large = enlarge(image, factor)
    scored = int((truth != VOID).sum())
    wrong = int(((truth != prediction) & (truth != VOID)).sum())
    share = f"{100 * wrong / scored:.1f}% of pixels" if scored else "all void"
    panes = [
        ("image", image_large),
        ("ground truth", paint_hatched(truth_large, colors)),
        ("prediction", paint_hatched(prediction_large, colors)),
        (
            f"where wrong: {share}",
            mark_pixels(image_large, truth_large, [(truth_large != prediction_large, RED)]),
        ),
    ]
    return compose(panes, [class_entries(areas, colors, names, scored < truth.size)], title)


def compose(
    panes: Sequence[tuple[str, Pixels]],
    legends: Sequence[Sequence[Entry]],
    title: str,
    columns: int | None = None,
) -> Pixels:
    """Lay out panes below a title and above a strip of legends.

    Args:
        panes: Caption and RGB of each, all of one size.
        legends: Groups of entries; each begins a row of its own.
        title: One line above the panes, or empty.
        columns: The panes in a row; None for all.

    Returns:
        RGB, shape (H, W, 3).
    """
    columns = columns or len(panes)
    pane_height, pane_width = panes[0][1].shape[:2]
    size, gap = _font_size(pane_width), gap_beside(pane_width)
    font, title_font = load_font(size), load_font(size + 3)
    line = line_height(font) + gap // 2
    width = gap + columns * (pane_width + gap)
    rows = [
        row for entries in legends for row in break_rows(entries, font, width - 2 * gap, gap * 2)
    ]
    top = gap + (line_height(title_font) + gap if title else 0)
    step = line + pane_height + gap
    legend_top = top + -(-len(panes) // columns) * step
    height = legend_top + len(rows) * line + gap // 2
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((gap, gap), shorten(title, title_font, width - 2 * gap), INK, title_font)
    for place, (caption, pixels) in enumerate(panes):
        left = gap + place % columns * (pane_width + gap)
        above = top + place // columns * step
        draw.text((left, above), shorten(caption, font, pane_width), INK, font)
        picture.paste(Image.fromarray(pixels), (left, above + line))
    for number, row in enumerate(rows):
        left = gap
        for entry in row:
            draw_entry(picture, entry, (left, legend_top + number * line), font, INK)
            left += entry_width(entry, font) + gap * 2
    return np.array(picture)


def enlarged_by(width: int) -> int:
    """Return by which factor a comparison enlarges pictures of a width."""
    return max(1, -(-MIN_PANE_WIDTH // width))


def gap_beside(pane_width: int) -> int:
    """Return how far the panes of `compose` are apart, and from the sides of the picture.

    `segexp.report.panes` finds them again by it.
    """
    return _font_size(pane_width) * 2 // 3


def _font_size(pane_width: int) -> int:
    return max(12, min(28, pane_width // 22))


def class_entries(
    areas: NDArray[np.int64], colors: Pixels, names: Sequence[str], has_void: bool
) -> list[Entry]:
    """Return the legend of the classes that occur, largest area first, and of void."""
    order = [int(i) for i in np.argsort(-areas, kind="stable") if areas[i]]
    entries: list[Entry] = [(names[i], _color(colors[i])) for i in order]
    return [*entries, (VOID_NAME, "hatched")] if has_void else entries


def paint_hatched(mask: Pixels, colors: Pixels) -> Pixels:
    """Paint a mask in the colours of its classes with void hatched; RGB, shape (H, W, 3)."""
    painted = colorize(mask, colors, (0, 0, 0))
    void = mask == VOID
    painted[void] = hatching(*mask.shape)[void]
    return painted


def mark_pixels(
    image: Pixels, truth: Pixels, marks: Sequence[tuple[NDArray[np.bool_], Color]]
) -> Pixels:
    """Colour pixels of the grey image; void is hatched, also where it is marked.

    Args:
        image: RGB, shape (H, W, 3).
        truth: Class indices or VOID, shape (H, W).
        marks: Which pixels, shape (H, W), and their colour.

    Returns:
        RGB, shape (H, W, 3).
    """
    # Half the contrast, lighter: colours stand out, and the scene can still be recognised.
    grey = np.array(Image.fromarray(image).convert("L")) // 2 + 96
    pixels = np.repeat(grey[..., None], 3, axis=2)
    for where, color in marks:
        pixels[where] = pixels[where] // 4 + np.array(color, np.uint8) // 4 * 3
    void = truth == VOID
    pixels[void] = hatching(*truth.shape)[void]
    return pixels


def _painted(mask: Pixels, colors: Pixels, void_color: Color) -> Pixels:
    table = np.full((256, 3), void_color, np.uint8)
    table[: len(colors)] = colors
    return table.take(mask, axis=0)  # several times as fast as table[mask]


def _borders(mask: Pixels) -> NDArray[np.bool_]:
    """Mark the pixels whose right or lower neighbour is of another class."""
    border = np.zeros(mask.shape, bool)
    border[:, :-1] = mask[:, :-1] != mask[:, 1:]
    border[:-1] |= mask[:-1] != mask[1:]
    return border


def class_areas(mask: Pixels, num_classes: int) -> NDArray[np.int64]:
    """Count the pixels of each class, refusing an index that is neither a class nor VOID."""
    counts = np.bincount(mask.ravel(), minlength=256)
    strange = [int(i) for i in np.flatnonzero(counts[num_classes:VOID]) + num_classes]
    if strange:
        raise ValueError(f"mask holds {strange}; classes are 0..{num_classes - 1}, void is {VOID}")
    return counts[:num_classes]


def enlarge(pixels: Pixels, factor: int) -> Pixels:
    """Repeat every pixel, factor x factor."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _color(row: Pixels) -> Color:
    return (int(row[0]), int(row[1]), int(row[2]))
