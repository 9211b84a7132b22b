"""The page of one study: what came out, how sure one can be, and how the trials went."""

from collections import Counter
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
    metric_of,
    title_of,
)
from segexp.evaluation.result import SplitScores
from segexp.report import study_figures
from segexp.report.goals_section import goals_section
from segexp.report.page import (
    Part,
    Section,
    cards,
    markup,
    note,
    paragraph,
    render_page,
    subheading,
    table,
)
from segexp.report.param_sections import (
    categories_section,
    importances_section,
    mappings_section,
    params_section,
    ranges_section,
)
from segexp.report.trials import (
    STATES,
    StudyView,
    TrialRow,
    param_names,
    score_text,
    value_text,
)


def study_page(view: StudyView) -> str:
    """Draw one study, whose objective is maximised, as a self-contained HTML page.

    Works at any time, also before the first trial ends and when no trial completes: the page leaves
    out what the study does not have.
    """
    sections = [section for of_view in SECTIONS for section in of_view(view)]
    return render_page(f"Study {view.study.study_name}", _opening(view), sections)


def _opening(view: StudyView) -> list[Markup]:
    counts = Counter(row.state for row in view.rows)
    entries = []
    if view.best is not None:
        caption = f"best {view.objective}, trial {view.best.number}"
        entries.append((score_text(view.best.value), caption))
        heldout = _heldout(view.best, view.objective)
        if heldout is not None:
            entries.append((score_text(heldout), "same trial, held-out images"))
    # The first three (complete, pruned, failed) are shown even where they are zero.
    entries += [(str(counts[s]), s) for s in STATES if counts[s] or s in STATES[:3]]
    # A trial that was retried or promoted counts once, as the trial that resumed it.
    counted = len(view.rows) - counts["promoted"] - counts["interrupted"]
    total = "1 trial" if counted == 1 else f"{counted} trials"
    about = [f"{total}, ranked by {view.objective}."]
    if "data" in view.definition:
        about.append(f"Data: {view.definition['data']}.")
    if "data.image_size" in view.definition:
        size, rule = (view.definition.get(f"data.{key}") for key in ("image_size", "resize"))
        seen = (
            f"at {size}" if rule in (None, "stretch") else f"resized by {rule}, {size} seen at once"
        )
        about.append(f"Images {seen}.")
    return [paragraph(" ".join(about)), cards(entries)]


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
    header = ["", f"{view.objective} (tuning)", "held-out"]
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
    facts = [[name, value_text(v)] for name, v in best.params.items()]
    facts.append(["best epoch", str(best.best_epoch)])
    if best.run_id:
        facts.append(["MLflow run", best.run_id])
    if best.result is not None and best.result.bundle:
        facts.append(["saved model", best.result.bundle])
    parts += [subheading(f"Trial {best.number}, params"), table(["param", "value"], facts)]
    yield Section("Best trial", parts)


def _val_and_heldout(row: TrialRow, objective: str) -> list[str]:
    heldout = _heldout(row, objective)
    return [score_text(row.value), "not scored" if heldout is None else score_text(heldout)]


def _heldout(row: TrialRow, objective: str) -> float | None:
    if row.result is None or row.result.heldout is None:
        return None
    return row.result.heldout.of(*metric_of(objective))


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
            study_figures.history_figure(view.study, view.objective, baseline),
        ]
    if any(row.curve for row in view.rows):
        mappings = {str(row.params.get("mapping")) for row in view.rows}
        color_by = "mapping" if len(mappings) > 1 else None
        parts += [
            subheading("Learning curves (click the legend to hide a group)"),
            study_figures.curves_figure(view.rows, view.best, view.objective, color_by),
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
    parts: list[Part] = [
        paragraph("The objective of a trial that did not complete is the last value it reported."),
        table(
            ["trial", "state", "objective", "best epoch", "epochs", "seconds", *names],
            lines,
            numeric=(0, 2, 3, 4, 5),
            strong=[i for i, row in enumerate(view.rows) if row is view.best],
            faint=[i for i, row in enumerate(view.rows) if row.state != "complete"],
        ),
    ]
    ended = [[str(r.number), r.state, r.failure] for r in view.rows if r.failure]
    if ended:
        parts.append(subheading("Why trials failed or were interrupted"))
        parts.append(table(["trial", "state", "reason"], ended, numeric=(0,), prose=(2,)))
    yield Section("Trials", parts)


SECTIONS: list[Callable[[StudyView], Iterator[Section]]] = [
    best_section,
    goals_section,
    history_section,
    mappings_section,
    categories_section,
    ranges_section,
    params_section,
    importances_section,
    trials_section,
]
"""The sections of the page, in order. Each function yields its section, or nothing."""
