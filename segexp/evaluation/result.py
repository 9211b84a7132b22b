"""The result of a trial: plain numbers for Optuna's storage and for JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
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
"""The version of stored results; version 1 did not record it. Since 4, scores are by ruler and
metric."""

CURRENT_RULES = 3
"""The first version whose scores mean what current scores mean. In the means of version 1 a class
that was predicted but never true counted as 0; on reading it is left out. In version 2 the rule
`sum` pooled the classes that are void in the common space, and read probabilities from the raw
logits, without temperature, class weights and focal loss; these scores are not changed."""

Table = Mapping[str, list[Any]]
"""Columns of a per-class table: class, iou, precision, recall, f1, pixels, images, predicted.

Older tables lack the last."""


@dataclass(frozen=True)
class SplitScores:
    """Scores of one model over one split.

    Attributes:
        scores: Ruler -> metric -> value, as `segexp.evaluation.metrics.measure` returned it. Old
            results lack newer metrics. Scores in the mapping's own space are never compared
            between mappings.
        tables: The per-class tables of OWN and COMMON; a score without a denominator is None.
    """

    scores: Mapping[str, Mapping[str, float]]
    tables: Mapping[str, Table]

    def of(self, metric: str, ruler: str = OWN) -> float:
        """Return one score; NaN where it was not recorded."""
        return self.scores.get(ruler, {}).get(metric, math.nan)

    def has(self, metric: str, ruler: str = OWN) -> bool:
        """Whether a score was recorded; it may be NaN."""
        return metric in self.scores.get(ruler, {})

    def numbers(self) -> dict[str, float]:
        """Return all scores, such as ``miou`` and ``miou_common``; see `flat_name`."""
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
        val: Scores of the best epoch on the images that tuning sees.
        heldout: Scores on the images that tuning never sees; None unless the trial was the study's
            best when it ended, or is its baseline.
        bundle: The directory of its saved model; None as for ``heldout``. In a study's storage it
            is relative to the project, which may be moved.
        cost: What `segexp.training.cost.Cost` holds; None where an earlier segexp ran the trial.
        lower_iou: By class of the common space, the lower end of the interval of its IoU on the
            val split; of the classes of which a study requires it.
        heldout_interval: The ends of the 95% interval of the objective on the held-out images, for
            other images like these; None where the objective is no mIoU or there is no such score.
        sizes: At which size ``val`` and ``heldout`` are, for people; empty in older results, where
            both are as the images were resized.
    """

    value: float
    best_epoch: int
    seconds: float
    val: SplitScores
    heldout: SplitScores | None = None
    bundle: str | None = None
    cost: Mapping[str, Any] | None = None
    lower_iou: Mapping[str, float] | None = None
    heldout_interval: Sequence[float] | None = None
    sizes: Mapping[str, str] = field(default_factory=dict)

    @property
    def interval_note(self) -> str | None:
        """Say between what the held-out score would be on other images, if that is known."""
        if self.heldout_interval is None:
            return None
        low, high = self.heldout_interval
        return (
            f"on other images like the held-out ones this model would score {low:.3f} to "
            f"{high:.3f} (95% interval); another seed may differ more"
        )

    @property
    def size_note(self) -> str | None:
        """Say at which size each score is, where tuning and final scores differ in it."""
        val, heldout = self.sizes.get("val"), self.sizes.get("heldout")
        if self.heldout is None or val == heldout:
            return None
        return f"tuning scores are at {val}, held-out scores at {heldout}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"version": VERSION, **asdict(self)}


def result_from_dict(content: Mapping[str, Any]) -> TrialResult:
    """Read what `TrialResult.to_dict` wrote, in this or an older version.

    Unknown fields are skipped: a later segexp may add fields within one version.

    Raises:
        InputError: When the result has a newer version.
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
    """Whether a stored result was scored by older rules than the current ones."""
    return bool(content.get("version", 1) < CURRENT_RULES)


def refuse_newer(content: Mapping[str, Any]) -> None:
    """Refuse a stored result that this segexp would misread.

    Raises:
        InputError: When the result has a newer version.
    """
    version = content.get("version", 1)
    if version > VERSION:
        raise InputError(
            f"a trial's result has version {version}, but this segexp reads up to {VERSION}: "
            f"{NEWER}"
        )


def _split(content: Mapping[str, Any], version: int) -> SplitScores:
    if version >= 4:
        return SplitScores(content["scores"], content["tables"])
    tables = {OWN: content["table"], COMMON: content["table_common"]}
    scores: dict[str, dict[str, float]] = {
        COMMON_ARGMAX: {"miou": content["miou_common_argmax"]}  # no table to recompute it from
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
    """Return None for NaN, which JSON lacks: an undefined score is null there."""
    return None if math.isnan(value) else float(value)
