"""How many more images or runs would settle a comparison that has not been settled."""

from dataclasses import dataclass
from math import ceil, inf, log

import numpy as np
from numpy.typing import NDArray

from segexp.compare.statistics.bootstrap import Estimate, degrees_of_freedom
from segexp.compare.statistics.level import LEVEL
from segexp.compare.statistics.power import POWER, chance_to_settle

Floats = NDArray[np.float64]

_FARTHEST = 100
"""More than this many times as much is out of reach: it is said that it cannot be done."""

FEWEST_FOR_SPREAD = 3
"""Of fewer groups of runs the spread is known to no better than a factor of 16 (one degree of
freedom, 90%): what it would take cannot be told."""

_CLUSTERS = {"sequence": "sequences", "city": "cities"}


@dataclass(frozen=True)
class Sample:
    """What a difference was estimated from.

    Attributes:
        images: Held-out images.
        clusters: The clusters they fall into, or the effective number where their sizes differ; as
            many as images where every image is its own.
        cluster_kind: ``none``, ``sequence``, ``city`` or ``block``.
        runs: Independent runs of each arm: seeds, or configurations where each has several seeds.
            Of one nothing is known but the images' variance, and no more of them are asked for.
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
        images_factor: So many times as many images, with as many runs; None where images alone
            cannot settle it, or only more than 100 times as many.
        runs_factor: So many times as many runs, on as many images; None likewise.
        text: The same for a person.
    """

    images_factor: float | None
    runs_factor: float | None
    text: str


def needed_to_settle(
    difference: Estimate, margin: float, sample: Sample, level: float = LEVEL
) -> Needed:
    """Return how many more images, or runs, would settle a difference against a margin.

    In four studies of five: to have an interval whose half-width is just |d| would leave it to
    chance whether the next estimate of d falls short of it. The variance of N' images and R' runs
    is taken for V_images N/N' + V_runs R/R', and its degrees of freedom are those that the new
    sample would have (Welch-Satterthwaite). More runs do nothing for V_images, nor more images for
    V_runs. Rough, as every sample size is: the difference will not stay as it is.

    Args:
        difference: The unsettled difference.
        margin: Differences below it do not matter.
        sample: What it was estimated from.
        level: Of the interval that it is to be judged by.
    """
    if 1 < sample.runs < FEWEST_FOR_SPREAD:
        text = f"How many more {sample.unit} would settle it, {sample.runs} do not tell."
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
    """Return what a count can grow by, in whole pieces and steps of 5%, ascending."""
    steps = ceil(log(_FARTHEST) / log(1.05))
    counts = np.unique(np.ceil(count * np.geomspace(1, _FARTHEST, steps + 1)))
    return counts[counts > count] / count


def _error(
    difference: Estimate, sample: Sample, images: Floats, runs: Floats
) -> tuple[Floats, Floats]:
    """Return the standard errors and degrees of freedom of samples so many times as large."""
    by_images, by_runs = difference.variance_images / images, difference.variance_runs / runs
    # One run has no variance of its own, and so no degrees of freedom that would count.
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
        f"lessen what the {stays} add."
    )


def _images_count(factor: float, sample: Sample) -> str:
    """Return the count of images, and that new ones must be of new clusters, too."""
    count = _count(_rounded_up(factor) * sample.images)  # of the factor that is shown
    if sample.cluster_kind == "block":
        return f"{count}, of more videos"
    clusters = _CLUSTERS.get(sample.cluster_kind)
    return f"{count} in {_times(factor)} times as many {clusters}" if clusters else count


def _times(factor: float) -> str:
    return f"{_rounded_up(factor):g}"


def _rounded_up(factor: float) -> float:
    """Round a factor up to one decimal, from 10 on to none."""
    scale = 10 if factor < 10 else 1
    return ceil(round(factor * scale, 6)) / scale


def _count(number: float) -> str:
    """Return a count rounded up to two digits: more would pretend to know."""
    step = 10 ** max(0, len(str(ceil(number))) - 2)
    return f"{ceil(round(number / step, 6)) * step:,}"
