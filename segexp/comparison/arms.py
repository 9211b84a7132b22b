"""Compare the arms of a mapping A/B study, pair by pair, from their per-image confusion matrices.

Read `compare_arms` first. Arrays of scores have shape (1 + B, R): row 0 is the score of each of R
runs on all images, the other rows are the same on B resamples of the images. The resamples are
shared by all arms, so that a difference of two such arrays is the paired one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segexp.comparison.bootstrap import (
    Estimate,
    at_level,
    estimate,
    resample_weights,
    resampled_ious,
)
from segexp.comparison.clusters import Clusters
from segexp.comparison.confidence import LEVEL
from segexp.comparison.family import ONE_LOOK, pair_levels
from segexp.comparison.pair import RULES, ClassComparison, PairComparison, RuleComparison
from segexp.comparison.power import detectable
from segexp.comparison.sample_size import Sample, needed_to_settle
from segexp.comparison.verdict import (
    FEWEST_HOLDING,
    few_runs_caveat,
    holm,
    level_caveat,
    other_rule_caveat,
    rare_class_caveat,
    runs_caveat,
    verdict,
    verdict_sentence,
)
from segexp.errors import InputError

__all__ = ["FEWEST_HOLDING", "ArmRuns", "PairComparison", "compare_arms"]

Floats = NDArray[np.float64]

FEWEST_RESAMPLES = 100


class _Estimator(Protocol):
    """Estimates from scores (1 + B, R) that hang on so many clusters of images; on all, if none."""

    def __call__(self, scores: Floats, clusters: float = ..., /) -> Estimate: ...


@dataclass(frozen=True, eq=False)
class ArmRuns:
    """The held-out confusion matrices of one arm; rows ground truth, columns prediction.

    R runs, N images, C classes of the arm's mapping, K of the common space; the last column is
    *none*. Run r of one arm is paired with run r of every other.

    Attributes:
        name: The mapping's name.
        own: In the mapping's own space, int64 (R, N, C, C + 1).
        common: In the common space by the rule ``sum``, int64 (R, N, K, K + 1).
        common_argmax: In the common space by the rule ``argmax``, int64 (R, N, K, K + 1).
    """

    name: str
    own: NDArray[np.int64]
    common: NDArray[np.int64]
    common_argmax: NDArray[np.int64]


def compare_arms(
    arms: Sequence[ArmRuns],
    class_names: Sequence[str],
    run_groups: NDArray[np.int64],
    clusters: Clusters,
    margin: float,
    *,
    unit: str = "seeds",
    about: str | None = None,
    alpha: float = LEVEL,
    looks: Sequence[float] = ONE_LOOK,
    one_run: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[PairComparison]:
    """Compare every arm with every one after it.

    Args:
        arms: Two or more arms, with the same runs on the same images.
        class_names: The K classes of the common space.
        run_groups: The group of each run, shape (R,): its configuration in matched arms, itself
            in tuned ones.
        clusters: Of the N images.
        margin: Differences below it do not matter, in mIoU.
        unit: What a group of runs is to a person: ``seeds`` or ``configurations``.
        about: What the answer is about, such as "On six configurations that tuning found good in
            either arm"; the sentence begins with it.
        alpha: How often any verdict may be wrong, over all pairs and all looks.
        looks: The information fractions of the looks at this study so far, this one the last
            (`segexp.comparison.spending.nominal_levels`): of 12 configurations at most, the look
            with 4 has the fraction 4 / 12. The verdicts of a single look take (1.0,).
        one_run: Answer from one group of runs, too: over the images alone, and a caveat says so.
        resamples: B.
        seed: Of all draws: the same seed gives the same answer.

    Raises:
        InputError: Fewer than two arms, clusters, or groups of runs without ``one_run``, a margin
            that is not positive, fewer than 100 resamples, or no held-out pixel that the common
            space scores.
        ValueError: Arms of different shapes, or with different ground truth.
    """
    _refuse_mismatched(arms, class_names, run_groups, clusters)
    _refuse_unanswerable(arms, None if one_run else run_groups, clusters, margin, resamples)
    sample = Sample(
        images=len(clusters.index),
        clusters=_count(clusters),
        cluster_kind=clusters.kind,
        runs=len(np.unique(run_groups)),
        unit=unit,
    )

    def estimated(scores: Floats, clusters: float = sample.clusters) -> Estimate:
        return estimate(
            scores[0],
            scores[1:],
            run_groups,
            sample.clusters,
            seed,
            df_images=min(clusters, sample.clusters) - 1,
            one_run=one_run,
        )

    weights = _weights(clusters, resamples, seed)
    scored = [_score(arm, weights) for arm in arms]
    holding = _holding(arms[0], clusters)
    known_limits = [
        clusters.caveat,
        few_runs_caveat(sample.runs, unit),
        rare_class_caveat(class_names, holding, clusters.kind),
    ]

    compared = list(combinations(scored, 2))
    differences = [estimated(b.common["sum"] - a.common["sum"]) for a, b in compared]
    levels = pair_levels(differences, margin, alpha, looks)
    corrected = holm(np.array([difference.p for difference in differences]))

    pairs = []
    for (a, b), level, p_holm in zip(compared, levels, corrected, strict=True):
        rules = {rule: _decompose(a, b, rule, margin, level, estimated) for rule in RULES}
        headline = rules["sum"]
        at_the_end = max(level, alpha / len(compared))  # an early look is held to more
        unsettled = headline.verdict == "not enough evidence"
        delta = headline.training
        caveats = [
            *known_limits,
            runs_caveat(delta, sample.unit),
            level_caveat(level, len(compared), len(looks)),
        ]
        if rules["argmax"].verdict != headline.verdict:
            caveats.insert(0, other_rule_caveat(rules["argmax"].training, margin, about))
        pair = PairComparison(
            a=a.name,
            b=b.name,
            margin=margin,
            images=sample.images,
            clusters=len(clusters.names),
            cluster_kind=clusters.kind,
            runs=len(run_groups),
            native=(float(a.own[0].mean()), float(b.own[0].mean())),
            common=(float(a.common["sum"][0].mean()), float(b.common["sum"][0].mean())),
            rules=rules,
            per_class=_compare_classes(a, b, class_names, holding, estimated),
            needed=needed_to_settle(delta, margin, sample, at_the_end) if unsettled else None,
            sentence=verdict_sentence(
                a.name, b.name, headline.native_gap.value, delta, margin, about
            ),
            caveats=tuple(c for c in caveats if c),
            level=level,
            p_holm=float(p_holm),
            about=about,
            unit=unit,
            run_groups=sample.runs,
            effective_clusters=sample.clusters,
            detectable=detectable(delta, level),
        )
        pairs.append(pair)
    return pairs


def common_scores(
    arms: Sequence[ArmRuns],
    run_groups: NDArray[np.int64],
    clusters: Clusters,
    *,
    one_run: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Estimate]:
    """Estimate the mIoU of each arm in the common space, by the rule ``sum``.

    Two of these intervals may overlap where the interval of the difference leaves 0 out: what the
    images do to both arms is in each of them, and not in the difference.

    Args:
        arms: As for `compare_arms`, and so are the others.
        run_groups: Likewise.
        clusters: Likewise.
        one_run: Likewise.
        resamples: Likewise.
        seed: Likewise.
    """
    weights = _weights(clusters, resamples, seed)
    found = []
    for arm in arms:
        scores = mean_iou(resampled_ious(arm.common, weights))
        interval = estimate(
            scores[0], scores[1:], run_groups, _count(clusters), seed, one_run=one_run
        )
        found.append(_within(interval, 0.0, 1.0))
    return found


def _weights(clusters: Clusters, resamples: int, seed: int) -> Floats:
    """Weigh the images: all once, then as the clusters were drawn; shape (1 + B, N)."""
    # By name: another order of the images or of the clusters is the same draw.
    drawn = resample_weights(np.array(clusters.names)[clusters.index], resamples, seed)
    return np.vstack([np.ones((1, drawn.shape[1])), drawn])


def _count(clusters: Clusters) -> float:
    # Two clusters of very different sizes count as hardly more than one, and one has no spread.
    return max(2.0, clusters.effective)


def _within(found: Estimate, lowest: float, highest: float) -> Estimate:
    """Cut an interval to the values that its quantity can have."""
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


@dataclass(frozen=True, eq=False)
class _Scores:
    """Scores of one arm: mIoU, (1 + B, R), own and by rule of collapse; IoUs, (1 + B, R, K)."""

    name: str
    own: Floats
    common: dict[str, Floats]
    ious: Floats


def _score(arm: ArmRuns, weights: Floats) -> _Scores:
    ious = resampled_ious(arm.common, weights)
    return _Scores(
        name=arm.name,
        own=mean_iou(resampled_ious(arm.own, weights)),
        common={
            "sum": mean_iou(ious),
            "argmax": mean_iou(resampled_ious(arm.common_argmax, weights)),
        },
        ious=ious,
    )


def mean_iou(ious: Floats) -> Floats:
    """Return the mean over the last axis of the IoUs that are not NaN; NaN if none is."""
    defined = ~np.isnan(ious)
    count = defined.sum(axis=-1)
    mean = np.full(count.shape, np.nan)
    np.divide(np.where(defined, ious, 0.0).sum(axis=-1), count, out=mean, where=count > 0)
    return mean


def _decompose(
    a: _Scores,
    b: _Scores,
    rule: str,
    margin: float,
    level: float,
    estimated: _Estimator,
) -> RuleComparison:
    def term(scores: Floats) -> Estimate:
        return _within(at_level(estimated(scores), level), -1.0, 1.0)

    training = term(b.common[rule] - a.common[rule])
    return RuleComparison(
        native_gap=term(b.own - a.own),
        ruler_a=term(a.common[rule] - a.own),
        training=training,
        ruler_b=term(b.own - b.common[rule]),
        verdict=verdict(training.low, training.high, margin),
    )


def _holding(arm: ArmRuns, clusters: Clusters) -> NDArray[np.int64]:
    """Count the clusters of images whose ground truth has each class, shape (K,)."""
    has = arm.common[0].sum(axis=2) > 0
    return np.array([len(np.unique(clusters.index[images])) for images in has.T])


def _of_classes(scores: Floats, holding: int, estimated: _Estimator) -> Estimate:
    """Estimate what hangs on the clusters that hold a class or several: of few, a value alone."""
    if holding < FEWEST_HOLDING:
        return Estimate(float(scores[0].mean()), *[float("nan")] * 5)
    return _within(estimated(scores, holding), -1.0, 1.0)


def _compare_classes(
    a: _Scores,
    b: _Scores,
    names: Sequence[str],
    holding: NDArray[np.int64],
    estimated: _Estimator,
) -> tuple[ClassComparison, ...]:
    deltas = [
        _of_classes(b.ious[..., k] - a.ious[..., k], int(holding[k]), estimated)
        for k in range(len(names))
    ]
    corrected = holm(np.array([delta.p for delta in deltas]))
    # Over the runs that have an IoU of the class, as mIoU is over the classes that have one.
    means_a, means_b = mean_iou(a.ious[0].T), mean_iou(b.ious[0].T)
    return tuple(
        ClassComparison(name, float(means_a[k]), float(means_b[k]), deltas[k], float(corrected[k]))
        for k, name in enumerate(names)
    )


def _refuse_unanswerable(
    arms: Sequence[ArmRuns],
    run_groups: NDArray[np.int64] | None,
    clusters: Clusters,
    margin: float,
    resamples: int,
) -> None:
    faults = []
    if len(arms) < 2:
        names = ", ".join(arm.name for arm in arms)
        faults.append(f"a comparison needs two arms at least, got {len(arms)}: {names}")
    if not margin > 0:
        faults.append(f"margin: {margin!r} is not positive; 0.01 is a hundredth of mIoU")
    if resamples < FEWEST_RESAMPLES:
        faults.append(f"resamples: {resamples} give no 95% interval; 10,000 are usual")
    if run_groups is not None and len(np.unique(run_groups)) < 2:
        faults.append("runs: one seed or configuration has no spread; two at least are needed")
    if len(clusters.names) < 2:
        faults.append(f"clusters: one {clusters.kind} has no spread; two at least are needed")
    if arms and not arms[0].common.any():
        faults.append("no held-out pixel has a class of the common space: nothing can be compared")
    if faults:
        raise InputError(faults)


def _refuse_mismatched(
    arms: Sequence[ArmRuns],
    class_names: Sequence[str],
    run_groups: NDArray[np.int64],
    clusters: Clusters,
) -> None:
    num_classes = len(class_names)
    runs_and_images = (len(run_groups), len(clusters.index))
    expected = (*runs_and_images, num_classes, num_classes + 1)
    for arm in arms:
        shapes = (arm.own.shape[:2], arm.common.shape, arm.common_argmax.shape)
        if shapes != (runs_and_images, expected, expected):
            raise ValueError(f"{arm.name}: {shapes=}, right are {runs_and_images} and {expected}")
        truth = arms[0].common[:1].sum(axis=3)
        for confusions in (arm.common, arm.common_argmax):
            if (confusions.sum(axis=3) != truth).any():
                raise ValueError(f"{arm.name}: scored against other ground truth")
