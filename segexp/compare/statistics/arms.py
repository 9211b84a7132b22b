"""Compare the arms of a mapping A/B study, pair by pair, from their per-image confusion matrices.

Read `compare_arms` first. Arrays of scores have shape (1 + B, R): row 0 is the score of each of R
runs on all images, the other rows are the same on B resamples of the images. All arms share the
resamples, so a difference of two such arrays is the paired one.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segexp.compare.statistics.class_differences import (
    CommonClasses,
    clusters_with_classes,
    compare_classes,
    compare_dropped,
    compare_groups,
)
from segexp.compare.statistics.family import ONE_LOOK, pair_levels
from segexp.compare.statistics.groups import ClassGroups
from segexp.compare.statistics.pair import RULES, GroupComparison, PairComparison, RuleComparison
from segexp.compare.statistics.power import detectable
from segexp.compare.statistics.sample_size import Sample, needed_to_settle
from segexp.compare.statistics.scores import ArmRuns, Estimator, Scores, score_arm, within
from segexp.compare.statistics.verdict import (
    few_runs_caveat,
    holm,
    level_caveat,
    other_rule_caveat,
    rare_class_caveat,
    runs_caveat,
    untouched_sentence,
    verdict,
    verdict_sentence,
)
from segexp.core.errors import InputError
from segexp.evaluation.statistics.bootstrap import (
    Estimate,
    at_level,
    estimate,
    mean_iou,
    resample_weights,
    resampled_ious,
)
from segexp.evaluation.statistics.clusters import Clusters
from segexp.evaluation.statistics.level import LEVEL
from segexp.labels.iou import Floats

__all__ = ["ArmRuns", "PairComparison", "compare_arms"]


def compare_arms(
    arms: Sequence[ArmRuns],
    class_names: Sequence[str],
    run_groups: NDArray[np.int64],
    clusters: Clusters,
    margin: float,
    *,
    unit: str = "seeds",
    class_groups: ClassGroups | None = None,
    about: str | None = None,
    alpha: float = LEVEL,
    looks: Sequence[float] = ONE_LOOK,
    one_run: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[PairComparison]:
    """Compare every arm with every later arm.

    Args:
        arms: Two or more arms, with the same runs on the same images.
        run_groups: The group of each run, shape (R,): its configuration, or in tuned arms the run
            itself.
        margin: Differences below it do not matter, in mIoU.
        unit: What a group of runs is, for people: ``seeds`` or ``configurations``.
        class_groups: Which common classes no arm merges, and what labels some arm drops
            (`segexp.compare.statistics.groups.class_groups`, of these arms in this order).
        about: What the answer is about, such as "On six configurations that tuning found good in
            either arm"; the sentence begins with it.
        alpha: How often any verdict may be wrong, over all pairs and all looks.
        looks: The information fractions of the looks at this study up to this one
            (`segexp.compare.statistics.spending.nominal_levels`): of at most 12 configurations, the
            look with 4 has the fraction 4 / 12. A single look has (1.0,).
        one_run: Whether one group of runs is enough: the answer is over the images alone, and a
            caveat says so.
        resamples: B.
        seed: Seeds all draws: the same seed gives the same answer.

    Raises:
        InputError: No held-out pixel that the common space scores.
        ValueError: Arms of different shapes, or with different ground truth; fewer than two
            clusters or (without ``one_run``) two groups of runs.
    """
    _refuse_mismatched(arms, class_names, run_groups, clusters)
    if not arms[0].common.any():
        raise InputError(
            "no held-out pixel has a class of the common space: nothing can be compared"
        )
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
    scored = [score_arm(arm, weights) for arm in arms]
    classes = CommonClasses(class_names, clusters_with_classes(arms[0], clusters), class_groups)
    known_limits = [
        clusters.caveat,
        few_runs_caveat(sample.runs, unit),
        rare_class_caveat(class_names, classes.has.sum(axis=0), clusters.kind),
    ]

    places = list(combinations(range(len(scored)), 2))
    compared = [(scored[i], scored[j]) for i, j in places]
    differences = [estimated(b.common["sum"] - a.common["sum"]) for a, b in compared]
    levels = pair_levels(differences, margin, alpha, looks)
    corrected = holm(np.array([difference.p for difference in differences]))

    pairs = []
    for place, level, p_holm in zip(places, levels, corrected, strict=True):
        a, b = (scored[i] for i in place)
        rules = {rule: _decompose(a, b, rule, margin, level, estimated) for rule in RULES}
        headline = rules["sum"]
        at_the_end = max(level, alpha / len(compared))  # an early look has a stricter level
        unsettled = headline.verdict == "not enough evidence"
        delta = headline.training
        caveats = [
            *known_limits,
            runs_caveat(delta, sample.unit),
            level_caveat(level, len(compared), len(looks)),
        ]
        if rules["argmax"].verdict != headline.verdict:
            caveats.insert(0, other_rule_caveat(rules["argmax"].training, margin, about))
        by_kind = compare_groups(a, b, classes, level, estimated)
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
            per_class=compare_classes(a, b, classes, estimated),
            needed=needed_to_settle(delta, margin, sample, at_the_end) if unsettled else None,
            sentence=verdict_sentence(
                a.name,
                b.name,
                headline.native_gap.value,
                delta,
                margin,
                about,
                one_ruler=all(np.array_equal(arm.own, arm.common["sum"]) for arm in (a, b)),
            ),
            caveats=tuple(c for c in caveats if c),
            level=level,
            p_holm=float(p_holm),
            about=about,
            unit=unit,
            run_groups=sample.runs,
            effective_clusters=sample.clusters,
            detectable=detectable(delta, level),
            class_groups=by_kind,
            dropped=compare_dropped(a, b, place, class_groups) if class_groups else (),
            untouched_sentence=_of_untouched(by_kind, margin, about, not unsettled),
        )
        pairs.append(pair)
    return pairs


def _of_untouched(
    groups: Sequence[GroupComparison], margin: float, about: str | None, settled: bool
) -> str | None:
    """Return the sentence about the untouched classes; None if all are untouched, or none."""
    if len(groups) < 2:
        return None
    classes, delta = groups[0].classes, groups[0].delta
    return untouched_sentence(classes, delta, margin, about, settled=settled)


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

    Two of these intervals may overlap although the interval of the difference excludes 0: the
    effect of the images on both arms is in each of them, but not in the difference.

    The arguments are those of `compare_arms`.
    """
    weights = _weights(clusters, resamples, seed)
    found = []
    for arm in arms:
        scores = mean_iou(resampled_ious(arm.common, weights))
        interval = estimate(
            scores[0], scores[1:], run_groups, _count(clusters), seed, one_run=one_run
        )
        found.append(within(interval, 0.0, 1.0))
    return found


