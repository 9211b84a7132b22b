"""Whole A/B studies over recorded curves: search, choice, final trainings, interval, verdict.

The searches are those of `replay`: segexp's samplers and pruner over a table. What a training's
seed does is drawn from configurations that were recorded with two seeds, among those of a similar
score: to the curve that a search sees, and to each final training. What the held-out images do is
one of the recorded resamples for the whole study; the others are its bootstrap. So a replayed study
has all the luck of a real one: search, seeds, images. `calibration_search.py` prints how it fares.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.paired import FEW_IMAGES, IMAGES, MAPPINGS, TABLE, UNIT, VARIED_BY_IMAGES
from harness.replay import Method, Replay, Table, place_of
from segexp.compare.candidates import best_first, choose_candidates
from segexp.compare.statistics.spending import nominal_levels
from segexp.compare.statistics.verdict import Verdict, verdict
from segexp.evaluation.statistics.bootstrap import Estimate, at_level, estimate
from segexp.study.config import Pruner, Sampler

Floats = NDArray[np.float64]
Rows = NDArray[np.int16]

MARGIN = 0.01

SIMILAR = 10
"""How many recorded configurations count as of a similar score."""

SEARCH = Method(
    "the default study's",
    Sampler(name="tpe"),
    Pruner(name="successive_halving", options={"reduction_factor": 4, "promotion": True}),
    baseline_first=True,
)


@dataclass(frozen=True, eq=False)
class Luck:
    """What another seed and other images did to C configurations, each with two seeds.

    Attributes:
        levels: Mean held-out mIoU of the two, (C,).
        curves: What a seed does to the objective after each epoch, (C, E): the difference of the
            two over the square root of 2.
        finals: What it does to held-out mIoU, (C,).
        shared: What the images do to a configuration, by number of images, (C, B).
        own: What they do to a single run of it beyond that, likewise.
    """

    levels: Floats
    curves: Floats
    finals: Floats
    shared: dict[int, Floats]
    own: dict[int, Floats]

    def alike(self, levels: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw for each level one of the configurations whose own is among the nearest."""
        nearest = np.abs(levels[:, None] - self.levels).argsort(axis=1, kind="stable")
        return nearest[
            np.arange(len(levels)), rng.integers(0, min(SIMILAR, nearest.shape[1]), len(levels))
        ]


@dataclass(frozen=True, eq=False)
class World:
    """Two arms over N configurations of which everything is known.

    Attributes:
        name: What the tables call it.
        table: The configurations; its curves are those of the first arm.
        curves: The objective of each arm after each epoch but for luck, 2 x N x E.
        truth: Held-out mIoU of each arm but for luck, 2 x N.
        luck: Of its trainings.
    """

    name: str
    table: Table
    curves: Floats
    truth: Floats
    luck: Luck


