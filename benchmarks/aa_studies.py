"""Compare a mapping with its own copy in whole studies: how often is one called better?

python benchmarks/aa_studies.py --directory DIR                 # 20 studies, hours
python benchmarks/aa_studies.py --directory DIR --studies 1 --trials 10 --candidates 3 --epochs 2

The copy has the classes in another order, so that no number is the same bit for bit and the truth
is that there is no difference. Every study has its own scenes, sampler seeds and training seeds.
The trainings are small and real: scenes of 32x64, a narrow decoder. Searches are long enough that
the baseline is not the winner of both; the table says where it was. An interrupted run is resumed.
"""

from functools import partial
from pathlib import Path

import yaml
from repeated_ab import Answered, ask, budget, counted, options, print_table
from study import machine

SETTINGS = {
    "data.image_size": "[32, 64]",
    "data.synthetic.train": 64,
    "data.synthetic.val": 32,
    "data.synthetic.test": 512,
    "model.decoder_width": 0.25,
}


def main() -> None:
    parser = options(__doc__, studies=20)
    parser.add_argument("--mapping", default="merged10")
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    settings = [f"{key}={value}" for key, value in SETTINGS.items()]
    settings.append(f"training.epochs={given.epochs}")
    common = [*budget(given), *(part for setting in settings for part in ("--set", setting))]
    arms = [given.mapping, f"{given.mapping}-reversed"]
    studies: list[Answered] = []
    for number in range(given.first, given.first + given.studies):
        own = ["--set", f"data.synthetic.seed={number}"]
        prepare = partial(write_copy, mapping=given.mapping, copy=arms[1])
        studies.append(ask(given.directory, number, arms, [*common, *own], prepare))
    print(f"{' against '.join(arms)}: {' '.join(common)}; {machine()}.\n")
    print_table(studies)
    print(f"\n{counted(studies)}")
    baseline = sum(baseline_won_both(one) for one in studies)
    print(f"The baseline was the winner of both searches in {baseline} of them.")


def write_copy(project: Path, mapping: str, copy: str) -> None:
    """Write a mapping with its classes in reverse order under another name."""
    content = yaml.safe_load((project / "mappings" / f"{mapping}.yaml").read_text())
    content["name"] = copy
    content["classes"].reverse()
    (project / "mappings" / f"{copy}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def baseline_won_both(study: Answered) -> bool:
    """Whether trial 0, the baseline, was the best of both searches."""
    return all(arm["search"]["best_trial"] == 0 for arm in study.result["arms"])


if __name__ == "__main__":
    main()
