"""What to do after an answer: for its page and for the console."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segexp.compare.design import CANDIDATES, MATCHED_CONFIGS, TRIALS
from segexp.compare.statistics.sample_size import FEWEST_FOR_SPREAD
from segexp.compare.statistics.verdict import FEW_RUNS

_OF_A_SEARCH = ("--data", "--format", "--set", "--storage", "--storage-file", "--project")
"""Options of an A/B study that `segexp tune` has, too."""

FIXED = (
    "The numbers of this study are fixed by its answer: to ask with more, start another study "
    "(--study-name); --plan says what it needs."
)

FIXED_FEW = (
    "The numbers of this study are fixed by its answer: to ask with more, start another study "
    "(--study-name), such as the one below with {count} {unit} in each arm."
)
"""Where there are too few configurations, or seeds, for ``--plan``."""


@dataclass(frozen=True)
class _More:
    """What another study has more of: its numbers as options, and the most telling one in words."""

    options: Sequence[str]
    count: int
    unit: str


@dataclass(frozen=True)
class NextStep:
    """Sentences for people, and the command that they lead to; empty where there is none."""

    texts: Sequence[str]
    command: str


def next_step(result: Mapping[str, Any]) -> NextStep | None:
    """Say what would settle an answer, or what to do with one that is settled.

    Args:
        result: The content of ``ab_result.json``, whose arms have their names; see
            `segexp.compare.page.numbers.with_arm_names`.

    Returns:
        None where nothing follows, such as of settled pairs of more than two arms.
    """
    pairs, is_masks = result["pairs"], result["mode"] == "predictions"
    needed = [named_if_several(p, pairs) + p["needed"]["text"] for p in pairs if p["needed"]]
    if needed:
        rest = "" if "options" in result else " Give the other options of this study again, too."
        if is_masks:
            return NextStep(needed, "")
        more = _more(result)
        fixed = FIXED_FEW.format(count=more.count, unit=more.unit) if more else FIXED
        return NextStep([*needed, f"{fixed}{rest}"], _ask_again(result, more))
    if len(pairs) > 1 or is_masks:
        return None
    return _of_settled(result)


def named_if_several(pair: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> str:
    """Name a pair, unless it is the only one."""
    return f"{pair['b']} against {pair['a']}: " if len(pairs) > 1 else ""


def _ask_again(result: Mapping[str, Any], more: _More | None) -> str:
    """Return the command that says what to ask with, or that asks with more."""
    words = ["segexp", "ab", *(word for arm in result["arms"] for word in _arm_words(arm))]
    if more is None:
        words += ["--plan", "--pilot", result["name"]]
    else:
        words += [*more.options, "--study-name", f"{result['name']}-more"]
    left_out = ("--cluster",) if more is None else more.options
    words += [word for pair in _options(result) if pair[0] not in left_out for word in pair]
    return shlex.join([*words, *(["--matched"] if result["mode"] == "matched" else [])])


def _more(result: Mapping[str, Any]) -> _More | None:
    """Return what a study needs more of that has too few runs to plan from; None if it has enough.

    Never fewer configurations than the study was to have: trainings may have failed.
    """
    if min(pair.get("run_groups", pair["runs"]) for pair in result["pairs"]) >= FEWEST_FOR_SPREAD:
        return None
    design = result.get("design", {})
    configs = design.get("configs", 0)
    if result["mode"] != "matched":
        candidates = max(CANDIDATES, configs)
        trials = max(TRIALS, design.get("trials") or 0)  # at least those that name so many
        options = ["--trials", str(trials), "--candidates", str(candidates)]
        options += ["--seeds", "1"] if result["mode"] == "tuned" else []  # were its only runs
        return _More(options, candidates, "configurations")
    if configs == 1:  # the question is about this configuration
        return _More(["--configs", "1", "--seeds", str(FEW_RUNS)], FEW_RUNS, "seeds")
    configs = max(MATCHED_CONFIGS, configs)
    return _More(["--configs", str(configs)], configs, "configurations")


def _options(result: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """Return the options with which a study was asked; results of an older segexp have none."""
    found: Sequence[Sequence[str]] = result.get("options", ())
    return found


def _arm_words(arm: Mapping[str, Any]) -> list[str]:
    """Return an arm as `segexp.compare.arms` reads it; a configuration as YAML, which JSON is."""
    settings = arm.get("settings")
    if not settings:
        return [arm["mapping"]]
    return ["--arm", f"{arm['mapping']}: {json.dumps({'mapping': arm['of'], **settings})}"]


def _of_settled(result: Mapping[str, Any]) -> NextStep:
    (pair,) = result["pairs"]
    if pair["verdict"] == "equivalent":
        return NextStep([f"Take either: by {pair['margin']:g} or more, neither is better."], "")
    ahead = pair["b"] if pair["verdict"] == "better" else pair["a"]
    (arm,) = (arm for arm in result["arms"] if arm["mapping"] == ahead)
    if arm.get("settings") or arm["of"] != ahead:
        return NextStep([f"Train as {ahead} does."], "")
    options = _options(result)
    study = [value for option, value in options if option == "--study"]
    words = ["segexp", "tune", *study, "--mapping", ahead, "--study-name", ahead]
    words += [word for pair in options if pair[0] in _OF_A_SEARCH for word in pair]
    return NextStep([f"Train with the classes of {ahead}: search on with them."], shlex.join(words))
