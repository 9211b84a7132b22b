"""The page of one study: what came out, how sure one can be, and how the trials went."""

import re
from collections.abc import Callable, Iterator

from markupsafe import Markup

from segexp.evaluation.metrics import (
    COMMON,
    IN_MEAN,
    METRICS,
    OBJECTIVE,
    OWN,
    PREDICTED_ONLY,
    RULERS,
    title_of,
)
from segexp.evaluation.result import SplitScores
from segexp.report import study_figures
from segexp.report.answer import opening
from segexp.report.best_sections import classes_section, confusion_section, pictures_section
from segexp.report.goals_section import goals_section
from segexp.report.page import (
    SORTABLE,
    Part,
    Section,
    markup,
    note,
    paragraph,
    render_page,
    subheading,
    table,
)
from segexp.report.pair_section import pairs_section
from segexp.report.param_sections import (
    categories_section,
    importances_section,
    mappings_section,
    params_section,
    ranges_section,
)
from segexp.report.timeline import timeline_section
from segexp.report.trials import (
    RUN,
    StudyView,
    TrialRow,
    epochs_spent,
    heldout_score,
    param_names,
    score_text,
    value_text,
)

_RUN_ID = re.compile(r"[0-9a-f]{32}")  # one that waits for its server has another id

RELOAD_SECONDS = 30
"""After how many seconds the page of a running study is loaded again."""


def study_page(view: StudyView) -> str:
    """Draw one study, whose objective is maximised, as a self-contained HTML page.

    Works at any time, also before the first trial ends and when no trial completes: the page leaves
    out what the study does not have.
    """
    sections = [section for of_view in SECTIONS for section in of_view(view)]
    return render_page(
        f"Study {view.study.study_name}",
        opening(view),
        sections,
        scripts=[SORTABLE] if view.rows else [],
        reload_after=RELOAD_SECONDS if view.is_live else None,
    )


def best_section(view: StudyView) -> Iterator[Section]:
    """The best trial: its params, and its scores beside the baseline and a constant predictor."""
    best, baseline = view.best, view.baseline
    if best is None:
        yield Section("Best trial", [note("No trial has completed with a score.")])
        return
    complete = sum(row.state == "complete" for row in view.rows)
    lines = [[f"best: trial {best.number}", *_val_and_heldout(best, view.objective)]]
    if baseline is not None:
        state = "" if baseline.state == "complete" else f" ({baseline.state})"
        name = f"baseline: trial {baseline.number}{state}"
        lines.append([name, *_val_and_heldout(baseline, view.objective)])
    if view.constant.get("objective", OBJECTIVE) == view.objective and "class" in view.constant:
        name = f"constant predictor: always {view.constant['class']!r}"
        scores = (view.constant["val"], view.constant["heldout"])
        lines.append([name, *map(score_text, scores)])
    header = ["", f"{view.score_name} (tuning)", "held-out"]
    parts: list[Part] = [table(header, lines, numeric=(1, 2), strong=(0,))]
    if complete > 1:
        parts.append(
            note(
                f"The tuning score is optimistic: this trial is the best of {complete}, chosen on "
                "these very images. Compare the held-out scores, which had no part in the choice."
            )
        )
        if best is baseline:
            parts.append(note("No trial beat the baseline."))
    if best.result is not None:
        parts.append(subheading(f"Trial {best.number}, all scores"))
        parts.append(_split_table(best.result.val, best.result.heldout))
        if best.result.size_note:
            parts.append(note(f"Sizes: {best.result.size_note}."))
        parts.append(
            note(
                "Classes in the mean: classes that occur in the truth. Only predicted: classes "
                "that the model predicts and the truth never has; they count in no mean. By "
                "argmax: each pixel gets one of the model's own classes, which is then mapped to a "
                "common class. Otherwise, the probabilities of classes that merge are summed first."
            )
        )
    facts: list[list[str | Markup]] = [[name, value_text(v)] for name, v in best.params.items()]
    facts.append(["best epoch", str(best.best_epoch)])
    if best.run_id:
        facts.append(["MLflow run", _run(view, best)])
    if best.result is not None and best.result.bundle:
        facts.append(["saved model", best.result.bundle])
    parts += [subheading(f"Trial {best.number}, params"), table(["param", "value"], facts)]
    yield Section("Best trial", parts)


def _val_and_heldout(row: TrialRow, objective: str) -> list[str]:
    heldout = heldout_score(row, objective)
    return [score_text(row.value), "not scored" if heldout is None else score_text(heldout)]