def _weights(clusters: Clusters, resamples: int, seed: int) -> Floats:
    """Return the weights of the images: all 1, then as the clusters were drawn; (1 + B, N)."""
    # By name: the draws do not depend on the order of the images or of the clusters.
    drawn = resample_weights(np.array(clusters.names)[clusters.index], resamples, seed)
    return np.vstack([np.ones((1, drawn.shape[1])), drawn])


def _count(clusters: Clusters) -> float:
    # Two clusters of very different sizes count for little more than one, which has no spread.
    return max(2.0, clusters.effective)


def _decompose(
    a: Scores,
    b: Scores,
    rule: str,
    margin: float,
    level: float,
    estimated: Estimator,
) -> RuleComparison:
    def term(scores: Floats) -> Estimate:
        return within(at_level(estimated(scores), level), -1.0, 1.0)

    training = term(b.common[rule] - a.common[rule])
    return RuleComparison(
        native_gap=term(b.own - a.own),
        ruler_a=term(a.common[rule] - a.own),
        training=training,
        ruler_b=term(b.own - b.common[rule]),
        verdict=verdict(training.low, training.high, margin),
    )


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
            raise ValueError(f"{arm.name}: {shapes=}, expected {runs_and_images} and {expected}")
        truth = arms[0].common[:1].sum(axis=3)
        for confusions in (arm.common, arm.common_argmax):
            if (confusions.sum(axis=3) != truth).any():
                raise ValueError(f"{arm.name}: scored against other ground truth")
