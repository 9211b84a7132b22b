"""What an A/B study shows of its held-out images: the extremes on its page, and a gallery."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.compare.statistics.arms import ArmRuns
from segexp.labels.mapping import Mapping
from segexp.report.gallery import Compared, gallery_page
from segexp.report.gallery_pictures import Scene
from segexp.report.page import paragraph

Masks = NDArray[np.uint8]


@dataclass(frozen=True)
class ShownImages:
    """The images of a comparison, and what the first run of each arm predicts for them.

    Attributes:
        image_of: Takes an image's place; returns RGB (h, w, 3), or None without images.
        labels_of: Returns its label indices, (H, W).
        decided: Returns each arm's prediction in the common space, (H, W), where K is *none*.
    """

    ids: Sequence[str]
    image_of: Callable[[int], Masks | None]
    labels_of: Callable[[int], Masks]
    decided: Callable[[int], Sequence[Masks]]


def arms_gallery(
    name: str, arms: Sequence[ArmRuns], common: Mapping, shown: ShownImages, runs_text: str = ""
) -> str:
    """Draw the gallery of an A/B study: the first run of each arm, in the common space.

    Args:
        runs_text: Which run that is, for people; empty where each arm has one.
    """
    lookup = common.lookup()

    def scene(place: int) -> Scene:
        truth = lookup[shown.labels_of(place)]
        return Scene(shown.image_of(place), truth, shown.decided(place))

    compared = Compared(
        models=[arm.name for arm in arms],
        classes=common.names,
        colors=common.colors,
        image_ids=shown.ids,
        matrices=np.stack([arm.common[0] for arm in arms]),
        scene=scene,
    )
    opening = [paragraph(f"The first of several runs: {runs_text}.")] if runs_text else []
    return gallery_page(f"A/B study {name}: gallery", opening, compared)
