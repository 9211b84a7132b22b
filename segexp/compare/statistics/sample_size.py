"""How many more images or runs would settle an unsettled comparison."""

from dataclasses import dataclass
from math import ceil, inf, log

import numpy as np

from segexp.compare.statistics.power import POWER, chance_to_settle
from segexp.evaluation.statistics.bootstrap import Estimate, degrees_of_freedom
from segexp.evaluation.statistics.level import LEVEL
from segexp.labels.iou import Floats

_FARTHEST = 100
"""More than this many times as much is reported as out of reach."""

FEWEST_FOR_SPREAD = 3
"""Fewer groups of runs tell the spread no better than to a factor of 16 (one degree of freedom,
90%): what a comparison needs cannot be calculated from them."""

PILOT_TRIALS = 10
"""A search of so many trials names that many candidates; see `segexp.compare.design`."""

_CLUSTERS = {"sequence": "sequences", "city": "cities"}


@dataclass(frozen=True)
class Sample:
    """What a difference was estimated from.

    Attributes:
        clusters: The number of clusters they fall into, or the effective number if their sizes
            differ; the number of images if every image is its own cluster.
        cluster_kind: ``none``, ``sequence``, ``city`` or ``block``.
        runs: Independent runs of each arm: configurations, or seeds of one configuration. With one
            run only the variance by images is known, and more runs are not suggested.
        unit: ``seeds`` or ``configurations``.
    """

    images: int
    clusters: float
    cluster_kind: str
    runs: int
    unit: str


@dataclass(frozen=True)
class Needed:
    """What would settle a comparison in 80% of studies, if the difference is as estimated.

    Attributes:
        images_factor: How many times as many images, with the same runs; None if more images alone
            cannot settle it, or only more than 100 times as many.
        runs_factor: How many times as many runs, on the same images; None likewise.
        text: The same for people.
    """

    images_factor: float | None
    runs_factor: float | None
    text: str


def needed_to_settle(
    difference: Estimate, margin: float, sample: Sample, level: float = LEVEL
) -> Needed:
    """Return how many more images, or runs, would settle a difference against a margin.

    In four of five studies: with an interval whose half-width is just |d|, it would be left to
    chance whether the next estimate of d is smaller than that. The variance with N' images and R'
    runs is assumed to be V_images N/N' + V_runs R/R', with the degrees of freedom of the new sample
    (Welch-Satterthwaite). More runs do not reduce V_images, nor more images V_runs. The result is
    rough, as every sample size is: the estimated difference will change.

    Args:
        level: Level of the interval that it will be judged by.
    """
    if 1 < sample.runs < FEWEST_FOR_SPREAD:
        text = f"{sample.runs} {sample.unit} do not tell how many more would settle it."
        return Needed(None, None, text)

    def first(images: Floats, runs: Floats) -> float | None:
        error, df = _error(difference, sample, images, runs)
        enough = chance_to_settle(difference.value, margin, error, df, level) > POWER
        return float(np.maximum(images, runs)[enough][0]) if enough.any() else None

    by_image, by_run = _factors(sample.images), _factors(sample.runs)
    images_factor = first(images=by_image, runs=np.ones_like(by_image))
    runs_factor = first(images=np.ones_like(by_run), runs=by_run)
    both = first(images=by_run, runs=by_run)
    text = _text(images_factor, runs_factor, both, sample)
    return Needed(images_factor, runs_factor, text)


def _factors(count: int) -> Floats:
    """Return the factors by which a count can grow to whole numbers, in steps of 5%, ascending."""
    steps = ceil(log(_FARTHEST) / log(1.05))
    counts = np.unique(np.ceil(count * np.geomspace(1, _FARTHEST, steps + 1)))
    return counts[counts > count] / count


def _error(
    difference: Estimate, sample: Sample, images: Floats, runs: Floats
) -> tuple[Floats, Floats]:
    """Return the standard errors and degrees of freedom of samples larger by these factors."""
    by_images, by_runs = difference.variance_images / images, difference.variance_runs / runs
    # One run has no variance, so its degrees of freedom do not matter.
    df_images, df_runs = sample.clusters * images - 1, np.maximum(1, sample.runs * runs - 1)
    df = degrees_of_freedom(by_images, by_runs, df_images, df_runs)
    return np.sqrt(by_images + by_runs), df


def _text(images: float | None, runs: float | None, both: float | None, sample: Sample) -> str:
    options = []
    if images:
        count = _images_count(images, sample)
        options.append(f"{_times(images)} times as many held-out images ({count})")
    if runs:
        count = _count(runs * sample.runs)
        options.append(f"{_times(runs)} times as many {sample.unit} ({count})")
    if both and 2 * both < min(images or inf, runs or inf):
        more_images = f"held-out images ({_images_count(both, sample)})"
        more_runs = f"{sample.unit} ({_count(both * sample.runs)})"
        options.append(f"{_times(both)} times as many {more_images} and {more_runs} together")
    of_five = "in four studies of five if the difference is as estimated"
    if not options:
        more = "images" if sample.runs == 1 else f"images and {sample.unit}"
        return f"Not even {_FARTHEST} times as many {more} would settle it {of_five}."

    text = f"About {', or '.join(options)} would settle it {of_five}"
    if (images and runs) or sample.runs == 1:
        return f"{text}."
    if not images and not runs:
        return f"{text}; neither alone would, not even {_FARTHEST} times as many."
    more, stays = (sample.unit, "images") if images else ("images", sample.unit)
    return (
        f"{text}; more {more} alone would not, not even {_FARTHEST} times as many: they do not "
        f"reduce the variance that the {stays} add."
    )


def _images_count(factor: float, sample: Sample) -> str:
    """Return the count of images, and how many clusters they must come from."""
    count = _count(_rounded_up(factor) * sample.images)  # by the factor that is shown
    if sample.cluster_kind == "block":
        return f"{count}, of more videos"
    clusters = _CLUSTERS.get(sample.cluster_kind)
    return f"{count} in {_times(factor)} times as many {clusters}" if clusters else count


def _times(factor: float) -> str:
    return f"{_rounded_up(factor):g}"


def _rounded_up(factor: float) -> float:
    """Round a factor up to one decimal, or to a whole number from 10 on."""
    scale = 10 if factor < 10 else 1
    return ceil(round(factor * scale, 6)) / scale


def _count(number: float) -> str:
    """Return a count rounded up to two digits: more would suggest false precision."""
    step = 10 ** max(0, len(str(ceil(number))) - 2)
    return f"{ceil(round(number / step, 6)) * step:,}"
