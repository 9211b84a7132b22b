"""What a trial is left with: plain numbers that fit into Optuna's storage and into JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from segexp.core.errors import NEWER, InputError

VERSION = 3
"""Of stored results. Those of version 1 say no version; in their means a class that was predicted
and never true counted as 0, and is left out when they are read. Up to version 2 the rule `sum`
pooled the classes that are void in the common space, and read probabilities from logits as they
were, without temperature, class weights and focal loss; these scores stay as they are."""

Table = Mapping[str, list[Any]]
"""Columns of a per-class table: class, iou, precision, recall, f1, pixels, images, predicted.

The last is not in those that were written before it was there."""


@dataclass(frozen=True)
class SplitScores:
    """Scores of one model over one split.

    Attributes:
        miou: In the mapping's own space. Never compared between mappings.
        classes_in_mean: How many classes entered that mean: those that the truth has.
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

    @property
    def classes_predicted_only(self) -> int:
        """How many classes of the own space are predicted and never true: in no mean."""
        return len(_ious(self.table, is_true=False))

    @property
    def classes_predicted_only_common(self) -> int:
        """The same of the common space."""
        return len(_ious(self.table_common, is_true=False))

    def numbers(self) -> dict[str, float]:
        """Return the scores without the tables."""
        return {
            "miou": self.miou,
            "classes_in_mean": self.classes_in_mean,
            "classes_predicted_only": self.classes_predicted_only,
            "pixel_accuracy": self.pixel_accuracy,
            "miou_common": self.miou_common,
            "miou_common_argmax": self.miou_common_argmax,
            "classes_in_mean_common": self.classes_in_mean_common,
            "classes_predicted_only_common": self.classes_predicted_only_common,
        }


@dataclass(frozen=True)
class TrialResult:
    """The outcome of one trial.

    Attributes:
        value: The objective at the best epoch, as the study ranked it.
        best_epoch: That epoch, from 1.
        seconds: Wall time of the trial.
        val: Scores of the best epoch on the images that tuning sees.
        heldout: Scores on the images that tuning never sees; None when the trial was not the
            study's best when it ended, and not its baseline.
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
        return {"version": VERSION, **asdict(self)}


def result_from_dict(content: Mapping[str, Any]) -> TrialResult:
    """Read what `TrialResult.to_dict` wrote, in this or an older version.

    Fields that are not known are left out: a later segexp of the same version added them.

    Raises:
        InputError: When it is of a newer version.
    """
    refuse_newer(content)
    heldout, older = content.get("heldout"), content.get("version", 1) < 2
    known = {
        **_known(TrialResult, content),
        "val": _split(content["val"], older),
        "heldout": _split(heldout, older) if heldout else None,
    }
    return TrialResult(**known)


def is_older(content: Mapping[str, Any]) -> bool:
    """Whether a stored result is of an older version."""
    return bool(content.get("version", 1) < VERSION)


def refuse_newer(content: Mapping[str, Any]) -> None:
    """Refuse a stored result that this segexp would misread.

    Raises:
        InputError: When it is of a newer version.
    """
    version = content.get("version", 1)
    if version > VERSION:
        raise InputError(
            f"a trial's result is of version {version}, and this segexp reads up to {VERSION}: "
            f"{NEWER}"
        )


def _split(content: Mapping[str, Any], is_of_version_1: bool) -> SplitScores:
    known = _known(SplitScores, content)
    if is_of_version_1:
        own, common = (_ious(known[t], is_true=True) for t in ("table", "table_common"))
        # miou_common_argmax stays as it was: there is no table to take it from.
        known |= {
            "miou": _mean(own),
            "classes_in_mean": len(own),
            "miou_common": _mean(common),
            "classes_in_mean_common": len(common),
        }
    return SplitScores(**known)


def _known(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: content[f.name] for f in fields(kind) if f.name in content}


def _ious(table: Table, *, is_true: bool) -> list[float]:
    """Return the IoUs of the classes that the truth has, or of those that are only predicted."""
    rows = zip(table["iou"], table["pixels"], strict=True)
    return [iou for iou, pixels in rows if iou is not None and (pixels > 0) == is_true]


def _mean(ious: list[float]) -> float:
    return sum(ious) / len(ious) if ious else math.nan


def none_if_nan(value: float) -> float | None:
    """JSON has no NaN; an undefined score is null there."""
    return None if math.isnan(value) else float(value)
