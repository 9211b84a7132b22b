"""The page of one study: what came out, how sure one can be, and how the trials went."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

import optuna

from segexp.report import study_figures
from segexp.report.importances import Importances, both_importances
from segexp.report.page import (
    Cell,
    Grid,
    Markup,
    Part,
    Section,
    cards,
    note,
    paragraph,
    render_page,
    subheading,
    table,
)
from segexp.report.trials import (
    STATES,
    TrialRow,
    baseline_trial,
    best_trial,
    param_names,
    read_trials,
    value_text,
)
from segexp.result import SplitScores
from segexp.storage import CONSTANT, DEFINITION

NONE = "–"
# Below this many complete trials, importances say more about luck than about params.
FEW = 20


def study_page(study: optuna.Study) -> str:
    """Draw one Optuna study, whose objective is maximised, as a self-contained HTML page.

    Works at any time: before the first trial ends, and when none was completed.

    Args:
        study: The study, with the attributes that `segexp.storage` names; those that are missing
            are left out of the page.

    Returns:
        The HTML document.
    """
    definition: dict[str, Any] = study.user_attrs.get(DEFINITION, {})
    objective = str(definition.get("objective", "val/miou_common"))
    rows = read_trials(study)
    best = best_trial(rows)
    baseline = baseline_trial(study, rows)
    constant: dict[str, Any] = study.user_attrs.get(CONSTANT, {})
    categorical, numeric = study_figures.split_params(study)
    sections = [
        _scores_section(rows, best, baseline, constant, objective),
        _history_section(study, rows, best, baseline, constant, objective),
    ]
    if "mapping" in categorical:
        sections.append(_mapping_section(rows, objective))
    sections += _param_sections(study, rows, categorical, numeric, objective)
    sections.append(_trials_section(rows, best))
    return render_page(
        f"Study {study.study_name}", _opening(rows, best, definition, objective), sections
    )


def _opening(
    rows: Sequence[TrialRow], best: TrialRow | None, definition: dict[str, Any], objective: str
) -> list[Markup]:
    counts = Counter(row.state for row in rows)
    shown = [s for s in STATES if counts[s] or s in STATES[:3]]
    entries = [(_score(best.value), f"best {objective}, trial {best.number}")] if best else []
    entries += [(str(counts[state]), state) for state in shown]
    about = [f"{len(rows)} trials, ranked by {objective}."]
    if "data" in definition:
        about.append(f"Data: {definition['data']}.")
    if "data.image_size" in definition:
        about.append(f"Images at {definition['data.image_size']}.")
    return [paragraph(" ".join(about)), cards(entries)]


def _scores_section(
    rows: Sequence[TrialRow],
    best: TrialRow | None,
    baseline: TrialRow | None,
    constant: dict[str, Any],
    objective: str,
) -> Section:
    if best is None:
        return Section("Best trial", [note("No trial was completed, so there is nothing to rank.")])
    complete = sum(row.state == "complete" for row in rows)
    lines: list[list[Cell]] = [[f"best: trial {best.number}", *_val_and_heldout(best, objective)]]
    if baseline is not None:
        name = f"baseline: trial {baseline.number}"
        if baseline.state != "complete":
            name += f" ({baseline.state})"
        lines.append([name, *_val_and_heldout(baseline, objective)])
    if constant:
        name = f"constant predictor: always {constant['class']!r}"
        lines.append([name, _score(constant["val"]), _score(constant["heldout"])])
    parts: list[Part] = [
        table(["", objective, "the same, held-out"], lines, numeric=(1, 2), strong=(0,)),
        note(
            f"The left score flatters: it is the highest of {complete} complete trials on the "
            "images that they were chosen by. The held-out images had no part in the choice: "
            "compare those."
        ),
    ]
    if baseline is not None and baseline.number == best.number:
        parts.append(note("No trial beat the baseline: it is the best."))
    if best.result is not None:
        val, heldout = best.result.val, best.result.heldout
        parts += [subheading(f"Trial {best.number}, all scores"), _split_table(val, heldout)]
    facts: list[list[Cell]] = [[name, value_text(v)] for name, v in best.params.items()]
    facts.append(["best epoch", _count(best.best_epoch)])
    if best.run_id:
        facts.append(["MLflow run", best.run_id])
    if best.result is not None and best.result.bundle:
        facts.append(["saved model", best.result.bundle])
    parts += [subheading(f"Trial {best.number}, params"), table(["param", "value"], facts)]
    return Section("Best trial", parts)


def _split_table(val: SplitScores, heldout: SplitScores | None) -> Markup:
    lines: list[list[Cell]] = []
    for name, scores in (("val", val), ("held-out", heldout)):
        if scores is None:
            continue
        lines.append(
            [
                name,
                _score(scores.miou_common),
                str(scores.classes_in_mean_common),
                _score(scores.miou_common_argmax),
                _score(scores.miou),
                str(scores.classes_in_mean),
                _score(scores.pixel_accuracy),
            ]
        )
    header = [
        "split",
        "mIoU common",
        "classes in it",
        "mIoU common, argmax",
        "mIoU native",
        "classes in it",
        "pixel accuracy, native",
    ]
    return table(header, lines, numeric=range(1, 7))


def _history_section(
    study: optuna.Study,
    rows: Sequence[TrialRow],
    best: TrialRow | None,
    baseline: TrialRow | None,
    constant: dict[str, Any],
    objective: str,
) -> Section:
    parts: list[Part] = []
    if best is not None:
        levels: dict[str, float] = {}
        if baseline is not None and baseline.value is not None:
            levels["baseline"] = baseline.value
        if constant:
            levels["constant predictor"] = constant["val"]
        parts += [
            subheading("Objective of each complete trial"),
            study_figures.history_figure(study, objective, levels),
        ]
    if any(row.curve for row in rows):
        color_by = "mapping" if len({str(r.params.get("mapping")) for r in rows}) > 1 else None
        parts += [
            subheading("Learning curves; a click on the legend hides a group"),
            study_figures.curves_figure(rows, best, objective, color_by),
        ]
    return Section("How it went", parts or [paragraph("No trial has reported an epoch yet.")])


def _mapping_section(rows: Sequence[TrialRow], objective: str) -> Section:
    lines: list[list[Cell]] = []
    for name in _values(rows, "mapping"):
        members = [r for r in rows if value_text(r.params.get("mapping")) == name]
        top = best_trial(members)
        scores = top.result.val if top and top.result else None
        lines.append(
            [
                *_category_cells(name, members),
                _score(scores.miou) if scores else NONE,
                str(scores.classes_in_mean) if scores else NONE,
            ]
        )
    header = [*_CATEGORY_HEADER, "native mIoU of it", "native classes"]
    return Section(
        "Mappings",
        [
            paragraph(
                f"Mappings meet in {objective} only, in their common space. The native mIoU counts "
                "fewer or more classes in each mapping: never compare it between rows."
            ),
            table(["mapping", *header[1:]], lines, numeric=range(1, len(header))),
            study_figures.category_figure(rows, "mapping", objective),
            note(
                "A study is no fair comparison of mappings: the sampler gives more trials to the "
                "one that looks better, and the best of many is higher than the best of few."
            ),
        ],
    )


def _param_sections(
    study: optuna.Study,
    rows: Sequence[TrialRow],
    categorical: Sequence[str],
    numeric: Sequence[str],
    objective: str,
) -> list[Section]:
    if not any(row.value is not None for row in rows):
        return []
    sections = []
    names = [name for name in categorical if name != "mapping"]
    if names:
        lines = [
            [name, *_category_cells(value, [r for r in rows if _has(r, name, value)])]
            for name in names
            for value in _values(rows, name)
        ]
        figures = [study_figures.category_figure(rows, name, objective) for name in names]
        parts: list[Part] = []
        for i in range(0, len(figures), 2):
            parts += [subheading(", ".join(names[i : i + 2])), Grid(figures[i : i + 2])]
        legend = "Circles are complete trials, grey crosses pruned ones at their last value."
        columns = range(2, len(_CATEGORY_HEADER) + 1)
        parts = [
            paragraph(legend),
            *parts,
            table(["param", *_CATEGORY_HEADER], lines, numeric=columns),
        ]
        sections.append(Section("Categories", parts))
    if numeric := study_figures.numeric_params_with_scores(study, numeric):
        figure = study_figures.slices_figure(study, numeric, objective)
        sections.append(Section("Ranges", [figure]))
    figure = study_figures.parallel_figure(study, objective)
    sections.append(Section("All params at once", [figure]))
    sections.append(_importances_section(study, rows))
    return sections


def _importances_section(study: optuna.Study, rows: Sequence[TrialRow]) -> Section:
    ped_anova, fanova = verdicts = both_importances(study)
    parts: list[Part] = [
        paragraph(
            "PED-ANOVA, Optuna's default, asks what tells the best trials from the rest; fANOVA "
            "asks what explains the scores of all complete trials. Trust a param that both name."
        )
    ]
    parts += [note(_absence(verdict)) for verdict in verdicts if not verdict.shares]
    if ped_anova.first and fanova.first and ped_anova.first != fanova.first:
        parts.append(
            note(
                f"They disagree about the first: PED-ANOVA says {ped_anova.first}, "
                f"fANOVA says {fanova.first}."
            )
        )
    complete = sum(row.value is not None for row in rows)
    if 2 <= complete < FEW:
        parts.append(note(f"Only {complete} complete trials: take this as a hint at most."))
    if any(verdict.shares for verdict in verdicts):
        parts.append(study_figures.importances_figure(verdicts))
    return Section("Importance of the params", parts)


def _absence(verdict: Importances) -> str:
    return f"No importances by {verdict.evaluator}: it {verdict.reason}."


def _trials_section(rows: Sequence[TrialRow], best: TrialRow | None) -> Section:
    names = param_names(rows)
    header = ["trial", "state", "objective", "best epoch", "epochs", "seconds", *names]
    with_failures = any(row.failure for row in rows)
    lines: list[list[Cell]] = []
    for row in rows:
        line: list[Cell] = [
            str(row.number),
            row.state,
            _score(row.value if row.state == "complete" else row.last),
            _count(row.best_epoch),
            str(len(row.curve)),
            NONE if row.seconds is None else f"{row.seconds:.1f}",
            *(value_text(row.params[name]) if name in row.params else NONE for name in names),
        ]
        lines.append([*line, row.failure] if with_failures else line)
    strong = [i for i, row in enumerate(rows) if best and row.number == best.number]
    faint = [i for i, row in enumerate(rows) if row.state != "complete"]
    return Section(
        "Trials",
        [
            paragraph(
                "The objective of a trial that was not completed is the last that it reported."
            ),
            table(
                [*header, "reason"] if with_failures else header,
                lines,
                numeric=(0, 2, 3, 4, 5),
                strong=strong,
                faint=faint,
            ),
        ],
    )


_CATEGORY_HEADER = ("value", "complete", "pruned", "failed", "best", "by trial", "median")


def _category_cells(name: str, members: Sequence[TrialRow]) -> list[Cell]:
    counts = Counter(row.state for row in members)
    values = [row.value for row in members if row.value is not None]
    top = best_trial(members)
    return [
        name,
        str(counts["complete"]),
        str(counts["pruned"]),
        str(counts["failed"]),
        _score(top.value if top else None),
        str(top.number) if top else NONE,
        _score(median(values) if values else None),
    ]


def _has(row: TrialRow, name: str, value: str) -> bool:
    return name in row.params and value_text(row.params[name]) == value


def _values(rows: Sequence[TrialRow], name: str) -> list[str]:
    return sorted({value_text(r.params[name]) for r in rows if name in r.params})


def _val_and_heldout(row: TrialRow, objective: str) -> list[Cell]:
    heldout = row.result.heldout if row.result else None
    if heldout is None:
        return [_score(row.value), "not scored"]
    score = heldout.miou if objective == "val/miou" else heldout.miou_common
    return [_score(row.value), _score(score)]


def _score(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _count(value: int | None) -> str:
    return NONE if value is None else str(value)
