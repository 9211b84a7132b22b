"""The same images in every trial: what each predicted beside the truth, sorted by score.

One page of a study, or of all parts of one. Pictures as they are kept, names and numbers in;
``templates/trials.js`` sorts and filters, and without it everything is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from markupsafe import Markup

from segexp.labels.taxonomy import Color
from segexp.report.gallery_pictures import LOSSLESS, PHOTO_QUALITY, webp_address
from segexp.report.page import Section, markup, note, paragraph, render_page, swatch
from segexp.report.panes import Panes
from segexp.report.pictures import Pixels
from segexp.report.trials import score_text

TRIALS_FILE = "trials.html"

MOST = 60
"""Trials on a page, however small their pictures are."""

BUDGET = 1_700_000
"""Characters of pictures on a page, beyond which no trial is added: it stays under 2 MB."""

MAX_WIDTH = 320
"""Of a picture, in pixels: wider ones are subsampled by a whole factor."""


@dataclass(frozen=True)
class ShownImage:
    """An image, its truth and a prediction, as ``data:`` URLs."""

    image: str
    truth: str
    prediction: str


@dataclass(frozen=True)
class ShownTrial:
    """What a complete trial predicted on some images.

    Attributes:
        name: Such as ``trial 7``.
        part: The part of the study that it belongs to, or empty.
        classes: The classes of its mapping, with their colours.
        link: What its name leads to, or empty.
        images: By image id.
    """

    name: str
    number: int
    part: str
    mapping: str
    classes: Sequence[tuple[str, Color]]
    score: float
    link: str
    images: Mapping[str, ShownImage]


@dataclass(frozen=True)
class TrialsFound:
    """The trials of a study whose pictures are at hand.

    Attributes:
        trials: In the order in which a page takes them.
        complete: How many trials are complete.
        left_out: How many of those were not asked for, as a page cannot hold them.
        missing: Which of the others have no pictures and why, a line each.
    """

    trials: Sequence[ShownTrial]
    complete: int
    left_out: int = 0
    missing: Sequence[str] = ()


def shown_image(panes: Panes) -> ShownImage:
    """Encode the panes of a comparison for a page: masks exactly, the image with losses."""
    return ShownImage(
        webp_address(_small(panes.image), PHOTO_QUALITY),
        webp_address(_small(panes.truth), LOSSLESS),
        webp_address(_small(panes.prediction), LOSSLESS),
    )


def _small(pixels: Pixels) -> Pixels:
    step = -(-pixels.shape[1] // MAX_WIDTH)
    return pixels[step // 2 :: step, step // 2 :: step]


def spread(count: int) -> list[int]:
    """Order places 0..count-1 so that any first few of them are spread: the ends, then between.

    Example:
        >>> spread(6)
        [0, 5, 2, 1, 3, 4]
    """
    order, between = [0, count - 1][:count], [(0, count - 1)]
    while between:
        low, high = between.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            between += [(low, middle), (middle, high)]
    return order


def in_turns(groups: Sequence[Sequence[int]]) -> list[int]:
    """Take one of each group in turns, the best and the worst of each before any other.

    Args:
        groups: The members of each, the best first.
    """
    spread_out = [[group[place] for place in spread(len(group))] for group in groups]
    return [each for turn in zip_longest(*spread_out) for each in turn if each is not None]


def trial_gallery(
    title: str, score_name: str, found: TrialsFound, *, part_is: str = "", more: str = ""
) -> str:
    """Draw what trials predicted as a self-contained HTML page of less than 2 MB.

    Args:
        score_name: What the trials' scores are, in words.
        part_is: What the parts of the study are called, if it has some.
        more: What else is to be said above the images.
    """
    chosen = _that_fit(found.trials)
    shown = sorted(chosen, key=lambda trial: -trial.score)
    names = list(dict.fromkeys(name for trial in shown for name in trial.images))
    mappings = list(dict.fromkeys(trial.mapping for trial in shown))
    parts = list(dict.fromkeys(trial.part for trial in sorted(shown, key=lambda t: t.part)))
    # Where each part has a mapping of its own, to choose one is to choose the other.
    pairs = {(trial.mapping, trial.part) for trial in shown}
    by_mapping = [] if len(mappings) == len(parts) == len(pairs) > 1 else mappings
    controls = [markup("trial_controls", by_mapping, parts if part_is else [], part_is)]
    body = [
        *(_legend(mapping, shown) for mapping in mappings),
        *(controls if shown else []),
        *(_scene(name, [trial for trial in shown if name in trial.images]) for name in names),
        *([markup("enlarged")] if shown else []),
    ]
    return render_page(
        title,
        _opening(score_name, found, len(shown), more),
        [Section("Images", body)] if shown else [],
        scripts=["enlarge.js", "trials.js"] if shown else [],
    )


def _that_fit(trials: Sequence[ShownTrial]) -> list[ShownTrial]:
    chosen: list[ShownTrial] = []
    size = 0
    for trial in trials[:MOST]:
        # Image and truth are shown once; to count them for each mapping is on the safe side.
        is_new = trial.mapping not in {other.mapping for other in chosen}
        for each in trial.images.values():
            size += len(each.prediction) + is_new * (len(each.image) + len(each.truth))
        if chosen and size > BUDGET:
            break
        chosen.append(trial)
    return chosen


def _opening(score_name: str, found: TrialsFound, shown: int, more: str) -> list[Markup]:
    if not found.complete:
        return [paragraph("No trial has completed yet.")]
    said = [
        paragraph(
            "What each complete trial predicts on the same tuning images, beside image and truth, "
            f"the best first; the numbers are its {score_name}, over all tuning images. Each mask "
            f"has the classes of its trial's own mapping; void is hatched.{f' {more}' * bool(more)}"
        )
    ]
    if found.left_out or shown < len(found.trials):
        said.append(
            note(
                f"{shown} of {found.complete:,} complete trials are shown: of each mapping the "
                "best, the worst, and others spread evenly between them."
            )
        )
    return said + [note(line) for line in found.missing]


def _legend(mapping: str, shown: Sequence[ShownTrial]) -> Markup:
    classes = next(trial.classes for trial in shown if trial.mapping == mapping)
    entries = [swatch(color, name) for name, color in classes]
    return markup("legend_of", mapping, [*entries, markup("hatched", "void")])


def _scene(name: str, trials: Sequence[ShownTrial]) -> Markup:
    """Draw one image of all trials that have it, with a truth for each mapping."""
    truths = {trial.mapping: trial.images[name].truth for trial in reversed(trials)}
    panes = [(trial, trial.images[name].prediction, score_text(trial.score)) for trial in trials]
    return markup("trial_scene", name, trials[0].images[name].image, truths, panes)
