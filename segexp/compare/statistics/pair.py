"""The answer of a mapping A/B study for one pair of arms, and its form in JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

from segexp.compare.statistics.sample_size import Needed
from segexp.compare.statistics.verdict import Verdict
from segexp.evaluation.result import none_if_nan
from segexp.evaluation.statistics.bootstrap import Estimate

RULES = ("sum", "argmax")
"""The rules of collapse; the first is the headline."""

_TERMS = ("native_gap", "ruler_a", "training", "ruler_b")


@dataclass(frozen=True)
class RuleComparison:
    """Two arms by one rule of collapse: the raw gap and its parts.

    ``native_gap`` = ``ruler_a`` + ``training`` + ``ruler_b``. For an arm x, native(x) is its mean
    mIoU in its own space and common(x) in the common space.

    Attributes:
        native_gap: native(b) - native(a): what a naive comparison reports.
        ruler_a: common(a) - native(a): the same networks of a, by another ruler.
        training: common(b) - common(a): the model, by one ruler. This is *the* difference, delta.
        ruler_b: native(b) - common(b): back to b's own ruler; 0 if that is the common space.
        verdict: On ``training``, b against a.
    """

    native_gap: Estimate
    ruler_a: Estimate
    training: Estimate
    ruler_b: Estimate
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: delta, interval, verdict, decomposition and its intervals."""
        terms = {name: getattr(self, name) for name in _TERMS}
        return {
            "delta": none_if_nan(self.training.value),
            "interval": _interval(self.training),
            "verdict": self.verdict,
            "decomposition": {name: none_if_nan(t.value) for name, t in terms.items()},
            "decomposition_intervals": {name: _interval(t) for name, t in terms.items()},
        }


@dataclass(frozen=True)
class ClassComparison:
    """One class of the common space in two arms, by the rule ``sum``.

    Attributes:
        a: IoU in arm a, mean over the runs that have one; NaN if none has.
        b: The same in arm b.
        delta: b minus a; NaN if a run of either arm has no IoU. If fewer than five clusters of
            images hold the class, its interval and p are NaN.
        p_holm: p of ``delta``, corrected over the classes that have a p.
        kind: ``untouched`` or ``merged`` (`segexp.compare.statistics.groups`); None if the groups
            are not known.
    """

    name: str
    a: float
    b: float
    delta: Estimate
    p_holm: float
    kind: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; null for NaN."""
        return {
            "class": self.name,
            "a": none_if_nan(self.a),
            "b": none_if_nan(self.b),
            "delta": none_if_nan(self.delta.value),
            "interval": _interval(self.delta),
            "p": none_if_nan(self.delta.p),
            "p_holm": none_if_nan(self.p_holm),
            "group": self.kind,
        }


@dataclass(frozen=True)
class GroupComparison:
    """The classes of one kind in two arms, by the rule ``sum``.

    Attributes:
        kind: ``untouched`` or ``merged``.
        a: Mean IoU in arm a over those classes that the truth has; NaN if it has none.
        b: The same in arm b.
        delta: b minus a, at the level of the pair; if fewer than five clusters of images hold any
            of the classes, its interval and p are NaN.
    """

    kind: str
    classes: tuple[str, ...]
    a: float
    b: float
    delta: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; null for NaN."""
        return {
            "group": self.kind,
            "classes": list(self.classes),
            "a": none_if_nan(self.a),
            "b": none_if_nan(self.b),
            "delta": none_if_nan(self.delta.value),
            "interval": _interval(self.delta),
            "p": none_if_nan(self.delta.p),
        }


