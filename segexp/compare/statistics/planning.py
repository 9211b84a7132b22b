"""Before a study: what a margin needs, and what a study of a given size can find.

Calculated from the variances of a pilot: an earlier study of the same kind, or its first
candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from segexp.compare.statistics.power import smallest_found, smallest_margin
from segexp.compare.statistics.sample_size import FEWEST_FOR_SPREAD, PILOT_TRIALS
from segexp.core.errors import InputError
from segexp.core.wording import counted
from segexp.evaluation.statistics.bootstrap import degrees_of_freedom
from segexp.evaluation.statistics.level import LEVEL

MOST_RUNS, MOST_CLUSTERS = 1_000, 1_000_000
"""More than this is out of reach."""


@dataclass(frozen=True)
class Pilot:
    """How a difference of mIoU between two arms varies with one drawn run or cluster.

    Attributes:
        run_variance: Variance of one configuration's (or one seed's) difference around the mean.
        cluster_variance: Variance by one cluster of images, including how each run does on it.
        images_per_cluster: 1 if every image is its own cluster.
        unit: What the runs are: ``configurations`` or ``seeds``.
    """

    run_variance: float
    cluster_variance: float
    images_per_cluster: float
    unit: str
    runs: int = 6

    def spread_range(self) -> tuple[float, float]:
        """Return the 90% range of the true spread over runs, as multiples of the pilot's.

        By chi-square, for the standard deviation of ``runs`` normal values.

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
    """The size with which 80% of studies reach an aim; None if it is out of reach.

    Attributes:
        runs: Configurations (or seeds) on as many images as planned.
        images: Held-out images with as many runs as planned; of new clusters if images have
            clusters.
        together: The fewest runs and images, if both grow in step from the plan.
    """

    runs: int | None
    images: int | None
    together: tuple[int, int] | None


@dataclass(frozen=True)
class Plan:
    """What a planned study can say, and what a margin needs.

    Attributes:
        detectable: The smallest difference that it finds in 80% of cases.
        margin: The smallest margin within which it calls equal arms equivalent in 80% of cases.
        to_find: What is needed to find a difference of the margin.
        to_be_equivalent: What is needed for the verdict equivalent if the difference is 0.
    """

    detectable: float
    margin: float
    to_find: Size
    to_be_equivalent: Size


def pilot_of(pair: Mapping[str, Any]) -> Pilot:
    """Take the variances from a pair of an ``ab_result.json``.

    Few runs tell little about their spread: see `Pilot.spread_range`.

    Args:
        pair: One object under ``pairs``.

    Raises:
        InputError: The pair has no variances, as in older results; or it has fewer than three runs
            per arm, which do not tell how runs differ.
    """
    name = f"{pair.get('b')} against {pair.get('a')}"
    variance = pair.get("variance")
    if not variance or variance["images"] is None:
        raise InputError(
            f"{name}: the result has no variances; repeat the same `segexp ab` command to add "
            "them, which trains nothing"
        )
    groups = pair["run_groups"]
    if groups < FEWEST_FOR_SPREAD:
        raise InputError(
            f"{name}: {counted(groups, 'run')} per arm {'does' if groups == 1 else 'do'} not tell "
            f"how runs differ; a pilot needs {FEWEST_FOR_SPREAD} candidates or more, such as "
            f"those of --trials {PILOT_TRIALS}"
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
    """Say what a study of a given size can find, and what a margin would need.

    Args:
        margin: Differences below it do not matter, in mIoU.
        runs: Configurations (or seeds) of the planned study.
        level: Level of the interval that it will be judged by.

    Raises:
        InputError: Fewer than two runs or clusters of images.

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
    if runs < 2:
        faults.append(f"{pilot.unit}: {runs} have no spread; at least two are needed")
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
    """Return the smallest sufficient number from ``least`` on; all larger numbers suffice, too."""
    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
