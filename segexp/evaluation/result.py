"""What a trial is left with: plain numbers that fit into Optuna's storage and into JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from segexp.core.errors import NEWER, InputError
from segexp.evaluation.metrics import (
    COMMON,
    COMMON_ARGMAX,
    IN_MEAN,
    OWN,
    PREDICTED_ONLY,
    RULERS,
    flat_name,
)

VERSION = 4
"""Of stored results; those of version 1 say none. From 4 scores are by ruler and metric."""

RULES_OF_TODAY = 3
"""The version since when scores mean what they mean today. In the means of version 1 a class that
was predicted and never true counted as 0; it is left out when they are read. In version 2 the rule
`sum` pooled the classes that are void in the common space, and read probabilities from logits as
they were, without temperature, class weights and focal loss; these scores stay as they are."""

Table = Mapping[str, list[Any]]
"""Columns of a per-class table: class, iou, precision, recall, f1, pixels, images, predicted.

The last is not in those that were written before it was there."""


@dataclass(frozen=True)
class SplitScores:
    """Scores of one model over one split.

    Attributes:
        scores: Ruler -> metric -> value, as `segexp.evaluation.metrics.measure` returned it. A
            metric that a later segexp added is missing. What is in the mapping's own space is
            never compared between mappings.
        tables: The per-class tables of OWN and COMMON; a score without a denominator is None.
    """

    scores: Mapping[str, Mapping[str, float]]
    tables: Mapping[str, Table]

    def of(self, metric: str, ruler: str = OWN) -> float:
        """Return one score; NaN where it was not recorded."""
        return self.scores.get(ruler, {}).get(metric, math.nan)

    def numbers(self) -> dict[str, float]:
        """Return all of them, such as ``miou`` and ``miou_common``; see `flat_name`."""
        return {
            flat_name(name, ruler): value
            for ruler, named in self.scores.items()
            for name, value in named.items()
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
    version = content.get("version", 1)
    heldout = content.get("heldout")
    known = {
        **{f.name: content[f.name] for f in fields(TrialResult) if f.name in content},
        "val": _split(content["val"], version),
        "heldout": _split(heldout, version) if heldout else None,
    }
    return TrialResult(**known)


def is_scored_otherwise(content: Mapping[str, Any]) -> bool:
    """Whether a stored result was scored by other rules than those of today."""
    return bool(content.get("version", 1) < RULES_OF_TODAY)


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


def _split(content: Mapping[str, Any], version: int) -> SplitScores:
    if version >= 4:
        return SplitScores(content["scores"], content["tables"])
    tables = {OWN: content["table"], COMMON: content["table_common"]}
    scores: dict[str, dict[str, float]] = {
        COMMON_ARGMAX: {"miou": content["miou_common_argmax"]}  # no table has what it was before
    }
    for ruler, table in tables.items():
        own = _ious(table, is_true=True)
        scores[ruler] = {
            "miou": _mean(own) if version == 1 else content[flat_name("miou", ruler)],
            IN_MEAN: len(own) if version == 1 else content[flat_name(IN_MEAN, ruler)],
            PREDICTED_ONLY: len(_ious(table, is_true=False)),
        }
    scores[OWN]["pixel_accuracy"] = content["pixel_accuracy"]
    return SplitScores({ruler: scores[ruler] for ruler in RULERS}, tables)


def _ious(table: Table, *, is_true: bool) -> list[float]:
    """Return the IoUs of the classes that the truth has, or of those that are only predicted."""
    rows = zip(table["iou"], table["pixels"], strict=True)
    return [iou for iou, pixels in rows if iou is not None and (pixels > 0) == is_true]


def _mean(ious: list[float]) -> float:
    return sum(ious) / len(ious) if ious else math.nan


def none_if_nan(value: float) -> float | None:
    """JSON has no NaN; an undefined score is null there."""
    return None if math.isnan(value) else float(value)
