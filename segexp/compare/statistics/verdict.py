"""What may be said about a difference between two arms, and the sentence that says it."""

from collections.abc import Sequence
from math import floor, isnan, log10
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segexp.core.wording import confidence, signed
from segexp.evaluation.statistics.bootstrap import Estimate
from segexp.evaluation.statistics.intervals import FEWEST_HOLDING
from segexp.evaluation.statistics.level import LEVEL

Verdict = Literal["better", "worse", "equivalent", "not enough evidence"]

FEW_RUNS = 5
"""With fewer groups of runs the interval is wide: Student's t has few degrees of freedom."""

_CLUSTERS = {
    "sequence": ("held-out sequence", "held-out sequences"),
    "city": ("held-out city", "held-out cities"),
    "block": ("held-out block of frames", "held-out blocks of frames"),
}

MOSTLY = 0.8
"""From this share of the variance on, its source is pointed out."""


def verdict(low: float, high: float, margin: float) -> Verdict:
    """Judge an interval of a difference in mIoU, b minus a, against a margin.

    ``equivalent`` if it lies inside (-margin, margin): tested first, so that a difference too small
    to matter is not called better (two one-sided tests, Schuirmann 1987). ``better`` if it lies
    above 0, ``worse`` if below 0. Anything else, including an interval that touches a limit, is
    ``not enough evidence``.
    """
    if -margin < low and high < margin:
        return "equivalent"
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "not enough evidence"


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values so that one false alarm among all of them stays as rare as for one.

    Holm's step-down procedure (Holm 1979): the i-th smallest of m is multiplied by m - i + 1, and
    is never smaller than the one before it or larger than 1.

    Args:
        p: p-values, shape (m,). NaN is not a test: it stays NaN and does not count in m.

    Example:
        >>> holm(np.array([0.04, 0.01, np.nan, 0.03])).round(3).tolist()
        [0.06, 0.03, nan, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    ascending = tests[np.argsort(p[tests], kind="stable")]
    scaled = p[ascending] * np.arange(len(ascending), 0, -1)
    adjusted[ascending] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def verdict_sentence(
    a: str,
    b: str,
    native_gap: float,
    training: Estimate,
    margin: float,
    about: str | None = None,
    *,
    one_ruler: bool = False,
) -> str:
    """Say in one sentence how much of a raw gap is the ruler, and how much the model.

    Where both are scored by one ruler anyway, as two recipes for one mapping, all of it is the
    model.

    The ruler is the effect of both rulers together, shown as the shown gap minus the shown
    difference, so that the numbers add up. There are at least three decimals, and as many as the
    shown interval needs to justify the verdict.

    Args:
        native_gap: mIoU of b minus mIoU of a, each in its own label space.
        training: Their difference in the common space, b minus a.
        margin: Differences below it do not matter, in mIoU.
        about: What the answer is about, such as "On six configurations that tuning found good in
            either arm"; the sentence begins with it.
        one_ruler: Whether every model scores the same in its own label space and in the common one.

    Example:
        >>> training = Estimate(0.004, -0.006, 0.009, 0.3, 1e-5, 1e-6)
        >>> verdict_sentence("cityscapes19", "merged10", 0.121, training, margin=0.01)
        'Of the 0.121 that merged10 gains over cityscapes19 in mIoU, 0.117 is the ruler and \
0.004 [-0.006, 0.009] is the model: equivalent within a margin of 0.01.'
    """
    digits = _digits(training, margin)
    gap, model = _rounded(native_gap, digits), _rounded(training.value, digits)
    ruler = _rounded(gap - model, digits)
    interval = interval_text(training, digits)

    def size(value: float) -> str:
        return f"{abs(value):.{digits}f}"

    if one_ruler:
        more = "higher" if model > 0 else "lower"
        scores = f"{b} scores {size(model)} {more} than {a} in mIoU"
        start = scores if model else f"{b} and {a} have the same mIoU"
        said = f"{start}, {signed(model, digits)} {interval}"
    elif gap > 0 and ruler >= 0 and model >= 0:
        said = (
            f"Of the {size(gap)} that {b} gains over {a} in mIoU, {size(ruler)} is the ruler and "
            f"{size(model)} {interval} is the model"
        )
    elif gap < 0 and ruler <= 0 and model <= 0:
        said = (
            f"Of the {size(gap)} that {b} loses to {a} in mIoU, {size(ruler)} is the ruler and "
            f"{size(model)} is the model (delta {signed(model, digits)} {interval})"
        )
    else:
        # Ruler and model pull apart: "of the gap" would hide that one is larger than the gap.
        more = "higher" if gap > 0 else "lower"
        scores = f"{b} scores {size(gap)} {more} than {a} in mIoU"
        start = scores if gap else f"{b} and {a} have the same mIoU"
        parts = f"but the ruler gives {signed(ruler, digits)} and the model"
        said = (
            f"{start}, each by its own ruler, {parts if ruler else 'and the model gives'} "
            f"{signed(model, digits)} {interval}"
        )
    return opened(about, f"{said}: {_end(training, margin)}.")


def untouched_sentence(
    classes: Sequence[str], delta: Estimate, margin: float, about: str | None, *, settled: bool
) -> str:
    """Say how the classes that no arm merges differ.

    Args:
        delta: The difference of their mean IoU, b minus a; without an interval if too few images
            hold them.
        about: What the sentence begins with, as in `verdict_sentence`.
        settled: Whether there is a verdict on all classes together; without it there is none on
            some of them.

    Example:
        >>> found = Estimate(0.012, 0.003, 0.021, 0.01, 1e-5, 1e-6)
        >>> untouched_sentence(["road", "sky"], found, 0.01, None, settled=True)
        'The 2 classes that no arm merges: +0.012 [0.003, 0.021] in mIoU: better.'
    """
    known = not isnan(delta.low)
    digits = _digits(delta, margin) if known else 3
    value = signed(_rounded(delta.value, digits), digits)
    several = f"The {len(classes)} classes that no arm merges: {value}"
    said = several if len(classes) > 1 else f"The class that no arm merges ({classes[0]}): {value}"
    unit = "in mIoU" if len(classes) > 1 else "in IoU"
    if not known:
        end = f" {unit}, on too few images for an interval"
    elif settled:
        end = f" {interval_text(delta, digits)} {unit}: {_end(delta, margin)}"
    else:
        none = "not judged on its own, since there is no verdict over all classes"
        end = f" {interval_text(delta, digits)} {unit}; {none}"
    return opened(about, f"{said}{end}.")


def opened(about: str | None, sentence: str) -> str:
    """Begin a sentence with what it is about."""
    if about is None:
        return sentence
    own_word = sentence.split(" ", 1)[0] in {"Of", "By", "The"}  # not the name of an arm
    return f"{about}, {sentence[0].lower() if own_word else sentence[0]}{sentence[1:]}"


def interval_text(estimate: Estimate, digits: int = 3) -> str:
    """Return the interval as ``[low, high]``; one of every possible difference is unknown.

    Example:
        >>> interval_text(Estimate(0.25, -1.0, 1.0, 1.0, 0.01, 0.1))
        '[interval unknown]'
    """
    if estimate.low <= -1 and estimate.high >= 1:
        return "[interval unknown]"
    low, high = _rounded(estimate.low, digits), _rounded(estimate.high, digits)
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def other_rule_caveat(training: Estimate, margin: float, about: str | None = None) -> str:
    """Say what the ``argmax`` rule finds when its verdict differs from that of ``sum``."""
    digits = _digits(training, margin)
    delta = signed(_rounded(training.value, digits), digits)
    return opened(
        about,
        f"By the argmax rule the verdict is {_end(training, margin)} "
        f"(delta {delta} {interval_text(training, digits)}).",
    )


def rare_class_caveat(
    class_names: Sequence[str], holding: NDArray[np.int64], kind: str = "none"
) -> str | None:
    """Name the classes of the common space that have no interval; None if all have one.

    Args:
        holding: The number of clusters of held-out images whose truth has each class, shape (K,).
        kind: What the clusters are: ``none`` (every image is one), ``sequence``, ``city`` or
            ``block``.
    """
    few = [
        (name, int(n)) for name, n in zip(class_names, holding, strict=True) if n < FEWEST_HOLDING
    ]
    if not few:
        return None
    one, more = _CLUSTERS.get(kind, ("held-out image", "held-out images"))
    name, n = few[0]
    count = f"only {n} {one if n == 1 else more}" if n else f"no {one}"
    listed = [f"{name} occurs in {count}", *(f"{name} in {n or 'none'}" for name, n in few[1:])]
    said = " and ".join([", ".join(listed[:-1]), listed[-1]] if few[1:] else listed)
    whose = "their differences have" if few[1:] else "its difference has"
    return f"{said}: {whose} no interval."


def few_runs_caveat(groups: int, unit: str) -> str | None:
    """Return a caveat if there are few runs, else None."""
    if groups >= FEW_RUNS:
        return None
    if groups == 1:
        return (
            "Each arm has one run: the interval is over the images alone, and the answer is about "
            "these networks. It does not include how other trainings would have come out."
        )
    return (
        f"{groups} {unit} tell little about their spread, which makes the interval wide; "
        f"{FEW_RUNS} or more find far smaller differences."
    )


def level_caveat(level: float, pairs: int, looks: int) -> str | None:
    """Return a caveat that says why an interval is wider than a 95% interval; None if it is not."""
    if level >= LEVEL:
        return None
    why = [f"{pairs} pairs are judged together (Holm)"] if pairs > 1 else []
    if looks > 1:
        why.append(f"this is look {looks} at the study")
    elif pairs == 1:
        why.append("the study may be looked at again")
    return (
        f"This is a {confidence(level)} interval, so that a false verdict on any pair, at any "
        f"look, stays as rare as on one pair with one look: {' and '.join(why)}."
    )


def runs_caveat(training: Estimate, unit: str) -> str | None:
    """Return a caveat if the runs, not the images, make most of the uncertainty, else None."""
    variance = training.variance_images + training.variance_runs
    share = training.variance_runs / variance if variance else 0.0
    if share < MOSTLY:
        return None
    return f"{share:.0%} of the variance of the difference comes from the {unit}, not the images."


def _end(training: Estimate, margin: float) -> str:
    judged = verdict(training.low, training.high, margin)
    if judged == "equivalent":
        return f"equivalent within a margin of {margin:g}"
    return "not enough evidence to tell" if judged == "not enough evidence" else judged


def _digits(training: Estimate, margin: float) -> int:
    """Return how many decimals show the margin and an interval that justifies its verdict."""
    low, high = training.low, training.high
    judged = verdict(low, high, margin)
    fewest = max(3, 1 - floor(log10(margin)))
    enough = (
        digits
        for digits in range(fewest, fewest + 6)
        if verdict(round(low, digits), round(high, digits), margin) == judged
    )
    return next(enough, fewest + 6)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # -0.0 + 0.0 is 0.0: no "-0.000"
