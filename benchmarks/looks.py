"""Simulate studies of several looks and of several pairs of arms, and print how often they err.

python benchmarks/looks.py                    # the Markdown of docs/method.md, some minutes
python benchmarks/looks.py --studies 100      # a look
python benchmarks/looks.py --short            # the tables that take seconds

The studies are those of `harness/simulated_looks.py`.
"""

import argparse

from harness.simulated_looks import (
    DIFFERENCES,
    EVERY_OTHER,
    IMAGES,
    MARGIN,
    MOST,
    NOISES,
    PLANS,
    among_equal_arms,
    by_students_t,
    shares,
)


def short(studies: int, resamples: int) -> None:
    """Print what takes little time."""
    print(
        "By t tests of the configurations alone, 100,000 studies, alpha spent over looks at "
        + "; at ".join(
            f"{', '.join(map(str, looks))}: {by_students_t(looks):.1%}"
            for looks in ((4, 8, 12), EVERY_OTHER, tuple(range(4, MOST + 1)))
        )
        + ".\n"
    )
    print(f"Any false verdict among equal arms, {studies:,} studies of six configurations each:\n")
    print("| arms | pairs | each at 95% | together |\n|---|---|---|---|")
    for arms in (2, 3, 4, 5):
        apart, together = among_equal_arms(arms, studies, resamples)
        print(f"| {arms} | {arms * (arms - 1) // 2} | {apart:.1%} | {together:.1%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument("--short", action="store_true", help="only the tables that take seconds")
    given = parser.parse_args()
    if given.short:
        short(given.studies // 2, given.resamples)
        return
    print(
        f"{given.studies:,} simulated studies a cell, {IMAGES} images, margin {MARGIN}: how often "
        "they call equal arms better or worse, how often they find a difference, and after how "
        "many configurations (mean) they end.\n"
    )
    columns = [f"found at +{d:g} (configurations)" for d in DIFFERENCES[1:]]
    print("| noise | looks | false verdicts at 0 |", " | ".join(columns), "|")
    print("|---|---|---|" + "---|" * len(columns))
    for noise_name, noise in NOISES.items():
        ends = [shares(noise, d, given.studies, given.resamples) for d in DIFFERENCES]
        for name in PLANS:
            worse, better, _ = ends[0][name]
            cells = [f"{worse + better:.1%}"]
            for of_difference in ends[1:]:
                _, found, counts = of_difference[name]
                cells.append(f"{found:.0%} ({counts.mean():.1f})")
            print(f"| {noise_name} | {name} | {' | '.join(cells)} |", flush=True)
    print()
    short(given.studies // 2, given.resamples)


if __name__ == "__main__":
    main()
