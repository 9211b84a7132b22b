"""What a trial is left with: plain numbers that fit into Optuna's storage and into JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Table = Mapping[str, list[Any]]
"""Columns of a per-class table: class, iou, precision, recall, f1, pixels, images."""


@dataclass(frozen=True)
class SplitScores:
    """Scores of one model over one split.

    Attributes:
        miou: In the mapping's own space. Never compared between mappings.
        classes_in_mean: How many classes entered that mean.
        pixel_accuracy: In the mapping's own space.
        miou_common: In the study's common space, collapsed by ``sum``.
        miou_common_argmax: The same, collapsed by ``argmax``.
        classes_in_mean_common: How many classes entered the common mean.
        table: Per class, own space; a score without a denominator is None.
        table_common: Per class, common space.
    """

    miou: float
    classes_in_mean: int
    pixel_accuracy: float
    miou_common: float
    miou_common_argmax: float
    classes_in_mean_common: int
    table: Table
    table_common: Table

    def numbers(self) -> dict[str, float]:
        """Return the scores without the tables."""
        return {k: v for k, v in asdict(self).items() if not k.startswith("table")}


@dataclass(frozen=True)
class TrialResult:
    """The outcome of one trial.

    Attributes:
        value: The objective at the best epoch.
        best_epoch: That epoch, from 1.
        seconds: Wall time of the trial.
        val: Scores of the best epoch on the images that tuning sees.
        heldout: Scores on the images that tuning never sees; None when the trial was not the
            study's best when it ended.
        bundle: The directory of its saved model; in a study's storage it is relative to the
            project, which may be moved. None likewise.
    """

    value: float
    best_epoch: int
    seconds: float
    val: SplitScores
    heldout: SplitScores | None = None
    bundle: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def result_from_dict(content: Mapping[str, Any]) -> TrialResult:
    """Read what `TrialResult.to_dict` wrote."""
    heldout = content["heldout"]
    return TrialResult(
        **{
            **content,
            "val": SplitScores(**content["val"]),
            "heldout": SplitScores(**heldout) if heldout else None,
        }
    )


def none_if_nan(value: float) -> float | None:
    """JSON has no NaN; an undefined score is null there."""
    return None if math.isnan(value) else float(value)
