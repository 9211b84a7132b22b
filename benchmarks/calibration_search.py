"""Replay whole A/B studies over recorded curves, and print how often their answers are wrong.

python benchmarks/calibration_search.py --directory DIR              # the tables of docs/method.md
python benchmarks/calibration_search.py --directory DIR --searches 20 --studies 200    # a look

The searches cost the time (0.2 s for 50 trials), so each is kept in DIR and is in several studies,
every time against another search. A study of 20 trials is the first part of one of 50.
"""

import argparse
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from study import machine

from harness.paired import CURVES, FEW_IMAGES, IMAGES, MAPPINGS, TABLE
from harness.replay import read_table
from harness.replayed_ab import (
    SEARCH,
    Answer,
    Design,
    Found,
    Pairs,
    World,
    answer,
    read_pairs,
    same_mapping,
    search,
    trained,
    with_differences,
)
from segexp.core.files import write_atomic

TRIALS = (10, 20, 50)
PLANTED = 0.03
OTHER = 100_000
"""Beyond the seeds of the first arm."""

WINNERS = [Design(n, None, 5, FEW_IMAGES) for n in TRIALS]
SHARED = [Design(n, 3 * n // 10, images=images) for n in TRIALS for images in (FEW_IMAGES, IMAGES)]
LEVERS = [
    Design(20, None, 5, FEW_IMAGES),
    Design(20, 6, images=FEW_IMAGES),
    Design(20, 6),
    Design(20, 6, 2),
    Design(20, 6, 3),
    Design(24, 7, 2),
    Design(30, 9, images=FEW_IMAGES),
    Design(30, 9),
    Design(30, 9, looks=(3, 6, 9)),
    Design(30, 9, 2, looks=(3, 6, 9)),
    Design(40, 12, images=FEW_IMAGES),
    Design(40, 12),
    Design(40, 12, looks=(4, 8, 12)),
    Design(40, 12, 2, looks=(4, 8, 12)),
    Design(50, 15),
    Design(50, 15, looks=(5, 10, 15)),
]
ALL_TRIALS = tuple(sorted({design.trials for design in LEVERS} | set(TRIALS)))


@dataclass(frozen=True)
class Cell:
    """Studies of one design in one world.

    Attributes:
        kind: Of the world, see `world_of`.
        mapping: Whose curves it has.
        design: Of the studies.
        in_step: Whether both arms of a study have one sampler seed.
        beside: What is added to the true difference of all configurations.
    """

    kind: str
    mapping: str
    design: Design
    in_step: bool = False
    beside: float = 0.0


@dataclass(frozen=True)
class Scale:
    """How much is replayed.

    Attributes:
        directory: Keeps the searches.
        searches: Of an arm.
        studies: Of a cell.
    """

    directory: Path
    searches: int
    studies: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, required=True, help="keeps the searches")
    parser.add_argument("--searches", type=int, default=500, help="of an arm")
    parser.add_argument("--studies", type=int, default=2_000, help="of a cell")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that replay
    scale = Scale(given.directory, given.searches, given.studies)
    print_head(read_pairs(), scale)
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        for searched in all_searches():
            search_all(searched, scale, pool)

        def replayed(cells: Sequence[Cell]) -> list[list[Answer]]:
            return list(pool.map(replay_cell, [(cell, scale) for cell in cells]))

        print_false(replayed)
        print_real(replayed)
        print_levers(replayed, scale)


Searched = tuple[str, str, int, int, int]
"""A kind of world, its mapping, the arm, and the first seed of the sampler and of the luck."""


def first_arm(mapping: str) -> Searched:
    return "equal", mapping, 0, 0, 0


def second_arm(kind: str, mapping: str, in_step: bool) -> Searched:
    return (kind, mapping, 1, 0, 2 * OTHER) if in_step else (kind, mapping, 1, OTHER, OTHER)


def all_searches() -> list[Searched]:
    found = [first_arm(mapping) for mapping in MAPPINGS]
    found += [second_arm("equal", m, in_step) for m in MAPPINGS for in_step in (False, True)]
    found += [second_arm("recorded", mapping, False) for mapping in MAPPINGS]
    return [*found, second_arm("planted", MAPPINGS[0], False)]


def file_of(searched: Searched, scale: Scale) -> Path:
    """Name the file that keeps searches; other tables or another method have other files."""
    tables = CURVES.read_bytes() + TABLE.read_bytes()
    digest = hashlib.sha256(tables + repr((SEARCH, ALL_TRIALS)).encode()).hexdigest()[:8]
    name = "-".join(map(str, (digest, *searched, scale.searches)))
    return scale.directory / f"{name}.json"


def search_all(searched: Searched, scale: Scale, pool: ProcessPoolExecutor) -> None:
    """Search an arm with as many seeds, unless that was done before."""
    file = file_of(searched, scale)
    if not file.is_file():
        kind, mapping, arm, seed, noise = searched
        tasks = [(kind, mapping, arm, seed + i, noise + i) for i in range(scale.searches)]
        found = list(pool.map(search_one, tasks, chunksize=5))
        write_atomic(file, json.dumps([asdict(one) for one in found]).encode())


def search_one(task: Searched) -> Found:
    kind, mapping, arm, seed, noise = task
    return search(world_of(kind, mapping), arm, seed, ALL_TRIALS, noise)


@cache
def read_searches(file: Path) -> list[Found]:
    return [
        Found(*({int(n): kept for n, kept in part.items()} for part in one.values()))
        for one in json.loads(file.read_text())
    ]


def replay_cell(task: tuple[Cell, Scale]) -> list[Answer]:
    """Replay the studies of a cell."""
    cell, scale = task
    world = world_of(cell.kind, cell.mapping)
    world = replace(world, truth=world.truth + np.array([[0.0], [cell.beside]]))
    return [answer(world, both, cell.design, n) for n, both in enumerate(pairs_of(cell, scale))]


def true_mean(cell: Cell, scale: Scale) -> float:
    """Return the true difference of what the studies of a cell train, on average."""
    truth = world_of(cell.kind, cell.mapping).truth
    rows = [trained(both, cell.design, n) for n, both in enumerate(pairs_of(cell, scale))]
    return float(np.mean([(truth[1][second] - truth[0][first]).mean() for first, second in rows]))


def pairs_of(cell: Cell, scale: Scale) -> list[tuple[Found, Found]]:
    """Pair the searches of both arms, each as often as every other, in turn with others."""
    first = read_searches(file_of(first_arm(cell.mapping), scale))
    second = read_searches(file_of(second_arm(cell.kind, cell.mapping, cell.in_step), scale))
    rng = np.random.default_rng(0)
    found: list[tuple[Found, Found]] = []
    while len(found) < scale.studies:
        partners = np.arange(len(second)) if cell.in_step else rng.permutation(len(second))
        found += [(one, second[partner]) for one, partner in zip(first, partners, strict=True)]
    return found[: scale.studies]


@cache
def world_of(kind: str, mapping: str) -> World:
    """Make one of the worlds over the recorded curves of a mapping.

    ``equal`` has it in both arms. In the others the second arm differs: by what was ``recorded`` of
    configurations under both mappings, or by PLANTED with the recorded spread.
    """
    pairs = read_pairs()
    world = same_mapping(read_table(CURVES), mapping, pairs.luck)
    if kind == "equal":
        return world
    rng = np.random.default_rng(0)
    levels = world.truth[0]
    if kind == "recorded":
        return with_differences(world, kind, pairs.drawn(levels, rng))
    spread = rng.normal(0.0, pairs.spread, len(levels))
    return with_differences(world, kind, PLANTED + spread - spread.mean())


def print_head(pairs: Pairs, scale: Scale) -> None:
    table = read_table(CURVES)
    for name, head in ((CURVES.name, table.head), (TABLE.name, pairs.head)):
        print(f"{name}: {' '.join(head)}\n")
    twice = len(pairs.luck.finals)
    print(
        f"Replayed with optuna {version('optuna')} and numpy {version('numpy')} on {machine()}. "
        f"{pairs.heldout.shape[2]} configurations under both mappings, {twice} pairs of seeds: "
        f"held-out mIoU has a standard deviation of {pairs.noise:.3f} over seeds; "
        f"{MAPPINGS[1]} less {MAPPINGS[0]} is {pairs.differences.mean():+.3f} on average, with a "
        f"standard deviation of {pairs.spread:.3f} over configurations without the seeds' noise. "
        f"{scale.studies:,} studies a cell, of {scale.searches} searches an arm.\n"
    )


Replayed = Callable[[Sequence[Cell]], list[list[Answer]]]


def print_false(replayed: Replayed) -> None:
    rows = [(design, in_step) for design in WINNERS for in_step in (True, False)]
    rows += [(design, False) for design in SHARED]
    found = replayed([Cell("equal", m, design, step) for design, step in rows for m in MAPPINGS])
    print(
        "The same mapping in both arms: how often the answer is better or worse; in brackets how "
        "often two studies contradict each other, and the standard deviation of the difference."
        f"\n\n| design | trials | images | {' | '.join(MAPPINGS)} | epochs an arm |\n"
        f"|{'---|' * 6}"
    )
    for (design, in_step), of_mappings in zip(
        rows, zip(found[::2], found[1::2], strict=True), strict=True
    ):
        name = described(design) + ", one sampler seed" * in_step
        cells = [f"{false(f):.1%} ({contradict(f):.1%}; {spread(f):.3f})" for f in of_mappings]
        print_row([*named(name, design), *cells, f"{epochs(itertools.chain(*of_mappings)):.0f}"])
    print(flush=True)


def print_real(replayed: Replayed) -> None:
    cells = [Cell("recorded", m, design) for design in [*WINNERS, *SHARED] for m in MAPPINGS]
    print(
        f"{' against '.join(MAPPINGS)}, differences as recorded, over the curves of either: how "
        "often the interval misses the mean difference that the design estimates (of all replayed "
        "studies), what the answers are, and how often two studies contradict each other.\n\n"
        "| design | trials | images | curves of | truth | interval misses | better | worse "
        f"| equivalent | contradict |\n|{'---|' * 10}"
    )
    for cell, found in zip(cells, replayed(cells), strict=True):
        truth = estimand(found)
        said = [f"{share(found, v):.1%}" for v in ("better", "worse", "equivalent")]
        numbers = [f"{truth:+.3f}", f"{missed(found, truth):.1%}", *said]
        name = described(cell.design)
        print_row([*named(name, cell.design), cell.mapping, *numbers, f"{contradict(found):.1%}"])
    print(flush=True)


def print_levers(replayed: Replayed, scale: Scale) -> None:
    base = MAPPINGS[0]
    # What searches prefer has another mean difference than all configurations.
    beside = [PLANTED - true_mean(Cell("planted", base, design), scale) for design in LEVERS]
    cells = [Cell("planted", base, d, beside=more) for d, more in zip(LEVERS, beside, strict=True)]
    there, without = replayed(cells), replayed([Cell("equal", base, d) for d in LEVERS])
    print(
        f"Power: {base} in both arms, and a true difference of {PLANTED:+g} in what the design "
        "estimates, with the recorded spread over configurations.\n\n"
        "| design | trials | images | looks | found | interval misses | false without a difference "
        "| standard deviation | epochs an arm | without a difference | at most |\n"
        f"|{'---|' * 11}"
    )
    for design, found, equal in zip(LEVERS, there, without, strict=True):
        looks = ", ".join(map(str, design.looks or ("-",)))
        rates = [f"{share(found, 'better'):.0%}", f"{missed(found, PLANTED):.1%}"]
        rates += [f"{false(equal):.1%}", f"{spread(found):.4f}"]
        cost = [epochs(found), epochs(equal), max(one.epochs for one in found)]
        name = described(design)
        print_row([*named(name, design), looks, *rates, *(f"{count:.0f}" for count in cost)])


def described(design: Design) -> str:
    if design.candidates is None:
        return f"winners x {design.seeds} seeds"
    return f"{design.candidates} candidates x {design.seeds} seed{'s' * (design.seeds > 1)}"


def named(name: str, design: Design) -> list[str]:
    return [name, str(design.trials), str(design.images)]


def print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def epochs(found: Iterable[Answer]) -> float:
    return float(np.mean([one.epochs for one in found]))


def estimand(found: list[Answer]) -> float:
    return float(np.mean([one.truth for one in found]))


def share(found: list[Answer], wanted: str) -> float:
    return float(np.mean([one.verdict == wanted for one in found]))


def false(found: list[Answer]) -> float:
    return share(found, "better") + share(found, "worse")


def contradict(found: list[Answer]) -> float:
    """Return how often one of two independent studies says better and the other worse."""
    return 2 * share(found, "better") * share(found, "worse")


def spread(found: list[Answer]) -> float:
    return float(np.std([one.difference.value for one in found]))


def missed(found: list[Answer], truth: float) -> float:
    ends = [(one.difference.low, one.difference.high) for one in found]
    return float(np.mean([not low <= truth <= high for low, high in ends]))


if __name__ == "__main__":
    main()
