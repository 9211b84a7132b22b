"""Ask whether merged10 is better than cityscapes19, and ask again with other seeds: do they agree?

python benchmarks/rerun_agreement.py --directory DIR            # 10 pairs of studies, many hours
python benchmarks/rerun_agreement.py --directory DIR --studies 2 --trials 10 --candidates 3

Study 2n and study 2n + 1 are a pair: the same question of the same data, with other seeds of the
samplers and of the trainings. A pair contradicts itself when one says better and the other worse.
An interrupted run is resumed.
"""

from repeated_ab import Answered, ask, budget, counted, options, print_table
from study import machine

ARMS = ("cityscapes19", "merged10")


def main() -> None:
    parser = options(__doc__, studies=20)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    settings = [part for setting in given.set for part in ("--set", setting)]
    arguments = [*budget(given), *settings]
    numbers = range(given.first, given.first + given.studies)
    studies = [ask(given.directory, number, ARMS, arguments) for number in numbers]
    print(f"{' against '.join(ARMS)}: {' '.join(arguments)}; {machine()}.\n")
    print_table(studies)
    pairs = list(zip(studies[::2], studies[1::2], strict=False))
    print(
        f"\n{sum(contradict(*pair) for pair in pairs)} of {len(pairs)} pairs contradict themselves"
    )
    print(f"(among all studies: {counted(studies)})")


def contradict(first: Answered, second: Answered) -> bool:
    """Whether one says better and the other worse."""
    return {first.verdict, second.verdict} == {"better", "worse"}


if __name__ == "__main__":
    main()
