"""Simulate A/B studies whose truth is known, and print how often the interval misses it.

python benchmarks/calibration.py                    # the Markdown of docs/method.md, an hour
python benchmarks/calibration.py --studies 100      # a look
python benchmarks/calibration.py --classes          # the table of rare classes alone, some minutes

The studies are those of `harness/simulated_studies.py`.
"""

import argparse
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.simulated_studies import (
    CLUSTERED,
    DESIGNS,
    EQUAL,
    MARGIN,
    MODEST,
    PLANTED,
    SCENARIOS,
    alike_frames,
    as_many_sequences,
    intervals,
    misses,
    rare_class,
)


def _cell(ours: NDArray[np.float64], naive: NDArray[np.float64]) -> str:
    below, above = (100 * share for share in misses(ours))
    return f"{below:.1f} + {above:.1f} = {below + above:.1f} ({100 * sum(misses(naive)):.1f})"


def classes(studies: int, resamples: int) -> None:
    """Print how often the intervals of rare classes miss."""
    print(
        f"\nMisses of a class's interval in % of {studies:,} simulated studies with 5 "
        "seeds and 64 images, about so many of which hold the class:\n\n| images that hold it | "
        "degrees of freedom of all images | of those that hold it, five or more | studies without "
        "an interval |\n|---|---|---|---|"
    )
    for mean in (1, 2, 3, 5, 10, 20):
        found = rare_class(mean, studies, resamples)
        before, now, none = (100 * found[key] for key in ("before", "now", "none"))
        # In a handful of studies the share of misses says nothing.
        held = f"{now:.1f}" if none < 90 else "-"
        print(f"| {mean} | {before:.1f} | {held} | {none:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--classes", action="store_true", help="only the table of rare classes")
    given = parser.parse_args()
    if given.classes:
        classes(given.studies // 2, given.resamples // 2)
        return
    print(
        f"How often the 95% interval misses the true difference of 0, in % of {given.studies:,} "
        f"simulated studies a cell ({given.resamples:,} resamples each): wholly below + wholly "
        "above = misses. In brackets the misses of the plain percentile bootstrap that resamples "
        "images and runs jointly. Right is 5.\n"
    )
    print("| what varies | images |", " | ".join(DESIGNS), "|")
    print("|---|---|" + "---|" * len(DESIGNS))
    rows = [(name, scenario, True) for name, scenario in SCENARIOS.items()]
    rows += [("sequences of 5 images, by sequence", CLUSTERED, True)]
    rows += [("the same, `--cluster none`", CLUSTERED, False)]
    for name, scenario, clustered in rows:
        for images in (50, 200):
            # Noise of runs does not shrink with more images; keep its part of the whole.
            shape = replace(scenario, num_images=images, runs=scenario.runs * (50 / images) ** 0.5)
            cells = []
            for groups, runs_per_group in DESIGNS.values():
                design = replace(shape, groups=groups, runs_per_group=runs_per_group)
                found = intervals(design, given.studies, given.resamples, clustered=clustered)
                cells.append(_cell(*found))
            print(f"| {name} | {images} | {' | '.join(cells)} |", flush=True)
    cells = [
        _cell(*intervals(design, given.studies, given.resamples)) for design in as_many_sequences()
    ]
    print(f"| as many sequences as groups of runs | {EQUAL.num_images} | {' | '.join(cells)} |")
    print(
        f"\nA planted difference of twice the margin ({2 * MARGIN}), 100 images, standard error "
        "about 0.005:\n\n| | found (interval above 0) | interval holds the planted value |"
        "\n|---|---|---|"
    )
    for name, (groups, runs_per_group) in DESIGNS.items():
        design = replace(MODEST, groups=groups, runs_per_group=runs_per_group)
        ours, _ = intervals(design, given.studies, given.resamples, PLANTED)
        held = 1 - sum(misses(ours, 2 * MARGIN))
        print(f"| {name} | {misses(ours)[1]:.1%} | {held:.1%} |", flush=True)
    print(
        f"\nMisses in % of {given.studies // 2:,} simulated studies whose images are the frames of "
        "one video, in ten blocks of consecutive frames; in brackets with `--cluster none`:"
        "\n\n| correlation of neighbouring frames | 50 images | 200 images |\n|---|---|---|"
    )
    for alike in (0.0, 0.5, 0.8, 0.95):
        shares = [
            alike_frames(images, alike, blocks, given.studies // 2, given.resamples // 2)
            for images in (50, 200)
            for blocks in (10, images)
        ]
        few, few_single, many, many_single = (f"{100 * share:.1f}" for share in shares)
        print(f"| {alike:g} | {few} ({few_single}) | {many} ({many_single}) |", flush=True)
    classes(given.studies // 2, given.resamples // 2)


if __name__ == "__main__":
    main()
