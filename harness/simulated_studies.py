"""A/B studies drawn from noise whose truth is known: how often does the interval miss it?

Both arms' networks are drawn from one distribution, so the true difference is exactly 0, but for a
planted one. Noise is drawn in log-odds of finding a pixel's class, per class: of an image for an
arm, of a run (seed or configuration), of an image in one run, and of a video sequence.
"""

from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.statistics.bootstrap import (
    Estimate,
    estimate,
    resample_weights,
    resampled_ious,
)
from segexp.evaluation.statistics.intervals import FEWEST_HOLDING

CLASS_SHARES = np.array([4.0, 2.0, 1.0, 0.5])
PIXELS = 2_000
MARGIN = 0.01
PLANTED = 0.0892  # log-odds that raise mIoU by 2 * MARGIN under MODEST (tests measure it)


@dataclass(frozen=True)
class Scenario:
    """Standard deviations of the noise in log-odds, and the shape of a study.

    Attributes:
        images: Of an image for an arm, whatever the run.
        runs: Of a group of runs.
        cells: Of an image in one run.
        sequences: Of a video sequence for an arm.
        num_images: N.
        sequence_length: Images of one sequence.
        groups: Independent groups of runs: seeds, or configurations.
        runs_per_group: Seeds of a configuration.
    """

    images: float = 0.0
    runs: float = 0.0
    cells: float = 0.0
    sequences: float = 0.0
    num_images: int = 50
    sequence_length: int = 1
    groups: int = 5
    runs_per_group: int = 1

    @property
    def clusters(self) -> NDArray[np.int64]:
        """The sequence of each image, (N,)."""
        return np.arange(self.num_images) // self.sequence_length

    @property
    def run_groups(self) -> NDArray[np.int64]:
        """The group of each run, (R,)."""
        return np.repeat(np.arange(self.groups), self.runs_per_group)


SCENARIOS = {
    "image x run only": Scenario(cells=0.6),
    "images, image x run": Scenario(images=0.4, cells=0.6),
    "runs, image x run": Scenario(runs=0.1, cells=0.6),
    "runs twice as strong, image x run": Scenario(runs=0.2, cells=0.6),
    "all three": Scenario(images=0.4, runs=0.1, cells=0.6),
    "runs above all": Scenario(images=0.4, runs=0.5, cells=0.6),
}
CLUSTERED = Scenario(sequences=0.4, runs=0.05, cells=0.5, sequence_length=5)
EQUAL = Scenario(sequences=0.2, runs=0.2, cells=0.5, num_images=120)
MODEST = Scenario(images=0.2, runs=0.03, cells=0.2, num_images=100)
DESIGNS = {"2 seeds": (2, 1), "3 seeds": (3, 1), "5 seeds": (5, 1), "8 configs x 3 seeds": (8, 3)}

Counts = NDArray[np.int64]


def simulate(scenario: Scenario, seed: list[int], planted: float = 0.0) -> tuple[Counts, Counts]:
    """Draw the confusion matrices of arms A and B, each (R, N, K, K + 1)."""
    rng = np.random.default_rng(seed)
    pixels = np.rint(PIXELS * rng.dirichlet(CLASS_SHARES, scenario.num_images)).astype(np.int64)
    difficulty = rng.normal(1.0, 0.5, pixels.shape)
    return (
        _arm(scenario, rng, pixels, difficulty),
        _arm(scenario, rng, pixels, difficulty + planted),
    )


def _arm(
    scenario: Scenario, rng: np.random.Generator, pixels: Counts, log_odds: NDArray[np.float64]
) -> Counts:
    images, classes = pixels.shape
    sequences = scenario.clusters.max() + 1
    log_odds = log_odds + scenario.images * rng.normal(size=(images, classes))
    log_odds += (scenario.sequences * rng.normal(size=(sequences, classes)))[scenario.clusters]
    by_group = scenario.runs * rng.normal(size=(scenario.groups, 1, classes))
    by_cell = scenario.cells * rng.normal(size=(len(scenario.run_groups), images, classes))
    right = np.rint(pixels / (1 + np.exp(-(log_odds + by_group[scenario.run_groups] + by_cell))))
    missed = pixels - right.astype(np.int64)
    matrices = np.zeros((*missed.shape, classes + 1), dtype=np.int64)
    for k in range(classes):
        matrices[..., k, k] = pixels[:, k] - missed[..., k]
        matrices[..., k, (k + 1) % classes] = missed[..., k] - missed[..., k] // 10
        matrices[..., k, classes] = missed[..., k] // 10
    return matrices