def _split_table(val: SplitScores, heldout: SplitScores | None) -> Markup:
    splits = {"val": val} | ({"held-out": heldout} if heldout else {})
    lines = [
        [title_of(name, ruler), *(score_text(scores.of(name, ruler)) for scores in splits.values())]
        for name in METRICS
        for ruler in RULERS
        if val.has(name, ruler)
    ]
    for key, title in ((IN_MEAN, "classes in the mean"), (PREDICTED_ONLY, "only predicted")):
        lines += [
            [f"{title}, {RULERS[ruler]}", *(f"{s.of(key, ruler):.0f}" for s in splits.values())]
            for ruler in (OWN, COMMON)
        ]
    return table(["", *splits], lines, numeric=range(1, 1 + len(splits)))


def history_section(view: StudyView) -> Iterator[Section]:
    """The objective by trial and by epoch."""
    parts: list[Part] = []
    if view.best is not None:
        baseline = view.baseline.value if view.baseline is not None else None
        parts += [
            subheading("Objective of each complete trial"),
            study_figures.history_figure(view.study, view.score_name, baseline),
        ]
        if any(spent := epochs_spent(view.rows)):
            parts += [
                subheading("The same against the epochs that it took"),
                study_figures.spent_figure(spent, view.score_name, baseline),
            ]
    if any(row.curve for row in view.rows):
        mappings = {str(row.params.get("mapping")) for row in view.rows}
        color_by = "mapping" if len(mappings) > 1 else None
        parts += [
            subheading("Learning curves (click the legend to hide a group)"),
            study_figures.curves_figure(view.rows, view.best, view.score_name, color_by),
        ]
    yield Section("How it went", parts or [paragraph("No trial has reported an epoch yet.")])


def trials_section(view: StudyView) -> Iterator[Section]:
    """Every trial, and the reasons of failures."""
    names = param_names(view.rows)
    lines: list[list[str | Markup]] = [
        [
            markup("anchor", f"trial-{row.number}", str(row.number)),
            row.state,
            score_text(row.value if row.state == "complete" else row.last),
            "-" if row.best_epoch is None else str(row.best_epoch),
            str(len(row.curve)),
            "-" if row.seconds is None else f"{row.seconds:.1f}",
            *(value_text(row.params[name]) if name in row.params else "-" for name in names),
        ]
        for row in view.rows
    ]
    header = ["trial", "state", "objective", "best epoch", "epochs", "seconds", *names]
    if view.precisions:
        header.append("precision")
        lines = [[*line, row.precision or "-"] for line, row in zip(lines, view.rows, strict=True)]
    if any(row.run_id for row in view.rows):
        header.append("MLflow run")
        lines = [[*line, _run(view, row)] for line, row in zip(lines, view.rows, strict=True)]
    parts: list[Part] = [
        paragraph(
            "The objective of a trial that did not complete is the last value it reported. A link "
            "to an MLflow run on this machine works while `segexp ui` runs."
        ),
        table(
            header,
            lines,
            numeric=(0, 2, 3, 4, 5),
            strong=[i for i, row in enumerate(view.rows) if row is view.best],
            faint=[i for i, row in enumerate(view.rows) if row.state != "complete"],
            hints=[_params_text(row) for row in view.rows],
        ),
    ]
    ended = [[str(r.number), r.state, r.failure] for r in view.rows if r.failure]
    if ended:
        parts.append(subheading("Why trials failed or were interrupted"))
        parts.append(table(["trial", "state", "reason"], ended, numeric=(0,), prose=(2,)))
    yield Section("Trials", parts)


def _run(view: StudyView, row: TrialRow) -> str | Markup:
    """Return a trial's MLflow run, as a link where its address is known."""
    if view.runs_at and _RUN_ID.fullmatch(row.run_id):
        return markup("link", view.runs_at.replace(RUN, row.run_id), row.run_id[:8])
    return row.run_id or "-"


def _params_text(row: TrialRow) -> str:
    params = [f"{name}: {value_text(value)}" for name, value in row.params.items()]
    return "\n".join([f"trial {row.number}", *params])


SECTIONS: list[Callable[[StudyView], Iterator[Section]]] = [
    pictures_section,
    classes_section,
    confusion_section,
    best_section,
    goals_section,
    history_section,
    mappings_section,
    categories_section,
    ranges_section,
    params_section,
    importances_section,
    pairs_section,
    timeline_section,
    trials_section,
]
"""The sections of the page, in order. Each function yields its section, or nothing."""
