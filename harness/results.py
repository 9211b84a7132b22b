"""Scores of trials that a test makes up."""

from collections.abc import Mapping
from typing import Any

from segexp.evaluation.result import SplitScores


def made_scores(
    own: float,
    common: float,
    table: Mapping[str, list[Any]],
    *,
    by_argmax: float | None = None,
    accuracy: float = 0.5,
    in_mean: tuple[int, int] = (1, 1),
    predicted_only: int = 0,
) -> SplitScores:
    """Return scores with these mIoUs, the same table for both spaces.

    Args:
        own: In the mapping's own space.
        common: In the common space by ``sum``.
        table: Of both spaces.
        by_argmax: In the common space by ``argmax``; None for the same as ``common``.
        accuracy: Pixel accuracy in the own space.
        in_mean: How many classes the means of the own and of the common space are over.
        predicted_only: How many classes of either are predicted and never true.
    """
    counts = [{"classes_in_mean": n, "classes_predicted_only": predicted_only} for n in in_mean]
    return SplitScores(
        {
            "own": {"miou": own, "pixel_accuracy": accuracy, **counts[0]},
            "common": {"miou": common, **counts[1]},
            "common_argmax": {"miou": common if by_argmax is None else by_argmax},
        },
        {"own": table, "common": table},
    )