def deltas(arms: tuple[Counts, Counts], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mIoU of B minus mIoU of A, (B, R)."""
    a, b = (np.nanmean(resampled_ious(arm, weights), axis=2) for arm in arms)
    difference: NDArray[np.float64] = b - a
    return difference


def intervals(
    scenario: Scenario, studies: int, resamples: int, planted: float = 0.0, clustered: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate studies; return our intervals and those of the naive bootstrap, each (studies, 2).

    The naive one resamples images and groups of runs jointly, and takes plain percentiles.
    """
    clusters = scenario.clusters if clustered else np.arange(scenario.num_images)
    num_clusters = int(clusters.max()) + 1
    ours, naive = np.empty((studies, 2)), np.empty((studies, 2))
    own_numbers = [round(1_000 * value) for value in astuple(scenario)]
    for study in range(studies):
        arms = simulate(scenario, [study, *own_numbers], planted)
        observed = deltas(arms, np.ones((1, scenario.num_images)))[0]
        resampled = deltas(arms, resample_weights(clusters, resamples, study))
        found = estimate(observed, resampled, scenario.run_groups, num_clusters, study)
        ours[study] = found.low, found.high
        by_group = resampled.reshape(resamples, scenario.groups, scenario.runs_per_group).mean(
            axis=2
        )
        # Another stream: with as many groups as clusters, the same one would draw them together.
        rng = np.random.default_rng(np.random.SeedSequence(study).spawn(3)[2])
        drawn = rng.integers(0, scenario.groups, (resamples, scenario.groups))
        naive[study] = np.quantile(
            np.take_along_axis(by_group, drawn, axis=1).mean(axis=1), [0.025, 0.975]
        )
    return ours, naive


def misses(found: NDArray[np.float64], truth: float = 0.0) -> tuple[float, float]:
    """Return the shares of intervals wholly below and wholly above the truth."""
    return float(np.mean(found[:, 1] < truth)), float(np.mean(found[:, 0] > truth))


def alike_frames(num_images: int, alike: float, blocks: int, studies: int, resamples: int) -> float:
    """Return how often the interval misses for one video whose frames resemble their neighbours.

    The difference of an image follows its predecessor's with the correlation ``alike``; five runs
    add noise of the same size. The truth is 0.
    """
    index = np.arange(num_images) * blocks // num_images
    missed = 0
    for study in range(studies):
        rng = np.random.default_rng([study, num_images, blocks, round(100 * alike)])
        frames = rng.normal(size=num_images)
        for i in range(1, num_images):
            frames[i] = alike * frames[i - 1] + (1 - alike**2) ** 0.5 * frames[i]
        scores = frames[:, None] + rng.normal(size=(num_images, 5))
        weights = resample_weights(index, resamples, study)
        resampled = weights @ scores / weights.sum(axis=1, keepdims=True)
        found = estimate(scores.mean(axis=0), resampled, np.arange(5), blocks, study)
        missed += found.low > 0 or found.high < 0
    return missed / studies


def as_many_sequences() -> list[Scenario]:
    """Return the designs with as many sequences as groups of runs, whose draws could be the same.

    Sequences of 60, 40, 24 and 15 images.
    """
    return [
        replace(
            EQUAL,
            groups=groups,
            runs_per_group=runs_per_group,
            sequence_length=EQUAL.num_images // groups,
        )
        for groups, runs_per_group in DESIGNS.values()
    ]


RARE = Scenario(images=0.4, runs=0.1, cells=0.6, num_images=64)


def rare_class(mean: float, studies: int, resamples: int) -> dict[str, float]:
    """Return how often the interval of a class in about ``mean`` of 64 images misses.

    Every image has the class with the same probability, and as many of its pixels as a log-normal
    draw says (sigma 1.2); a fiftieth of a usual image's pixels is called so elsewhere. Studies
    whose images lack it have no interval by any way.

    Returns:
        ``before``: the misses with the degrees of freedom of all images, in all studies that have
        the class. ``none``: the share of them in which fewer than five images do, and no interval
        is given. ``now``: the misses of the others, by the images that hold the class.
    """
    before, now = [], []
    for study in range(studies):
        rng = np.random.default_rng([study, round(10 * mean), 5])
        held, arms = _one_class(rng, mean / RARE.num_images)
        if held == 0:
            continue
        drawn = resample_weights(np.arange(RARE.num_images), resamples, study)
        weights = np.vstack([np.ones(RARE.num_images), drawn])
        a, b = (resampled_ious(arm, weights)[..., 0] for arm in arms)
        given = ((b - a)[0], (b - a)[1:], RARE.run_groups, RARE.num_images, study)
        before.append(_misses_zero(estimate(*given)))
        if held >= FEWEST_HOLDING:
            now.append(_misses_zero(estimate(*given, df_images=held - 1)))
    return {
        "before": float(np.mean(before)),
        "none": 1 - len(now) / len(before),
        "now": float(np.mean(now)) if now else float("nan"),
    }


def _one_class(rng: np.random.Generator, share: float) -> tuple[int, list[Counts]]:
    """Draw one class and the rest, (R, N, 2, 2) for each arm, and how many images hold it."""
    images, runs = RARE.num_images, RARE.groups
    sizes = np.rint(400 * np.exp(1.2 * rng.normal(size=images)))
    pixels = np.where(rng.random(images) < share, sizes, 0).astype(np.int64)
    log_odds = rng.normal(0.5, 0.7, images)
    arms = []
    for _ in range(2):
        noise = RARE.images * rng.normal(size=images) + RARE.runs * rng.normal(size=(runs, 1))
        noise = noise + RARE.cells * rng.normal(size=(runs, images))
        right = np.rint(pixels / (1 + np.exp(-(log_odds + noise)))).astype(np.int64)
        wrongly = np.rint(8 * np.exp(0.8 * rng.normal(size=(runs, images)))).astype(np.int64)
        cells = np.stack([right, pixels - right, wrongly, np.zeros_like(right)], axis=-1)
        arms.append(cells.reshape(runs, images, 2, 2))
    return int((pixels > 0).sum()), arms


def _misses_zero(found: Estimate) -> bool:
    return found.low > 0 or found.high < 0
