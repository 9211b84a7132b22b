"""Studies of several looks and of several pairs of arms, drawn from noise: how often do they err?

A study adds configurations until its verdict on them is "better" or "worse", or "equivalent", or
until twelve have been trained. Every configuration's difference is scored on the same images:
images, configurations and how each configuration fares on each image add noise.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from segexp.compare.statistics.family import pair_levels
from segexp.compare.statistics.spending import nominal_levels
from segexp.compare.statistics.verdict import Verdict, verdict
from segexp.evaluation.statistics.bootstrap import Estimate, at_level, estimate, resample_weights
from segexp.evaluation.statistics.level import LEVEL

MARGIN = 0.01
MOST = 12
IMAGES = 64
DIFFERENCES = (0.0, 0.03, 0.05)


@dataclass(frozen=True)
class Noise:
    """Standard deviations of a difference: by configuration, by image, and by image in each."""

    configurations: float
    images: float
    cells: float


NOISES = {
    "configurations differ": Noise(0.035, 0.0, 0.05),
    "configurations and images differ": Noise(0.03, 0.05, 0.05),
}


@dataclass(frozen=True)
class Plan:
    """When a study is looked at: after so many configurations, each look at its level."""

    looks: tuple[int, ...]
    levels: tuple[float, ...]


def fixed(*looks: int) -> Plan:
    """Judge every look by a 95% interval."""
    return Plan(looks, (LEVEL,) * len(looks))


def spending(*looks: int) -> Plan:
    """Spend the 5% over the looks."""
    return Plan(looks, nominal_levels(LEVEL, [count / MOST for count in looks]))


EVERY_OTHER = (4, 6, 8, 10, 12)
PLANS = {
    "one look, at 12": fixed(MOST),
    "looks at 4, 6, ... 12 until settled, 95% each": fixed(*EVERY_OTHER),
    "looks at 4, 5, 6, ... 12 until settled, 95% each": fixed(*range(4, MOST + 1)),
    "looks at 4, 8, 12, alpha spent": spending(4, 8, 12),
    "looks at 4, 6, ... 12, alpha spent": spending(*EVERY_OTHER),
    "looks at 4, 5, 6, ... 12, alpha spent": spending(*range(4, MOST + 1)),
}


def estimates(noise: Noise, truth: float, study: int, resamples: int) -> dict[int, Estimate]:
    """Draw one study, and estimate its difference from its first 4, 5, ... 12 configurations."""
    rng = np.random.default_rng([study, round(1_000 * noise.images), round(1_000 * truth)])
    table = truth + noise.configurations * rng.normal(size=MOST)
    table = table + noise.images * rng.normal(size=(IMAGES, 1))
    table += noise.cells * rng.normal(size=(IMAGES, MOST))
    resampled = resample_weights(np.arange(IMAGES), resamples, study) @ table / IMAGES
    observed = table.mean(axis=0)
    return {
        count: estimate(observed[:count], resampled[:, :count], np.arange(count), IMAGES, study)
        for count in range(4, MOST + 1)
    }


def settled(found: dict[int, Estimate], plan: Plan) -> tuple[Verdict, int]:
    """Return the verdict that a study ends with, and after how many configurations."""
    for count, level in zip(plan.looks, plan.levels, strict=True):
        now = at_level(found[count], level)
        judged = verdict(now.low, now.high, MARGIN)
        if judged != "not enough evidence":
            return judged, count
    return "not enough evidence", plan.looks[-1]


def shares(
    noise: Noise, truth: float, studies: int, resamples: int
) -> dict[str, tuple[float, float, NDArray[np.int64]]]:
    """Simulate studies; return by plan the shares called worse and better, and the counts."""
    ends: dict[str, list[tuple[Verdict, int]]] = {name: [] for name in PLANS}
    for study in range(studies):
        found = estimates(noise, truth, study, resamples)
        for name, plan in PLANS.items():
            ends[name].append(settled(found, plan))
    return {
        name: (
            float(np.mean([judged == "worse" for judged, _ in listed])),
            float(np.mean([judged == "better" for judged, _ in listed])),
            np.array([count for _, count in listed]),
        )
        for name, listed in ends.items()
    }


def by_students_t(looks: tuple[int, ...], studies: int = 100_000) -> float:
    """Return how often equal arms are settled by t tests of their configurations, alpha spent."""
    values = np.random.default_rng(0).normal(size=(studies, MOST))
    found = np.zeros(studies, dtype=bool)
    for count, level in zip(looks, spending(*looks).levels, strict=True):
        first = values[:, :count]
        error = first.std(axis=1, ddof=1) / count**0.5
        found |= np.abs(first.mean(axis=1)) > stats.t.isf(level / 2, count - 1) * error
    return float(found.mean())


def among_equal_arms(arms: int, studies: int, resamples: int) -> tuple[float, float]:
    """Return how often any pair of equal arms is called better or worse, apart and together.

    Six configurations of each arm, scored on the same images; each arm has its own noise.
    """
    noise, runs = NOISES["configurations and images differ"], 6
    apart = together = 0
    for study in range(studies):
        rng = np.random.default_rng([study, arms])
        weights = resample_weights(np.arange(IMAGES), resamples, study)
        scores = noise.configurations * rng.normal(size=(arms, 1, runs))
        scores = scores + noise.images * rng.normal(size=(arms, IMAGES, 1))
        scores += noise.cells * rng.normal(size=(arms, IMAGES, runs))
        tables = [b - a for a, b in combinations(scores / 2**0.5, 2)]
        pairs = [
            estimate(t.mean(axis=0), weights @ t / IMAGES, np.arange(runs), IMAGES, study)
            for t in tables
        ]
        levels = pair_levels(pairs, MARGIN)
        judged = [at_level(pair, level) for pair, level in zip(pairs, levels, strict=True)]
        apart += any(verdict(p.low, p.high, MARGIN) in {"better", "worse"} for p in pairs)
        together += any(verdict(p.low, p.high, MARGIN) in {"better", "worse"} for p in judged)
    return apart / studies, together / studies
