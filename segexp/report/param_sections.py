"""The sections of a study's page about its params: mappings, categories, ranges, importances."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from segexp.evaluation.metrics import IN_MEAN
from segexp.report import study_figures
from segexp.report.importances import both_importances
from segexp.report.page import Grid, Part, Section, note, paragraph, table
from segexp.report.trials import (
    StudyView,
    TrialRow,
    best_trial,
    categorical_params,
    param_names,
    score_text,
    value_text,
)

# Below this many complete trials, importances say more about luck than about params.
FEW = 20

_CATEGORY_HEADER = ("complete", "pruned", "failed", "best", "by trial", "median")


def mapping_section(view: StudyView) -> Section:
    """Compare the mappings of a study as far as a study can compare them."""
    lines: list[list[str]] = []
    for name in _values(view.rows, "mapping"):
        members = _with_value(view.rows, "mapping", name)
        top = best_trial(members)
        scores = top.result.val if top and top.result else None
        lines.append(
            [
                name,
                *_category_cells(members),
                score_text(scores.of("miou") if scores else None),
                f"{scores.of(IN_MEAN):.0f}" if scores else "-",
            ]
        )
    header = ["mapping", *_CATEGORY_HEADER, "its native mIoU", "native classes"]
    return Section(
        "Mappings",
        [
            paragraph(
                f"Mappings meet in {view.objective} only, which is taken in their common space. "
                "The native mIoU is over other classes in each row: never compare it between rows."
            ),
            table(header, lines, numeric=range(1, len(header))),
            study_figures.category_figure(view.rows, "mapping", view.objective),
            note(
                "A study is no fair comparison of mappings: the sampler gives more trials to the "
                "one that looks better, and the best of many is higher than the best of few."
            ),
        ],
    )


def param_sections(view: StudyView) -> list[Section]:
    """Show how the objective depends on the params, as far as there are trials to compare."""
    if sum(row.value is not None for row in view.rows) < 2:
        return [_importances_section(view)] if view.best is not None else []
    categorical = categorical_params(view.study)
    ranges = [
        name
        for name in param_names([row for row in view.rows if row.value is not None])
        if name not in categorical
    ]
    sections = []
    if categorical - {"mapping"}:
        names = [n for n in param_names(view.rows) if n in categorical - {"mapping"}]
        sections.append(_categories_section(view, names))
    if ranges:
        figure = study_figures.slices_figure(view.study, ranges, view.objective)
        sections.append(Section("Ranges", [figure]))
    sections.append(
        Section("All params at once", [study_figures.parallel_figure(view.study, view.objective)])
    )
    sections.append(_importances_section(view))
    return sections


def _categories_section(view: StudyView, names: Sequence[str]) -> Section:
    lines = [
        [name, value, *_category_cells(_with_value(view.rows, name, value))]
        for name in names
        for value in _values(view.rows, name)
    ]
    header = ["param", "value", *_CATEGORY_HEADER]
    figures = [(n, study_figures.category_figure(view.rows, n, view.objective)) for n in names]
    return Section(
        "Categories",
        [
            paragraph("Circles are complete trials, grey crosses pruned ones at their last value."),
            Grid(figures),
            table(header, lines, numeric=range(2, len(header))),
        ],
    )


def _importances_section(view: StudyView) -> Section:
    ped_anova, fanova = verdicts = both_importances(view.study)
    parts: list[Part] = [
        paragraph(
            "PED-ANOVA, Optuna's default, asks what tells the best trials from the rest; fANOVA "
            "asks what explains the scores of all complete trials. Trust a param that both name."
        )
    ]
    parts += [
        note(f"No importances by {verdict.evaluator}: it {verdict.reason}.")
        for verdict in verdicts
        if not verdict.shares
    ]
    if ped_anova.first and fanova.first and ped_anova.first != fanova.first:
        parts.append(
            note(
                f"They disagree about the first: PED-ANOVA says {ped_anova.first}, "
                f"fANOVA says {fanova.first}."
            )
        )
    complete = sum(row.value is not None for row in view.rows)
    if 2 <= complete < FEW:
        parts.append(note(f"Only {complete} complete trials: take this as a hint at most."))
    if any(verdict.shares for verdict in verdicts):
        parts.append(study_figures.importances_figure(verdicts))
    return Section("Importance of the params", parts)


def _category_cells(members: Sequence[TrialRow]) -> list[str]:
    counts = Counter(row.state for row in members)
    values = [row.value for row in members if row.value is not None]
    top = best_trial(members)
    return [
        *(str(counts[state]) for state in ("complete", "pruned", "failed")),
        score_text(top.value if top else None),
        str(top.number) if top else "-",
        score_text(median(values) if values else None),
    ]


def _with_value(rows: Sequence[TrialRow], name: str, value: str) -> list[TrialRow]:
    return [r for r in rows if name in r.params and value_text(r.params[name]) == value]


def _values(rows: Sequence[TrialRow], name: str) -> list[str]:
    return sorted({value_text(r.params[name]) for r in rows if name in r.params})
