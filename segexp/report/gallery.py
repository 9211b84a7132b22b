"""The gallery: the same images for every model, side by side, sorted, filtered and swiped.

One page for A/B studies, studies and `segexp compare`. Plain arrays, colours and names in; nothing
here knows a mapping or a model. ``templates/gallery.js`` sorts, filters, swipes and enlarges; the
pictures and their numbers are there without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from segexp.core.wording import percent
from segexp.labels.iou import Floats, ious
from segexp.report.differences import BOTH_WRONG, FIRST_RIGHT, LAST_RIGHT, on_grey, with_none
from segexp.report.drawing import in_script
from segexp.report.gallery_pictures import Pane, Scene, scene_panes
from segexp.report.page import Section, markup, note, paragraph, render_page, swatch
from segexp.report.pictures import Pixels

GALLERY_FILE = "gallery.html"

MOST = 60
"""Images on a page, however small they are."""

BUDGET = 1_700_000
"""Characters of pictures on a page, beyond which no image is added: it stays under 2 MB."""

FULL_SIZE_BUDGET = 24_000_000
"""Bytes of the pictures at full size beside a page, beyond which no image gets one."""

Files: TypeAlias = dict[str, str | bytes]
"""A gallery's page, and the pictures beside it that it leads to, by name."""

ORDERS = {
    "difference": "largest difference",
    "gain": "where B is better",
    "loss": "where A is better",
    "worst-a": "worst of A",
    "worst-b": "worst of B",
    "median": "nearest to the median difference",
}
"""By what the script sorts images: the name of each order, for people."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What a gallery compares, on N images in one label space of K classes.

    Attributes:
        models: The names of M models, two or more. Differences are to the first.
        classes: The names of the classes.
        colors: Of the classes, RGB, shape (K, 3).
        image_ids: The N images.
        matrices: Of each model and image, rows ground truth, the last column *none*: int64
            (M, N, K, K + 1).
        scene: Takes an image's place; returns its pictures.
    """

    models: Sequence[str]
    classes: Sequence[str]
    colors: Pixels
    image_ids: Sequence[str]
    matrices: NDArray[np.int64]
    scene: Callable[[int], Scene]


def gallery_page(
    title: str, opening: Sequence[Markup], compared: Compared, file: str = GALLERY_FILE
) -> Files:
    """Draw a gallery as a self-contained HTML page of less than 2 MB.

    It has the images that `choose_images` names first, as many as the page can hold. The page needs
    no other file. Where its pictures are smaller than they were, it leads to larger ones in a
    folder of its name, if they are there.

    Args:
        file: The page's name.

    Returns:
        The page and the larger pictures: ``gallery.html``, ``gallery/01-truth.webp``, ...
    """
    order = choose_images(compared.matrices)
    cards: dict[int, list[Pane]] = {}
    size, size_beside = 0, 0
    for place in order[:MOST]:
        panes = scene_panes(
            compared.scene(place),
            compared.models,
            compared.colors,
            full_size=size_beside < FULL_SIZE_BUDGET,
        )
        size += sum(len(pane.address) for pane in panes)
        if cards and size > BUDGET:
            break
        size_beside += sum(len(pane.full or b"") for pane in panes)
        cards[place] = panes
    shares, by_class = wrong_shares(compared.matrices), ious(compared.matrices)
    apart = np.abs(shares[0] - shares[1]).round(9)  # equal ones keep the order of the images
    shown = sorted(cards, key=lambda place: (-apart[place], place))
    beside = {
        (i, pane.kind, pane.model): (_name_of(file, number, pane), pane.full)
        for number, i in enumerate(shown, 1)
        for pane in cards[i]
        if pane.full is not None
    }
    scenes = []
    for i in shown:
        full = [beside.get((i, pane.kind, pane.model), ("",))[0] for pane in cards[i]]
        panes_and_files = list(zip(cards[i], full, strict=True))
        said = _said(compared.models, shares[:, i])
        scenes.append(markup("scene", compared.image_ids[i], said, panes_and_files))
    parts = [
        *_controls(compared),
        *scenes,
        markup("gallery_end", in_script(_numbers(compared, shown, shares, by_class))),
    ]
    page = render_page(
        title,
        [*opening, *_about(compared, len(shown), len(order))],
        [Section("Images", parts)],
        scripts=["enlarge.js", "gallery.js"],
        has_files=bool(beside),
    )
    return {file: page, **dict(beside.values())}


def _name_of(page: str, number: int, pane: Pane) -> str:
    of_model = f"-{pane.model}" if pane.model >= 0 else ""
    return f"{PurePosixPath(page).stem}/{number:02d}-{pane.kind}{of_model}.webp"


