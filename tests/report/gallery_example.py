"""A gallery of four images in three classes, small enough to be worked by hand."""

import numpy as np

from segexp.evaluation.counting import confusion_matrices
from segexp.labels.taxonomy import VOID
from segexp.report.gallery import Compared
from segexp.report.gallery_pictures import Scene

NAMES = ("road", "car", "sky & clouds")
COLORS = np.array([[128, 64, 128], [0, 0, 142], [70, 130, 180]], np.uint8)
IDS = ("one", "two <b>", "three", "void")
TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [255, 255, 0, 0]], np.uint8)


def changed(**places: int) -> np.ndarray:
    """Return the truth's classes with some pixels changed: ``r0c2=1``; void is predicted as 0."""
    mask = np.where(TRUTH == VOID, 0, TRUTH)
    for place, value in places.items():
        mask[int(place[1]), int(place[3])] = value
    return mask.astype(np.uint8)


RIGHT = changed()
A = (changed(r0c2=0, r0c3=0), changed(r0c0=2), changed(r1c0=1, r1c1=1, r2c0=1), RIGHT)
B = (changed(r0c3=2), changed(r0c0=2, r0c1=2), changed(r1c0=1), RIGHT)
TRUTHS = (TRUTH, TRUTH, TRUTH, np.full_like(TRUTH, VOID))


def compared(models=("first", "second"), predictions=(A, B), enlarged: int = 1) -> Compared:
    """Compare models on the four images: of 14 scored pixels, A and B lose 2 1, 1 2, 3 1, none."""
    truth = np.stack(TRUTHS)
    matrices = np.stack([confusion_matrices(truth, np.stack(p), 3, 4) for p in predictions])

    def large(mask: np.ndarray) -> np.ndarray:
        return mask.repeat(enlarged, axis=0).repeat(enlarged, axis=1)

    def scene(i: int) -> Scene:
        image = np.full((4 * enlarged, 4 * enlarged, 3), 60 * i, np.uint8)
        return Scene(image, large(TRUTHS[i]), [large(each[i]) for each in predictions])

    return Compared(models, NAMES, COLORS, IDS, matrices, scene)
