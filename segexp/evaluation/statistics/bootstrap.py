"""How sure a difference of scores is: resampled images and runs, an interval and a p value.

The data are crossed: every run (a trained network) is scored on every image. So a difference varies
for three reasons: which images were drawn, which runs were drawn, and how each run happens to do on
each image. docs/method.md says how the three are separated, and how often the interval misses.
"""

from dataclasses import dataclass, replace
from math import inf, isnan, nan
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from segexp.evaluation.statistics.level import LEVEL
from segexp.evaluation.statistics.tails import Parts, outside, reach
from segexp.labels.iou import Floats, iou_counts, iou_of

CHUNK_BYTES = 128_000_000


def _stream(seed: int, drawn: Literal["images", "runs"]) -> np.random.Generator:
    """Start the random numbers of one bootstrap: all of a comparison's draws come from here.

    Images and runs have separate streams. With one stream and as many clusters as groups of runs,
    both would get the same numbers, and what is assumed independent would vary together.
    """
    images, runs = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(images if drawn == "images" else runs)


def resample_weights(
    clusters: NDArray[np.int64] | NDArray[np.str_], resamples: int, seed: int
) -> Floats:
    """Draw how often each image is in each resample, whole clusters with replacement.

    The draws go to the clusters in the order of their names or numbers, whatever the order of the
    images.

    Args:
        clusters: The name or number of each image's cluster, shape (N,).
        resamples: B.
        seed: Seeds the draws; the same seed gives the same weights.

    Returns:
        Counts, shape (B, N). Images of one cluster have the same count; a row sums to N if all
        clusters have the same size.
    """
    names, index = np.unique(clusters, return_inverse=True)
    count = len(names)
    drawn = _stream(seed, "images").integers(0, count, (resamples, count))
    drawn += count * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count)
    return counts[:, index].astype(np.float64)


