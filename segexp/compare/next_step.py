"""What to do after an answer: for its page and for the console."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segexp.compare.design import TRIALS
from segexp.compare.statistics.sample_size import FEWEST_FOR_SPREAD

_OF_A_SEARCH = ("--data", "--format", "--set", "--storage", "--storage-file", "--project")
"""Options of an A/B study that `segexp tune` has, too."""

FIXED = (
    "The numbers of this study are fixed by its answer: to ask with more, start another study "
    "(--study-name); --plan says what it needs."
)


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
        again = [] if is_masks else [f"{FIXED}{rest}"]
        return NextStep([*needed, *again], "" if is_masks else _ask_again(result))
    if len(pairs) > 1 or is_masks:
        return None
    return _of_settled(result)


def named_if_several(pair: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> str:
    """Name a pair, unless it is the only one."""
    return f"{pair['b']} against {pair['a']}: " if len(pairs) > 1 else ""


def _ask_again(result: Mapping[str, Any]) -> str:
    """Return the command that says what to ask with, or that asks where too few runs tell it."""
    words = ["segexp", "ab", *(word for arm in result["arms"] for word in _arm_words(arm))]
    runs = min(pair.get("run_groups", pair["runs"]) for pair in result["pairs"])
    is_matched = result["mode"] == "matched"
    if runs >= FEWEST_FOR_SPREAD:
        words += ["--plan", "--pilot", result["name"]]
    elif is_matched:
        words += ["--study-name", f"{result['name']}-more"]
    else:
        words += ["--trials", str(TRIALS), "--study-name", f"{result['name']}-more"]
    left_out = ("--cluster",) if "--plan" in words else ()
    words += [word for pair in _options(result) if pair[0] not in left_out for word in pair]
    return shlex.join([*words, *(["--matched"] if is_matched else [])])


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
