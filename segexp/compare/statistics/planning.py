"""Before a study: what a margin takes, and what a study of some size can find.

From the variances of a pilot: an earlier study of the same kind, or its first candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from segexp.compare.statistics.bootstrap import degrees_of_freedom
from segexp.compare.statistics.level import LEVEL
from segexp.compare.statistics.power import smallest_found, smallest_margin
from segexp.compare.statistics.sample_size import FEWEST_FOR_SPREAD
from segexp.core.errors import InputError
from segexp.core.wording import counted

MOST_RUNS, MOST_CLUSTERS = 1_000, 1_000_000
"""More than this is out of reach."""


@dataclass(frozen=True)
class Pilot:
    """How a difference of mIoU between two arms varies, by one of each that is drawn.

    Attributes:
        run_variance: Of one configuration's difference (or one seed's) around the mean.
        cluster_variance: Of one cluster of images, how each run fares on it included.
        images_per_cluster: 1 where every image is a cluster of its own.
        unit: What the runs are: ``configurations`` or ``seeds``.
        runs: How many there were.
    """

    run_variance: float
    cluster_variance: float
    images_per_cluster: float
    unit: str
    runs: int = 6

    def spread_range(self) -> tuple[float, float]:
        """Return how many times the pilot's the true spread over runs may be, with 90%.

        That of the standard deviation of ``runs`` normal values, from chi-square.

        Example:
            >>> low, high = Pilot(1.0, 1.0, 1.0, "configurations", runs=6).spread_range()
            >>> round(low, 2), round(high, 2)
            (0.67, 2.09)
        """
        df = self.runs - 1
        low, high = (df / stats.chi2.isf(tail, df) for tail in (0.05, 0.95))
        return float(low**0.5), float(high**0.5)


@dataclass(frozen=True)
class Size:
    """What reaches an aim in 80% of studies; None where it cannot be reached.

    Attributes:
        runs: Configurations (or seeds) on as many images as planned.
        images: Held-out images with as many runs as planned; of new clusters where images have
            such.
        together: Runs and images that grow in step from what is planned, the fewest.
    """

    runs: int | None
    images: int | None
    together: tuple[int, int] | None


@dataclass(frozen=True)
class Plan:
    """What a planned study can say, and what it would take for a margin.

    Attributes:
        detectable: The smallest difference that it finds in 80% of cases.
        margin: The smallest margin within which it calls equal arms equivalent in 80% of cases.
        to_find: What it takes to find a difference of the margin.
        to_be_equivalent: What it takes to be called equivalent where the difference is 0.
    """

    detectable: float
    margin: float
    to_find: Size
    to_be_equivalent: Size


def pilot_of(pair: Mapping[str, Any]) -> Pilot:
    """Take the variances from a pair of an ``ab_result.json``.

    Few runs tell little of their spread: see `Pilot.spread_range`.

    Args:
        pair: One object under ``pairs``.

    Raises:
        InputError: The pair says no variances, as those of older results; or it has fewer than
            three runs an arm, which tell nothing of how runs differ.
    """
    name = f"{pair.get('b')} against {pair.get('a')}"
    variance = pair.get("variance")
    if not variance or variance["images"] is None:
        raise InputError(
            f"{name}: the result says no variances; the same `segexp ab` again writes them, and "
            "trains nothing"
        )
    groups = pair["run_groups"]
    if groups < FEWEST_FOR_SPREAD:
        raise InputError(
            f"{name}: {counted(groups, 'run')} an arm {'does' if groups == 1 else 'do'} not tell "
            f"how runs differ; a pilot needs {FEWEST_FOR_SPREAD} candidates or more, such as "
            "those of --trials 10"
        )
    clusters = pair["effective_clusters"]
    return Pilot(
        run_variance=variance["runs"] * pair["run_groups"],
        cluster_variance=variance["images"] * clusters,
        images_per_cluster=pair["images"] / clusters,
        unit=pair["unit"],
        runs=groups,
    )


def plan_study(
    pilot: Pilot, margin: float, runs: int, images: int, *, level: float = LEVEL
) -> Plan:
    """Say what a study of so many runs and images can find, and what a margin would take.

    Args:
        pilot: How differences vary.
        margin: Differences below it do not matter, in mIoU.
        runs: Configurations (or seeds) of the planned study.
        images: Its held-out images.
        level: Of the interval that it will be judged by.

    Raises:
        InputError: A margin that is not positive, fewer than two runs or clusters of images.

    Example:
        >>> pilot = Pilot(0.03**2, 0.08**2, 1.0, "configurations")
        >>> plan = plan_study(pilot, margin=0.02, runs=6, images=64)
        >>> round(plan.detectable, 3), plan.to_find.runs, plan.to_find.images
        (0.048, None, None)
        >>> plan.to_find.together
        (31, 331)
    """
    clusters = images / pilot.images_per_cluster
    faults = []
    if not margin > 0:
        faults.append(f"margin: {margin!r} is not positive; 0.01 is a hundredth of mIoU")
    if runs < 2:
        faults.append(f"{pilot.unit}: {runs} have no spread; two at least are needed")
    if clusters < 2:
        faults.append(f"images: {images} are fewer than two clusters of the pilot")
    if faults:
        raise InputError(faults)

    def smallest(of: Callable[..., Any], runs: float, clusters: float) -> float:
        by_runs, by_clusters = pilot.run_variance / runs, pilot.cluster_variance / clusters
        df = degrees_of_freedom(by_clusters, by_runs, clusters - 1, runs - 1)
        return float(of(np.sqrt(by_runs + by_clusters), df, level))

    def size(of: Callable[..., Any]) -> Size:
        runs_needed = _fewest(lambda n: smallest(of, n, clusters) <= margin, runs, MOST_RUNS)
        clusters_needed = _fewest(
            lambda n: smallest(of, runs, n) <= margin, int(clusters), MOST_CLUSTERS
        )
        both = _fewest(lambda n: smallest(of, n, clusters * n / runs) <= margin, runs, MOST_RUNS)
        return Size(
            runs=runs_needed,
            images=(
                None
                if clusters_needed is None
                else round(clusters_needed * pilot.images_per_cluster)
            ),
            together=None if both is None else (both, round(images * both / runs)),
        )

    return Plan(
        detectable=smallest(smallest_found, runs, clusters),
        margin=smallest(smallest_margin, runs, clusters),
        to_find=size(smallest_found),
        to_be_equivalent=size(smallest_margin),
    )


def _fewest(enough: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the smallest number from ``least`` on that is enough; what is enough stays so."""
    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
