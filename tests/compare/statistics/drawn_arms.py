"""Arms of drawn pixels, whose counts are compared."""

from dataclasses import replace

import numpy as np

from segexp.compare.statistics.arms import ArmRuns, PairComparison, compare_arms
from segexp.compare.statistics.groups import ClassGroups, DroppedLabel
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.statistics.clusters import Clusters

NAMES = ("road", "building", "sky")
SEEDS = np.arange(3)


def make_clusters(images: int, kind: str = "none", count: int | None = None) -> Clusters:
    index = np.arange(images) if count is None else np.arange(images) * count // images
    return Clusters(kind, tuple(f"c{i}" for i in range(index.max() + 1)), index, None)


def make_pixels(runs=3, images=12, seed=0, shown=(0, 1, 2), right=0.7):
    """Ground truth (N, 4, 8) of a few classes, and predictions (R, N, 4, 8) of these and none."""
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(99).choice(shown, (images, 4, 8))
    guess = rng.integers(0, 4, (runs, *truth.shape))
    return truth, np.where(rng.random(guess.shape) < right, truth, guess)


def count(truth: np.ndarray, predictions: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.stack([confusion_matrices(truth, p, classes, classes + 1) for p in predictions])


def make_arm(name: str, seed: int, right: float = 0.7, argmax: float | None = None, **kwargs):
    """An arm whose own space has five classes, of which the common one merges two pairs."""
    truth, sums = make_pixels(seed=seed, right=right, **kwargs)
    _, argmaxes = make_pixels(seed=seed + 1, right=argmax or right, **kwargs)
    halves = np.random.default_rng(98).integers(0, 2, truth.shape)
    finer = np.where(truth < 2, 2 * truth + halves, 4)
    noise = np.random.default_rng(seed + 2).integers(0, 2, sums.shape)
    finest = np.where(sums < 2, 2 * sums + noise, sums + 2)
    return ArmRuns(name, count(finer, finest, 5), count(truth, sums), count(truth, argmaxes))


def compare(*arms: ArmRuns, groups=SEEDS, margin=0.01, resamples=500, **kwargs) -> PairComparison:
    clusters = kwargs.pop("clusters", None) or make_clusters(arms[0].common.shape[1])
    return compare_arms(arms, NAMES, groups, clusters, margin, resamples=resamples, **kwargs)[0]


def only_in(arm: ArmRuns, images: int) -> ArmRuns:
    """Take the class sky out of the truth of all images but the first few."""
    common, argmax = arm.common.copy(), arm.common_argmax.copy()
    for confusions in (common, argmax):
        confusions[:, images:, 2] = 0
    return replace(arm, common=common, common_argmax=argmax)


GROUPS = ClassGroups(
    ("untouched", "merged", "untouched"),
    (
        DroppedLabel("pole", ((2, "pole"), None)),
        DroppedLabel("sign", (None, (4, "sign and light"))),
        DroppedLabel("bridge", (None, None)),
    ),
)