@dataclass(frozen=True)
class DroppedComparison:
    """A label that the common space leaves out, in the arms that score it; nothing is compared.

    Attributes:
        a: The class of arm a that holds it and that class's IoU in a's own space, mean over the
            runs (NaN if none has one); None if the label is void in a.
        b: The same for arm b.
    """

    label: str
    a: tuple[str, float] | None
    b: tuple[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        arms = {"a": self.a, "b": self.b}
        return {
            "label": self.label,
            **{
                arm: None if held is None else {"class": held[0], "iou": none_if_nan(held[1])}
                for arm, held in arms.items()
            },
        }


@dataclass(frozen=True)
class PairComparison:
    """The answer for one pair of arms; every difference is b minus a.

    Attributes:
        a: The name of the arm that was given first.
        margin: Differences below it do not matter, in mIoU.
        cluster_kind: ``none``, ``sequence``, ``city`` or ``block``.
        native: Mean mIoU of a and b, each in its own space.
        common: Mean mIoU of a and b in the common space, by the rule ``sum``.
        rules: By rule of collapse; ``sum`` is the headline.
        per_class: The classes of the common space, by the rule ``sum``.
        needed: What would settle it, if there is not enough evidence.
        sentence: What a person reads first.
        caveats: The limits of the answer, a sentence each.
        level: Level of the intervals of ``rules``, by which the verdicts are judged.
        p_holm: p of the headline's difference, corrected by Holm's procedure over all pairs.
        about: The beginning of the sentence, if any.
        unit: What the independent runs are: ``seeds`` or ``configurations``.
        effective_clusters: The number of equally large clusters that tell as much.
        detectable: The smallest difference that this study could have found in 80% of cases.
        class_groups: The untouched and the merged classes, if there are any.
        dropped: The labels that either arm scores and the common space does not.
        untouched_sentence: The sentence about the untouched classes; None if all classes are, or
            none.
    """

    a: str
    b: str
    margin: float
    images: int
    clusters: int
    cluster_kind: str
    runs: int
    native: tuple[float, float]
    common: tuple[float, float]
    rules: Mapping[str, RuleComparison]
    per_class: tuple[ClassComparison, ...]
    needed: Needed | None
    sentence: str
    caveats: tuple[str, ...]
    level: float
    p_holm: float
    about: str | None
    unit: str
    run_groups: int
    effective_clusters: float
    detectable: float
    class_groups: tuple[GroupComparison, ...]
    dropped: tuple[DroppedComparison, ...]
    untouched_sentence: str | None

    @property
    def decision_rule(self) -> float:
        """The training effect by ``sum`` minus that by ``argmax``, of the same networks.

        This part of the effect comes from the rule, not from the model.
        """
        return self.rules["sum"].training.value - self.rules["argmax"].training.value

    def to_dict(self) -> dict[str, Any]:
        """Return the pair's object in ``ab_result.json``: plain values, null instead of NaN."""
        rules = {rule: self.rules[rule].to_dict() for rule in RULES}
        headline = rules["sum"]
        return {
            "a": self.a,
            "b": self.b,
            "margin": self.margin,
            "images": self.images,
            "clusters": self.clusters,
            "cluster_kind": self.cluster_kind,
            "runs": self.runs,
            "unit": self.unit,
            "run_groups": self.run_groups,
            "effective_clusters": self.effective_clusters,
            "delta": headline["delta"],
            "interval": headline["interval"],
            "level": self.level,
            "p": none_if_nan(self.rules["sum"].training.p),
            "p_holm": none_if_nan(self.p_holm),
            "detectable": none_if_nan(self.detectable),
            "variance": {
                "images": none_if_nan(self.rules["sum"].training.variance_images),
                "runs": none_if_nan(self.rules["sum"].training.variance_runs),
            },
            "verdict": headline["verdict"],
            "decomposition": headline["decomposition"],
            "decomposition_intervals": headline["decomposition_intervals"],
            "decision_rule": none_if_nan(self.decision_rule),
            "native": dict(zip("ab", self.native, strict=True)),
            "common": dict(zip("ab", self.common, strict=True)),
            "per_class": [c.to_dict() for c in self.per_class],
            "class_groups": [group.to_dict() for group in self.class_groups],
            "dropped": [label.to_dict() for label in self.dropped],
            "rules": rules,
            "rules_agree": len({rule["verdict"] for rule in rules.values()}) == 1,
            "needed": None if self.needed is None else asdict(self.needed),
            "about": self.about,
            "untouched_sentence": self.untouched_sentence,
            "sentence": self.sentence,
            "caveats": list(self.caveats),
        }


def _interval(difference: Estimate) -> list[float] | None:
    return None if isnan(difference.low) else [difference.low, difference.high]