def choose_images(matrices: NDArray[np.int64]) -> list[int]:
    """Put images into the order in which a page takes them: extremes and the median, of each kind.

    In turns: where a model gains most on the first and where it loses most, by the share of pixels
    that is wrong; the image with the median difference; the worst of each model; and by class, the
    image whose IoU of it differs most.

    Args:
        matrices: See `Compared`.

    Returns:
        The places of all images that have a pixel to score, each once.
    """
    wrong, by_class = wrong_shares(matrices), ious(matrices)
    rankings: list[list[int]] = []
    for other in range(1, len(matrices)):
        difference = wrong[0] - wrong[other]
        rankings += [_from_largest(difference), _from_largest(-difference)]
        if np.isfinite(difference).any():
            rankings.append(_from_largest(-np.abs(difference - np.nanmedian(difference))))
    rankings += [_from_largest(of_model) for of_model in wrong]
    rankings += [
        _from_largest(np.abs(by_class[0, :, k] - by_class[other, :, k]))
        for k in range(matrices.shape[2])
        for other in range(1, len(matrices))
    ]
    turns = (
        rank[turn] for turn in range(matrices.shape[1]) for rank in rankings if turn < len(rank)
    )
    return list(dict.fromkeys(turns))


def wrong_shares(matrices: NDArray[np.int64]) -> Floats:
    """Return the share of pixels that is wrong, NaN where all are void; (..., K, K + 1) -> (...).

    Example:
        >>> wrong_shares(np.array([[[2, 1, 0], [3, 4, 0]], [[0, 0, 0], [0, 0, 0]]])).tolist()
        [0.4, nan]
    """
    pixels = matrices.sum(axis=(-2, -1))
    right = np.diagonal(matrices, axis1=-2, axis2=-1).sum(axis=-1)
    shares = np.full(pixels.shape, np.nan)
    np.divide(pixels - right, pixels, out=shares, where=pixels > 0)
    return shares


def _from_largest(values: Floats) -> list[int]:
    order = np.argsort(-values, kind="stable")
    return [int(i) for i in order if np.isfinite(values[i])]


def _about(compared: Compared, shown: int, scored: int) -> list[Markup]:
    first, others = compared.models[0], ", ".join(compared.models[1:])
    found = [
        paragraph(
            f"A is {first}, B is {others}. Each image, its truth and what each model predicts, in "
            "the common space; the numbers are shares of its pixels, or IoUs of a class, as they "
            "were scored."
        )
    ]
    if shown < scored:
        found.append(
            note(
                f"These {shown} of {scored:,} images are no sample: they are those that differ "
                "most, in all and by class, the worst of each model, and some near the median."
            )
        )
    return found


def _controls(compared: Compared) -> list[Markup]:
    """The legends, and what the script reads: which model is B, which class, which order."""
    colors, names = with_none(compared.colors, compared.classes)
    of_space = [swatch(color, name) for color, name in zip(colors, names, strict=True)]
    if not compared.matrices[..., -1].any():
        of_space.pop()
    marks = [
        swatch(on_grey(color), text)
        for color, text in (
            (FIRST_RIGHT, "only A is right"),
            (LAST_RIGHT, "only B is right"),
            (BOTH_WRONG, "both are wrong"),
        )
    ]
    hatched = markup("hatched", "void, not scored")
    return [
        markup("legend", "Classes", [*of_space, hatched]),
        markup("legend", "Differences", [*marks, markup("plain", "grey: both are right")]),
        markup("gallery_controls", compared.models, compared.classes, list(ORDERS.items())),
    ]


def _said(models: Sequence[str], wrong: Floats) -> str:
    each = (
        f"{name}: {percent(share, 1, digits=1)}" for name, share in zip(models, wrong, strict=True)
    )
    return f"wrong pixels of {'; '.join(each)}"


def _numbers(
    compared: Compared, shown: Sequence[int], wrong: Floats, by_class: Floats
) -> dict[str, object]:
    """Return what the script sorts and names by.

    Of each image the share that is wrong, and IoUs by class; of each colour its classes.
    """
    named: dict[str, str] = {}
    for color, name in zip(*with_none(compared.colors, compared.classes), strict=True):
        key = ",".join(map(str, color.tolist()))
        named[key] = f"{named[key]} or {name}" if key in named else name

    def plain(values: Floats) -> list[float | None]:
        return [round(float(v), 5) if np.isfinite(v) else None for v in values]

    return {
        "models": list(compared.models),
        "colors": named,
        "images": [
            {"wrong": plain(wrong[:, i]), "iou": [plain(of_model[i]) for of_model in by_class]}
            for i in shown
        ],
    }