@dataclass(frozen=True)
class Design:
    """What a study trains after its searches.

    Attributes:
        trials: Of each arm's search.
        candidates: Configurations that are trained in both arms; None: each arm trains the winner
            of its own search.
        seeds: How often each is trained in an arm.
        images: Held-out images, 64 or 512.
        looks: After how many candidates to look, ascending, the last after all; the study ends at
            the first that settles it. None is a single look.
    """

    trials: int
    candidates: int | None
    seeds: int = 1
    images: int = IMAGES
    looks: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        ranked: Rows of the table, the best first, by how many trials there had been.
        epochs: Epochs trained until then, likewise.
    """

    ranked: dict[int, list[int]]
    epochs: dict[int, int]


@dataclass(frozen=True)
class Answer:
    """What a replayed study came to.

    Attributes:
        difference: The estimate, with the interval that the verdict is of.
        verdict: That of segexp.
        truth: The true difference of all that the design trains.
        epochs: Trained in an arm, both arms' mean.
    """

    difference: Estimate
    verdict: Verdict
    truth: float
    epochs: float


def search(world: World, arm: int, seed: int, trials: Sequence[int], noise: int) -> Found:
    """Search one arm.

    Args:
        world: Where.
        arm: 0 or 1.
        seed: Of the sampler.
        trials: After how many trials to look, ascending.
        noise: Seed of the luck of its trainings.
    """
    rng = np.random.default_rng([noise, arm, 1])
    luck, curves = world.luck, world.curves[arm]
    drawn = luck.alike(world.truth[arm], rng)
    signs = rng.choice([-1.0, 1.0], (len(drawn), 1))
    seen = np.clip(curves + signs * luck.curves[drawn], 0.0, 1.0)
    replay = Replay(replace(world.table, curves=seen), SEARCH, seed)
    row_of = {_key(params): row for row, params in enumerate(world.table.params)}
    ranked, epochs, spent = {}, {}, 0
    for count in trials:
        spent += replay.advance(count)
        found = best_first(replay.study.get_trials(deepcopy=False))
        ranked[count] = [row_of[_key(params)] for params in found]
        epochs[count] = spent
    return Found(ranked, epochs)


def answer(world: World, found: tuple[Found, Found], design: Design, seed: int) -> Answer:
    """Train what a design wants of two searches, and estimate the difference as segexp does."""
    rng = np.random.default_rng([seed, 2])
    rows = trained(found, design, seed)
    arms = [train(world, arm, rows[arm], design, seed, rng) for arm in (0, 1)]
    differences = arms[1][0] - arms[0][0]
    deviations = (arms[1][1] - arms[0][1]).T
    these = int(rng.integers(len(deviations)))  # the study's own images
    observed = differences + deviations[these]
    resampled = observed + np.delete(deviations, these, axis=0)
    configs = rows.shape[1]
    looks = design.looks or (configs,)
    for looked, level in zip(looks, levels_of(looks), strict=True):
        runs = slice(looked * design.seeds)
        groups = np.arange(looked * design.seeds)
        if looked > 1:
            groups //= design.seeds
        at_95 = estimate(observed[runs], resampled[:, runs], groups, design.images, seed)
        judged = at_level(at_95, level)
        said = verdict(judged.low, judged.high, MARGIN)
        if said != "not enough evidence":
            break
    searched = float(np.mean([one.epochs[design.trials] for one in found]))
    return Answer(
        difference=judged,
        verdict=said,
        truth=float((world.truth[1][rows[1]] - world.truth[0][rows[0]]).mean()),
        epochs=searched + world.table.curves.shape[1] * design.seeds * looked,
    )


def train(
    world: World,
    arm: int,
    rows: NDArray[np.int64],
    design: Design,
    seed: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draw what the final trainings of an arm score, R of them.

    Returns:
        Held-out mIoU on all images, (R,), and how much more it is on each resample, (R, B).
    """
    luck, levels = world.luck, world.truth[arm][rows]
    # Of one stream in both arms: in an A/A world the images do the same to both.
    place = np.random.default_rng([seed, 3])
    shared = luck.shared[design.images][luck.alike(levels, place)]
    runs = np.repeat(levels, design.seeds)
    drawn = luck.alike(runs, rng)
    by_seeds = rng.choice([-1.0, 1.0], len(runs)) * luck.finals[drawn]
    own = luck.own[design.images][luck.alike(runs, rng)]
    own = own * rng.choice([-1.0, 1.0], (len(runs), 1))
    return runs + by_seeds, np.repeat(shared, design.seeds, axis=0) + own


@cache
def levels_of(looks: tuple[int, ...]) -> tuple[float, ...]:
    """Return the level of each look (`segexp.compare.statistics.spending`)."""
    return nominal_levels(0.05, [looked / looks[-1] for looked in looks])


def trained(found: tuple[Found, Found], design: Design, seed: int) -> NDArray[np.int64]:
    """Return the rows of the table that each arm trains in the end, 2 x configurations.

    Where an early look sees a part of them they are mixed, as in segexp.
    """
    ranked = [one.ranked[design.trials] for one in found]
    if design.candidates is None:
        return np.array([[rows[0]] for rows in ranked])
    params = [[{"row": row} for row in rows] for rows in ranked]
    chosen = [c.params["row"] for c in choose_candidates(params, design.candidates)]
    if design.looks:
        np.random.default_rng([seed, 4]).shuffle(chosen)
    return np.array([chosen, chosen])


def same_mapping(table: Table, mapping: str, luck: Luck) -> World:
    """Make an A/A world: the configurations of a table that have a mapping, in both arms."""
    rows = [row for row, params in enumerate(table.params) if params["mapping"] == mapping]
    one = _without_mapping(table, rows)
    curves = np.stack([one.curves, one.curves])
    return World(f"{mapping} in both arms", one, curves, curves.max(axis=2), luck)


def with_differences(world: World, name: str, differences: Floats) -> World:
    """Add a difference to each configuration of the second arm, growing as its curve does.

    Args:
        world: An A/A world.
        name: Of the new one.
        differences: Of held-out mIoU, (N,).
    """
    share = world.curves[1] / world.curves[1].max(axis=1, keepdims=True)
    curves = np.stack([world.curves[0], world.curves[1] + differences[:, None] * share])
    truth = np.stack([world.truth[0], world.truth[1] + differences])
    return replace(world, name=name, curves=curves, truth=truth)


