"""What an A/B study would need, from an earlier one or its own first look: `segexp ab --plan`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, inf
from pathlib import Path
from shlex import quote
from typing import Any

from segexp.compare.design import LARGEST_SHARE, Design, Mode
from segexp.compare.page.numbers import detectable_text
from segexp.compare.statistics.planning import Plan, Size, pilot_of, plan_study
from segexp.compare.statistics.sample_size import FEWEST_FOR_SPREAD, PILOT_TRIALS
from segexp.compare.version import LOOK_FILE, RESULT_FILE
from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError
from segexp.core.files import read_bounded
from segexp.core.wording import counted
from segexp.evaluation.statistics.level import LEVEL

MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class Outlook:
    """What an A/B study of a given size can say about a pair of arms, and what a margin needs.

    Attributes:
        pilot: The name of the study whose variances are used.
        trained: How the pilot trained: its figures hold for such trainings. Empty if unknown.
        spread: The range of the true spread over runs, as multiples of the pilot's.
        images: Held-out images, as many as the pilot's.
        configs: Configurations that the planned study trains in every arm.
        plan: From `segexp.compare.statistics.planning.plan_study`.
        hours: Time of the planned study, one training after the other at the pilot's speed; None if
            the pilot does not say how long its trainings took.
        hours_to_find: The same for ``plan.to_find.runs`` configurations.
    """

    a: str
    b: str
    margin: float
    pilot: str
    trained: str
    spread: tuple[float, float]
    images: int
    configs: int
    plan: Plan
    hours: float | None
    hours_to_find: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def find_pilot(
    project: Path,
    pilot: str | None,
    name: str,
    arms: Sequence[str],
    mode: Mode,
    command: str,
) -> dict[str, Any]:
    """Read the pilot of a study that is planned.

    Args:
        pilot: As for `read_pilot`; None for the study itself.
        name: The planned study's.
        command: What asks for it, such as ``segexp ab A B``, for the advice where there is none.

    Raises:
        InputError: When there is no such result; it names those that are there.
    """
    asked = name if pilot is None else pilot
    if has_result(project, asked):
        return read_pilot(project, asked)
    start = (
        f"--plan: needs an A/B study of these arms with a result, and {name} has none"
        if pilot is None
        else f"--pilot: {pilot!r} is neither a file nor an A/B study with a result"
    )
    found = _pilots(project, arms, mode)
    if found:
        raise InputError(
            f"{start}; there is {', '.join(found)}: `{command} --plan --pilot {quote(found[0])}`"
        )
    of_search = "" if mode == "matched" else f" --trials {PILOT_TRIALS}"
    raise InputError(
        f"{start}; a small one will do: run `{command}{of_search} --study-name pilot`, then "
        f"`{command} --plan --pilot pilot`"
    )


def has_result(project: Path, pilot: str) -> bool:
    """Whether the result of a pilot is here; see `read_pilot`."""
    return Path(pilot).is_file() or bool(_results(project, pilot))


def _pilots(project: Path, arms: Sequence[str], mode: Mode) -> list[str]:
    """Return the names of a project's studies that can be the pilot of such a study."""
    names = []
    for path in sorted((project / WORK_DIRECTORY / "ab").glob(f"*/{RESULT_FILE}")):
        try:
            result = read_pilot(project, str(path))
        except InputError:
            continue
        own = [pair for pair in result["pairs"] if pair["a"] in arms and pair["b"] in arms]
        if (
            len(own) == len(arms) * (len(arms) - 1) // 2
            and result.get("mode", mode) == mode
            and all(pair.get("variance") for pair in own)
            and min(pair["run_groups"] for pair in own) >= FEWEST_FOR_SPREAD
        ):
            names.append(str(result.get("name")))
    return list(dict.fromkeys(names))


def _results(project: Path, name: str) -> list[Path]:
    """Return the files with the results of a study, or else of its latest look."""
    answers = project / WORK_DIRECTORY / "ab"
    # The name of another study may begin with this one's.
    found = answers.iterdir() if answers.is_dir() else ()
    own = [d for d in found if d.name.rpartition("-")[0] == name]
    files = [[d / file for d in own] for file in (RESULT_FILE, LOOK_FILE)]
    return next((there for of in files if (there := [f for f in of if f.is_file()])), [])


def read_pilot(project: Path, pilot: str) -> dict[str, Any]:
    """Read the result of an A/B study, or of its latest look if it has not answered yet.

    Args:
        pilot: The study's name, or the path of an ``ab_result.json``.

    Raises:
        InputError: When the file is missing or not a result.
    """
    path = Path(pilot)
    if not path.is_file():
        results = _results(project, pilot)
        if not results:
            raise InputError(f"{pilot!r} is neither a file nor an A/B study with a result")
        path = max(results, key=lambda file: file.stat().st_mtime)
    try:
        content = json.loads(read_bounded(path, MAX_BYTES))
    except ValueError as error:
        raise InputError(f"--pilot {path}: is not JSON: {error}") from None
    if not isinstance(content, dict) or not content.get("pairs"):
        raise InputError(f"--pilot {path}: is not an {RESULT_FILE}: it has no pairs of arms")
    if fault := _pilot_fault(content):
        raise InputError(f"--pilot {path}: is not an {RESULT_FILE}: {fault}")
    return content


