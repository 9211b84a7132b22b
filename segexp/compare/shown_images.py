"""What an A/B study shows of its held-out images: the extremes on its page, and galleries."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from segexp.compare.statistics.arms import ArmRuns
from segexp.labels.mapping import Mapping
from segexp.report.gallery import GALLERY_FILE, Compared, Files, gallery_page
from segexp.report.gallery_pictures import Scene
from segexp.report.page import markup, paragraph

Masks = NDArray[np.uint8]

MOST_RUNS = 4
"""Galleries of an A/B study: each is a page of up to 2 MB."""


@dataclass(frozen=True)
class ShownImages:
    """The images of a comparison, and what one run of each arm predicts for them.

    Attributes:
        image_of: Takes an image's place; returns RGB (h, w, 3), or None without images.
        labels_of: Returns its label indices, (H, W).
        decided: Returns each arm's prediction in the common space, (H, W), where K is *none*.
    """

    ids: Sequence[str]
    image_of: Callable[[int], Masks | None]
    labels_of: Callable[[int], Masks]
    decided: Callable[[int], Sequence[Masks]]


def arms_galleries(
    name: str,
    arms: Sequence[ArmRuns],
    common: Mapping,
    runs: Dict[int, str],
    shown_of: Callable[[int], ShownImages],
) -> Files:
    """Draw a gallery of each of some runs of an A/B study, in the common space.

    Args:
        runs: The number of each, and what it is, for people; only the first `MOST_RUNS` are drawn.
        shown_of: Takes the number of a run; returns its images.

    Returns:
        The pages by their file's name, ``gallery.html`` first, each with the pictures beside it;
        each leads to the others.
    """
    files = {run: _file_of(place) for place, run in enumerate(runs) if place < MOST_RUNS}
    drawn: Files = {}
    for run, file in files.items():
        compared = _compared(arms, common, run, shown_of(run))
        title = f"A/B study {name}: gallery"
        drawn |= gallery_page(title, _opening(run, runs, files), compared, file)
    return drawn


def _file_of(place: int) -> str:
    return f"gallery-{place + 1}.html" if place else GALLERY_FILE


def _opening(run: int, runs: Dict[int, str], files: Dict[int, str]) -> list[Markup]:
    """Say which run a page shows, and where others are; nothing where there is one."""
    if len(runs) < 2:
        return []
    said = [paragraph(f"One of {len(runs)} runs of each arm: {runs[run]}.")]
    return said + [
        markup("link_in", "Another: ", file, runs[other])
        for other, file in files.items()
        if other != run
    ]


def _compared(arms: Sequence[ArmRuns], common: Mapping, run: int, shown: ShownImages) -> Compared:
    lookup = common.lookup()

    def scene(place: int) -> Scene:
        truth = lookup[shown.labels_of(place)]
        return Scene(shown.image_of(place), truth, shown.decided(place))

    return Compared(
        models=[arm.name for arm in arms],
        classes=common.names,
        colors=common.colors,
        image_ids=shown.ids,
        matrices=np.stack([arm.common[run] for arm in arms]),
        scene=scene,
    )