@dataclass(frozen=True, eq=False)
class Pairs:
    """C configurations under both mappings, from record_paired.py.

    Attributes:
        heldout: mIoU in the common space on the held-out images, mappings x seeds x C; NaN where
            there was no second seed.
        luck: Of those with two seeds, under either mapping.
        head: The table's provenance, line by line.
    """

    heldout: Floats
    luck: Luck
    head: list[str]

    @property
    def noise(self) -> float:
        """The standard deviation of held-out mIoU over the seeds of a configuration."""
        return float(np.sqrt((self.luck.finals**2).mean()))

    @property
    def differences(self) -> Floats:
        """The second mapping less the first, for each configuration, (C,)."""
        found: Floats = np.diff(np.nanmean(self.heldout, axis=1), axis=0)[0]
        return found

    @property
    def spread(self) -> float:
        """The standard deviation of the differences over configurations, without seeds' noise."""
        seeds = (~np.isnan(self.heldout)).sum(axis=1)
        by_seeds = self.noise**2 * (1 / seeds).sum(axis=0).mean()
        return float(np.sqrt(max(0.0, self.differences.var(ddof=1) - by_seeds)))

    def drawn(self, levels: Floats, rng: np.random.Generator) -> Floats:
        """Draw a recorded difference for each level, of a configuration of a similar one.

        They are brought closer to their mean, so that seeds' noise is not in their spread.
        """
        own = np.nanmean(self.heldout, axis=(0, 1))
        nearest = np.abs(levels[:, None] - own).argsort(axis=1, kind="stable")
        picked = nearest[
            np.arange(len(levels)), rng.integers(0, min(SIMILAR, nearest.shape[1]), len(levels))
        ]
        found = self.differences
        shrunk = self.spread / found.std(ddof=1)
        drawn: Floats = found.mean() + shrunk * (found[picked] - found.mean())
        return drawn


def read_pairs() -> Pairs:
    """Read what record_paired.py wrote."""
    lines = TABLE.read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    numbers = {(r["mapping"], int(r["row"]), int(r["seed"])): n for n, r in enumerate(rows)}
    configs = sorted({int(row["row"]) for row in rows})
    scores = np.array([float(row["heldout"]) for row in rows])
    heldout = np.full((len(MAPPINGS), 2, len(configs)), np.nan)
    for (mapping, row, seed), number in numbers.items():
        heldout[MAPPINGS.index(mapping), seed - 1, configs.index(row)] = scores[number]
    twice = [
        (numbers[mapping, row, 1], numbers[mapping, row, 2])
        for mapping in MAPPINGS
        for row in configs
        if (mapping, row, 2) in numbers
    ]
    order = np.array(twice).T
    names = [name for name in rows[0] if name.startswith("epoch_")]
    curves = np.array([[float(row[name]) for name in names] for row in rows])
    with np.load(VARIED_BY_IMAGES) as packed:
        images = {FEW_IMAGES: packed["few"] * UNIT, IMAGES: packed["many"] * UNIT}
    luck = _luck(curves[order], scores[order], {n: found[order] for n, found in images.items()})
    return Pairs(heldout, luck, [line[2:] for line in lines if line.startswith("#")])


def _luck(curves: Floats, heldout: Floats, images: dict[int, Floats]) -> Luck:
    """Tell the luck of two seeds, the first axis, and of images apart."""
    shared, own = {}, {}
    for number, found in images.items():
        first, second = found - found.mean(axis=-1, keepdims=True)
        together = float((first * second).mean())
        alone = float((first**2 + second**2).mean()) / 2 - together
        mean = (first + second) / 2
        # The mean of two runs still has half of what is their own.
        shared[number] = mean * np.sqrt(together / (together + alone / 2))
        own[number] = (first - second) / np.sqrt(2)
    return Luck(
        levels=heldout.mean(axis=0),
        curves=(curves[0] - curves[1]) / np.sqrt(2),
        finals=(heldout[0] - heldout[1]) / np.sqrt(2),
        shared=shared,
        own=own,
    )


def _without_mapping(table: Table, rows: Sequence[int]) -> Table:
    """Return some rows of a table, for a search whose mapping is given."""
    space = _without(table.space)
    params = [_without(table.params[row]) for row in rows]
    baseline = table.baseline
    return replace(
        table,
        params=params,
        curves=table.curves[rows],
        seconds=table.seconds[rows],
        places=np.array([place_of(p, space) for p in params]),
        baseline=None if baseline is None or baseline not in rows else list(rows).index(baseline),
        space=space,
    )


def _without(by_name: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in by_name.items() if name != "mapping"}


def _key(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))