def _pilot_fault(content: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the parts of a result that a plan reads."""
    pairs = content["pairs"]
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        return "its pairs are not a list of objects"
    arms = content.get("arms")
    if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms):
        return "its arms are not a list of objects"
    for pair in pairs:
        missing = [k for k in ("a", "b", "images", "run_groups", "unit") if k not in pair]
        if missing:
            return f"a pair has no {', '.join(missing)}"
        numbers = {
            "images": pair["images"],
            "run_groups": pair["run_groups"],
            "effective_clusters": pair.get("effective_clusters", 2),
            **{f"variance.{k}": v for k, v in (pair.get("variance") or {}).items()},
        }
        for name, value in numbers.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 <= value < inf):
                return f"{name} is {value!r}; expected a number of at least 0"
    return None


def outlooks(
    pilot: Mapping[str, Any], arms: Sequence[str], design: Design, trials: int, margin: float
) -> list[Outlook]:
    """Plan every pair of arms from a pilot.

    Raises:
        InputError: When the pilot compared other arms, or has no variances.
    """
    pairs = [pair for pair in pilot["pairs"] if pair["a"] in arms and pair["b"] in arms]
    if len(pairs) < len(arms) * (len(arms) - 1) // 2:
        compared = ", ".join(f"{pair['b']} against {pair['a']}" for pair in pilot["pairs"])
        raise InputError(
            f"--pilot: {pilot.get('name')} compared {compared}, which tells nothing about "
            f"{' and '.join(arms)}"
        )

    if pilot.get("mode", design.mode) != design.mode:
        raise InputError(
            f"--pilot: {pilot.get('name')} has {pilot['mode']} arms, which tell nothing about "
            f"{design.mode} arms: random configurations vary several times as much as good ones"
        )

    def planned(pair: Mapping[str, Any]) -> Outlook:
        of_pilot = pilot_of(pair)
        plan = plan_study(
            of_pilot, margin, design.configs, pair["images"], level=LEVEL / len(pairs)
        )
        more = plan.to_find.runs
        return Outlook(
            a=pair["a"],
            b=pair["b"],
            margin=margin,
            pilot=str(pilot.get("name")),
            trained=_trained(pilot),
            spread=of_pilot.spread_range(),
            images=pair["images"],
            configs=design.configs,
            plan=plan,
            hours=_hours(pilot, arms, design, design.configs, trials),
            hours_to_find=None if more is None else _hours(pilot, arms, design, more, trials),
        )

    return [planned(pair) for pair in pairs]


def outlook_lines(outlook: Outlook, design: Design, trials: int) -> list[str]:
    """Say in sentences what a study can find and what a margin needs."""
    plan, margin = outlook.plan, outlook.margin
    trained = f" ({outlook.trained})" if outlook.trained else ""
    return [
        f"{outlook.b} against {outlook.a}, planned from {outlook.pilot}{trained}: "
        f"{_configs(design, design.configs, trials)} on {outlook.images:,} held-out images find "
        f"{detectable_text(plan.detectable)} in four of five studies, and call equal mappings "
        f"equivalent within {plan.margin:.3f}{_takes(outlook.hours)}.",
        f"To find a difference of {margin:g}: "
        f"{_size(plan.to_find, outlook, design, trials)}{_takes(outlook.hours_to_find)}.",
        f"To be called equivalent within {margin:g} if nothing differs: "
        f"{_size(plan.to_be_equivalent, outlook, design, trials)}.",
        f"The pilot tells the spread over configurations only roughly: the true spread may be "
        f"{outlook.spread[0]:.1f} to {outlook.spread[1]:.1f} times as large, and so may the "
        "differences that can be found.",
    ]


def _trained(pilot: Mapping[str, Any]) -> str:
    """Say at which image size and for how many epochs a pilot trained."""
    said = []
    if size := pilot.get("image_size"):
        said.append("x".join(map(str, size)))
    if epochs := pilot.get("design", {}).get("epochs"):
        said.append(counted(epochs, "epoch"))
    return ", ".join(said)


def _size(size: Size, outlook: Outlook, design: Design, trials: int) -> str:
    options = []
    if size.runs is not None:
        options.append(f"{_configs(design, size.runs, trials)} on these images")
    if size.images is not None and size.images != outlook.images:
        options.append(f"{size.images:,} held-out images with {outlook.configs} configurations")
    if size.together is not None and size.runs is None:
        runs, images = size.together
        options.append(f"{_configs(design, runs, trials)} on {images:,} images")
    return ", or ".join(options) if options else "no number of configurations and images will do"


def _configs(design: Design, configs: int, trials: int) -> str:
    if design.mode == "matched":
        return f"{configs} random configurations"
    return f"{configs} candidates of {_trials_for(configs, trials)} trials"


def _trials_for(configs: int, trials: int) -> int:
    return max(trials, ceil(configs / LARGEST_SHARE - 1e-9))


def _takes(hours: float | None) -> str:
    if hours is None:
        return ""
    shown = f"{hours * 60:.0f} minutes" if hours < 1 else f"{hours:.1f} hours"
    return f"; about {shown} of training, one after the other, at the pilot's speed"


def _hours(
    pilot: Mapping[str, Any], arms: Sequence[str], design: Design, configs: int, trials: int
) -> float | None:
    """Return how long the searches and trainings of the arms would take, one after the other."""
    seconds = 0.0
    own = [arm for arm in pilot["arms"] if arm.get("name", arm.get("mapping")) in arms]
    if len(own) < len(arms):
        return None
    for arm in own:
        trainings, search = arm.get("seconds"), arm.get("search")
        if not trainings:
            return None
        seconds += configs * design.seeds * sum(trainings) / len(trainings)
        if design.mode == "shared":
            if not search or "seconds" not in search:
                return None
            of_pilot = sum(search["states"].values())
            seconds += _trials_for(configs, trials) * search["seconds"] / max(1, of_pilot)
    return seconds / 3600
