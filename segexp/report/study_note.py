"""A study in a page of Markdown, which MLflow shows above its runs: the answer first."""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import nlargest

from segexp import __version__
from segexp.evaluation.metrics import COSTS
from segexp.report.answer import answer_text, counts_text, interval_text, missed_text, setup_text
from segexp.report.markdown import cell, fitted, link, table, text
from segexp.report.trials import (
    StudyView,
    TrialRow,
    heldout_score,
    param_names,
    score_text,
    value_text,
)

TOP = 5
_MOST_PARAMS = 6  # columns; the run of a trial has all of its params

REWRITTEN = (
    "*segexp writes this text again while the study runs; a note of your own is safe in the run of "
    "a trial.*"
)


@dataclass(frozen=True)
class Asked:
    """What is asked of a study, beside what its scores depend on.

    Attributes:
        trials: How many finished trials it is to reach.
        search: Its sampler and pruner, in words.
        data: The data in one line.
        storage: Where Optuna keeps it, a URL without a password: it tells the study from one of the
            same name in another storage, whose runs are in the same experiment.
    """

    trials: int
    search: str
    data: str
    storage: str


def study_note(view: StudyView, asked: Asked, address: Callable[[TrialRow], str]) -> str:
    """Write a study as Markdown: the answer, the best trials, what was asked, how to repeat it.

    Args:
        address: Says where the run of a trial is shown; empty where that is not known.
    """
    name = view.study.study_name
    lines = [f"### {text(answer_text(view))}", ""]
    if missed := missed_text(view):
        lines += [text(missed), ""]
    if view.best is not None:
        lines += [text(setup_text(view, view.best)), ""]
        if said := interval_text(view.best):
            lines += [text(said), ""]
    lines += [f"{text(counts_text(view.rows))}; ranked by {view.score_name}.", ""]
    lines += [*_top(view, address), "", *_question(view, asked), ""]
    lines += [f"**Data.** {text(asked.data.removeprefix('data: '))}.", ""]
    lines += _spaces(view)
    lines += [
        f"**Stored** by Optuna in {text(asked.storage)}. A study of this name in another storage "
        "has runs of its own in this experiment.",
        "",
    ]
    lines += [
        f"**Repeat it.** Make a project with segexp {__version__} (`segexp init DIR`), copy "
        "`config.yaml`, `study.yaml` and `mappings/` from the artifacts over it, and run "
        f"`segexp tune study.yaml --trials {asked.trials}` there. `segexp best {name}` shows the "
        "answer; the rest is in `study.html`.",
        "",
    ]
    return fitted(lines, REWRITTEN)


def _spaces(view: StudyView) -> list[str]:
    if "common_space" not in view.definition:
        return []
    space, _, digest = str(view.definition["common_space"]).partition(" ")
    names = [key.partition(".")[2] for key in view.definition if key.startswith("mappings.")]
    return [
        f"**Label spaces.** Mappings: {text(', '.join(names))}. Their scores meet in the common "
        f"space {text(space)} ({digest[:8]}).",
        "",
    ]


def _top(view: StudyView, address: Callable[[TrialRow], str]) -> list[str]:
    """Return the table of the best trials, and of the baseline."""
    complete = [row for row in view.rows if row.state == "complete" and row.result is not None]
    shown = nlargest(TOP, complete, key=lambda row: row.rank)
    if not shown:
        return []
    if view.baseline in complete and view.baseline not in shown:
        shown.append(view.baseline)
    names = param_names(shown)[:_MOST_PARAMS]
    rows = [
        [
            link(_name(row, view), address(row)),
            score_text(row.value),
            score_text(heldout_score(row, view.objective)),
            *(cell(value_text(row.params[n])) if n in row.params else "-" for n in names),
        ]
        for row in shown
    ]
    return table(["trial", view.score_name, "held-out", *names], rows, numeric=3)


def _name(row: TrialRow, view: StudyView) -> str:
    return f"{row.number}, the baseline" if row is view.baseline else str(row.number)


def _question(view: StudyView, asked: Asked) -> list[str]:
    space = {
        key.partition(".")[2]: str(values)
        for key, values in view.definition.items()
        if key.startswith("space.")
    }
    question = f"**Asked.** What scores best by {view.score_name} in {asked.trials} trials"
    required = [f"{each.name} {each.text}" for each in view.requirements]
    if view.costs:
        question += f", at what cost ({', '.join(COSTS[cost] for cost in view.costs)})"
    if required:
        question += f", with {text('; '.join(required))}"
    return [
        f"{question}? Search: {text(asked.search)}.",
        "",
        *(f"- {text(name)}: {text(values[:300])}" for name, values in space.items()),
    ]
