"""A/B studies that are asked again with other seeds: for aa_studies.py and rerun_agreement.py.

Each study has its own project, `study-00` and on, and leaves `answer.json` there when it is done.
Finished studies are not run again, interrupted ones are resumed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from study import segexp

STUDY = "repeated"
ANSWER = "answer.json"


@dataclass(frozen=True)
class Answered:
    """One study.

    Attributes:
        number: Of the study, from 0.
        minutes: How long it took, in all its starts.
        result: The content of its ``ab_result.json``.
    """

    number: int
    minutes: float
    result: dict[str, Any]

    @property
    def verdict(self) -> str:
        """That of its only pair of arms."""
        verdict: str = self.result["pairs"][0]["verdict"]
        return verdict


def ask(
    directory: Path,
    number: int,
    arms: Sequence[str],
    arguments: Sequence[str],
    prepare: Callable[[Path], None] = lambda project: None,
) -> Answered:
    """Run an A/B study over the default study's space with its own seeds, or read its answer.

    Args:
        directory: Holds the projects.
        number: Of the study: its sampler has this seed, its trainings 1,000 times as much.
        arms: The mappings.
        arguments: Further ones of ``segexp ab``.
        prepare: Puts into a new project what it needs.
    """
    project = directory / f"study-{number:02d}"
    answer, spent = project / ANSWER, project / "minutes.json"
    if not answer.is_file():
        if not (project / "config.yaml").is_file():
            segexp("init", str(project))
        write_study(project, number)
        prepare(project)
        settings = ["--set", f"training.seed={1_000 * number}"]
        command = ["ab", *arms, "--study", STUDY, *settings, *arguments, "--json"]
        before = json.loads(spent.read_text()) if spent.is_file() else 0.0
        begun = time.perf_counter()
        try:
            result = json.loads(segexp(*command, "--project", str(project)))
        except subprocess.CalledProcessError as error:
            sys.exit(f"study {number} ended with exit code {error.returncode}; its output is above")
        finally:
            spent.write_text(json.dumps(before + (time.perf_counter() - begun) / 60))
        answer.write_text(json.dumps(result))
    return Answered(number, json.loads(spent.read_text()), json.loads(answer.read_text()))


def write_study(project: Path, number: int) -> None:
    """Write the default study with another seed of its sampler."""
    content = yaml.safe_load((project / "studies" / "default.yaml").read_text())
    content["name"] = STUDY
    content["sampler"]["seed"] = number
    (project / "studies" / f"{STUDY}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def options(description: str | None, studies: int) -> argparse.ArgumentParser:
    """Options of a benchmark that asks again."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, required=True, help="made where it is not there")
    parser.add_argument("--studies", type=int, default=studies)
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--workers", default="auto")
    return parser


def budget(given: argparse.Namespace) -> list[str]:
    """Return the arguments of ``segexp ab`` for these options."""
    numbers = {"trials": given.trials, "candidates": given.candidates, "workers": given.workers}
    return [part for name, value in numbers.items() for part in (f"--{name}", str(value))]


def print_table(studies: Sequence[Answered]) -> None:
    print(
        "| study | verdict | difference | 95% interval | candidates named by the first arm, the "
        "second, both | best candidate of either | minutes |\n|---|---|---|---|---|---|---|"
    )
    for one in studies:
        pair = one.result["pairs"][0]
        low, high = pair["interval"]
        cells = [
            str(one.number),
            one.verdict,
            f"{pair['delta']:+.3f}",
            f"[{low:.3f}, {high:.3f}]",
            origins(one.result),
            best_of_arms(one.result),
            f"{one.minutes:.0f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def origins(result: dict[str, Any]) -> str:
    """Count the candidates by who named them."""
    first, second = (arm["mapping"] for arm in result["arms"])
    named = [set(candidate["named_by"]) for candidate in result["candidates"]]
    return ", ".join(str(named.count(arms)) for arms in ({first}, {second}, {first, second}))


def best_of_arms(result: dict[str, Any]) -> str:
    """Say whether the two searches have one winner."""
    winners = [arm["winner"] for arm in result["arms"]]
    if None in winners:
        return "-"
    first, second = (winner["params"] for winner in winners)
    return "the same" if first == second else "different"


def counted(studies: Sequence[Answered]) -> str:
    """Count the verdicts, and the pairs of studies that contradict each other."""
    verdicts = [one.verdict for one in studies]
    better, worse = verdicts.count("better"), verdicts.count("worse")
    others = {v: verdicts.count(v) for v in ("equivalent", "not enough evidence")}
    pairs = len(studies) * (len(studies) - 1) // 2
    return (
        f"{len(studies)} studies: {better} better, {worse} worse, "
        f"{', '.join(f'{n} {name}' for name, n in others.items())}; {better * worse} of "
        f"{pairs} pairs of studies contradict each other (better and worse)."
    )