def resampled_ious(confusions: NDArray[np.int64], weights: Floats) -> Floats:
    """Compute the IoU of each class from the weighted sum of the images' confusion matrices.

    Weights of one give exactly the IoUs of the summed matrices.

    Args:
        confusions: Counts per run and image, shape (R, N, K, K) or (R, N, K, K + 1), rows ground
            truth, columns prediction; the extra last column is "none".
        weights: How often each image counts, shape (B, N).

    Returns:
        IoUs, shape (B, R, K); NaN where the truth of a resample lacks a class.
    """
    runs, images, num_classes, _ = confusions.shape
    by_image = iou_counts(confusions).transpose(2, 0, 1, 3).reshape(images, -1)
    ious = np.empty((len(weights), runs, num_classes))
    chunk = max(1, CHUNK_BYTES // (8 * by_image.shape[1]))
    for first in range(0, len(weights), chunk):
        rows = slice(first, first + chunk)
        sums = (weights[rows] @ by_image).reshape(-1, 3, runs, num_classes)
        ious[rows] = iou_of(sums.swapaxes(0, 1))
    return ious


def mean_iou(ious: Floats) -> Floats:
    """Return the mean over the last axis of the IoUs that are not NaN; NaN if all are NaN."""
    defined = ~np.isnan(ious)
    count = defined.sum(axis=-1)
    mean = np.full(count.shape, np.nan)
    np.divide(np.where(defined, ious, 0.0).sum(axis=-1), count, out=mean, where=count > 0)
    return mean


@dataclass(frozen=True)
class Estimate:
    """A mean over runs and images, and how sure it is.

    Every figure is NaN if the observed value is NaN: nothing can be said.

    Attributes:
        value: The mean over runs.
        p: Two-sided p value against 0: the level at which the interval would just reach 0.
        variance_images: Variance of ``value`` by the drawn images, including the cells' noise.
        variance_runs: Variance of ``value`` by the drawn runs, without the cells' noise.
        df: Degrees of freedom of the sum of the two variances (Welch-Satterthwaite); infinite
            without variance.
        parts: The sources of noise, for the tails (`segexp.evaluation.statistics.tails`): images,
            and runs with how each does on each image. If empty, Student's t at ``df``.
        level: How often the interval may miss: 0.05 for a 95% interval.
    """

    value: float
    low: float
    high: float
    p: float
    variance_images: float
    variance_runs: float
    df: float = inf
    parts: Parts = ()
    level: float = LEVEL


NOTHING = Estimate(nan, nan, nan, nan, nan, nan, nan)
"""The estimate when nothing can be said."""


def at_level(found: Estimate, level: float) -> Estimate:
    """Widen or narrow an interval to another level.

    Each half is stretched by how much farther the noise reaches at that level: the interval keeps
    its skew, at levels far beyond what 10,000 draws could show. The p value of ``estimate`` is
    below a level exactly if the interval at that level excludes 0.

    Args:
        found: An interval that was not cut to a range.
        level: How often the new interval may miss, in 0..1.

    Example:
        >>> wide = at_level(Estimate(0.02, 0.0004, 0.0396, 0.045, 1e-4, 0.0), 0.01)
        >>> round(wide.low, 4), round(wide.high, 4)
        (-0.0058, 0.0458)
    """
    if level == found.level or isnan(found.low):
        return replace(found, level=level)
    before, after = (reach(each, _parts(found)) for each in (found.level, level))
    stretch = after / before if before else 1.0
    return replace(
        found,
        low=found.value - stretch * (found.value - found.low),
        high=found.value + stretch * (found.high - found.value),
        level=level,
    )


def _parts(found: Estimate) -> Parts:
    return found.parts or ((1.0, found.df),)


def _p_value(value: float, low: float, high: float, parts: Parts) -> float:
    """Return the level at which a 95% interval, widened or narrowed, just reaches 0."""
    if value == 0:
        return 1.0
    half = value - low if value > 0 else high - value
    if half <= 0:
        return 0.0
    return min(1.0, outside(abs(value) / half * reach(LEVEL, parts), parts))


def degrees_of_freedom(
    by_images: ArrayLike, by_runs: ArrayLike, df_images: ArrayLike, df_runs: ArrayLike
) -> Floats:
    """Return those of the sum of two variances (Welch-Satterthwaite); infinite without variance."""
    a, b = np.asarray(by_images, np.float64), np.asarray(by_runs, np.float64)
    parts = a**2 / np.asarray(df_images) + b**2 / np.asarray(df_runs)
    df = np.full(parts.shape, inf)
    np.divide((a + b) ** 2, parts, out=df, where=parts > 0)
    return df


def estimate(
    observed: ArrayLike,
    resampled: Floats,
    run_groups: ArrayLike,
    num_clusters: float,
    seed: int,
    *,
    df_images: float | None = None,
    one_run: bool = False,
) -> Estimate:
    """Estimate the mean over runs of a paired difference, for new images and new runs.

    The interval combines two bootstraps, of images and of groups of runs, each corrected to an
    unbiased variance and to the tails of Student's t, and added draw by draw. Resampling both at
    once would count the interaction up to three times (Owen 2007, Annals of Applied Statistics),
    and plain percentiles of three to five runs are far too narrow (Hesterberg 2015, The American
    Statistician). It is never narrower than Student's t over the groups of runs. The variances add
    up as in Cameron, Gelbach & Miller 2011 (Journal of Business & Economic Statistics): images plus
    runs minus the interaction, which is in both.

    The draws go to the groups by their numbers: the order of the runs does not matter, and
    negating all differences negates the interval.

    Args:
        observed: The difference of each run on all images, shape (R,).
        resampled: The same on each resample of the images, shape (B, R). Resamples with a NaN are
            left out.
        run_groups: The group of each run, shape (R,). Groups are independent; runs within a group,
            such as the seeds of one configuration, need not be.
        num_clusters: The number of clusters of images; the effective number (`Clusters.effective`)
            if they differ in size.
        seed: Seeds the draws for the runs.
        df_images: Degrees of freedom of the images if fewer than ``num_clusters`` - 1: the IoU of a
            class is known only from the clusters that hold it.
        one_run: Whether one group of runs is enough: the interval is then over the images alone, as
            if every training would come out the same.

    Raises:
        ValueError: Fewer than two clusters of images or (without ``one_run``) two groups of runs:
            one has no variance.
    """
    values = np.asarray(observed, dtype=np.float64)
    _, index, sizes = np.unique(np.asarray(run_groups), return_inverse=True, return_counts=True)
    groups = len(sizes)
    if groups < (1 if one_run else 2) or num_clusters < 2:
        raise ValueError(
            "an interval needs at least two groups of runs and two clusters of images, "
            f"got {groups=}, {num_clusters=}"
        )
    value = float(values.mean())
    rows = resampled[~np.isnan(resampled).any(axis=1)]
    if np.isnan(value) or len(rows) < 2:
        return NOTHING

    share = sizes / len(values)
    membership = (index[:, None] == np.arange(groups)) / sizes
    by_group = rows @ membership
    deviations = by_group - by_group.mean(axis=0)
    pulls = share * (values @ membership - value)
    df_runs = max(1, groups - 1)  # the variance of one group is 0
    few_images, few_runs = num_clusters / (num_clusters - 1), groups / df_runs  # n / (n - 1)
    df_images = num_clusters - 1 if df_images is None else df_images

    # What the groups share on a resample is the effect of the images; the rest of each is
    # interaction. The spread of the observed groups contains the interaction a second time.
    covariance = few_images * (deviations.T @ deviations) / (len(rows) - 1)
    own = np.diagonal(covariance)
    shared = (covariance.sum() - own.sum()) / (groups * df_runs)
    interaction = max(0.0, float(share**2 @ (own - shared)))
    variance_images = float(share @ covariance @ share)
    variance_runs = max(0.0, few_runs * float(pulls @ pulls) - interaction)

    rng = _stream(seed, "runs")
    drawn = rng.integers(0, groups, (len(rows), groups))
    images_part = np.sqrt(few_images) * (deviations @ share)
    runs_part = pulls[drawn].sum(axis=1)  # its variance is pulls @ pulls: make it variance_runs
    runs_part *= np.sqrt(variance_runs / float(pulls @ pulls)) if variance_runs > 0 else 0.0
    draws = (
        value
        + images_part * _unknown_scale(rng, df_images, len(rows))
        + runs_part * _unknown_scale(rng, df_runs, len(rows))
    )
    low, high = (float(end) for end in np.quantile(draws, [LEVEL / 2, 1 - LEVEL / 2]))
    df = float(degrees_of_freedom(variance_images, variance_runs, df_images, df_runs))
    # Here the interaction stays with the runs, whose observed spread contains it: far out in the
    # tails that spread, which few runs may underestimate by chance, must not be reduced.
    of_runs = few_runs * float(pulls @ pulls)
    if groups > 1:
        low, high = _as_wide_as_the_runs(value, low, high, of_runs, df_runs)
    parts: Parts = ((max(0.0, variance_images - interaction), df_images), (of_runs, df_runs))
    if groups == 1:
        parts = ((variance_images, df_images),)
    return Estimate(
        value=value,
        low=low,
        high=high,
        p=_p_value(value, low, high, parts),
        variance_images=variance_images,
        variance_runs=variance_runs,
        df=df,
        parts=parts,
    )


def _as_wide_as_the_runs(
    value: float, low: float, high: float, variance: float, df: float
) -> tuple[float, float]:
    """Widen an interval that is narrower than Student's t over the runs alone; it keeps its skew.

    With two or three runs the spread minus the interaction is often 0 by chance, and the interval
    would be that of the images: it would miss in up to 14% of studies instead of 5%.
    """
    narrowest = float(stats.t.isf(LEVEL / 2, df)) * variance**0.5
    half = (high - low) / 2
    if half >= narrowest:
        return low, high
    if half == 0:
        return value - narrowest, value + narrowest
    stretch = narrowest / half
    return value - stretch * (value - low), value + stretch * (high - value)


def _unknown_scale(rng: np.random.Generator, df: float, count: int) -> Floats:
    """Draw ratios of a true standard deviation to one that was estimated with ``df``.

    A normal draw times such a ratio is a draw of Student's t; a skewed draw keeps its skew.
    """
    return np.sqrt(df / rng.chisquare(df, count))
