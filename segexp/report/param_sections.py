"""The sections of a study's page about its params: mappings, categories, ranges, importances."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from segexp.evaluation.metrics import IN_MEAN, METRICS, metric_of
from segexp.report import study_figures
from segexp.report.drawing import Turned
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

# So many axes of params have room for their labels beside each other on a telephone.
NARROW = 3

_CATEGORY_HEADER = ("complete", "pruned", "failed", "best", "by trial", "median")


def mappings_section(view: StudyView) -> Iterator[Section]:
    """Compare the mappings of a study as far as a study can compare them."""
    if not any("mapping" in row.params for row in view.rows):
        return
    metric, _ = metric_of(view.objective)
    title = METRICS[metric].title if metric in METRICS else metric
    lines: list[list[str]] = []
    for name in _values(view.rows, "mapping"):
        members = _with_value(view.rows, "mapping", name)
        top = best_trial(members)
        scores = top.result.val if top and top.result else None
        lines.append(
            [
                name,
                *_category_cells(members),
                score_text(scores.of(metric) if scores else None),
                f"{scores.of(IN_MEAN):.0f}" if scores else "-",
            ]
        )
    header = ["mapping", *_CATEGORY_HEADER, f"its own {title}", "own classes"]
    yield Section(
        "Mappings",
        [
            paragraph(
                f"Compare mappings by {view.score_name} only: it is computed in their common "
                f"space. The own {title} of each row is over different classes: never compare "
                "it between rows."
            ),
            table(header, lines, numeric=range(1, len(header))),
            study_figures.category_figure(view.rows, "mapping", view.score_name),
            note(
                "A study does not compare mappings fairly: the sampler gives more trials to the "
                "mapping that looks better, and the best of many is higher than the best of few."
            ),
        ],
    )


def categories_section(view: StudyView) -> Iterator[Section]:
    """The params that were chosen from a list, except the mapping."""
    categorical = categorical_params(view.study) - {"mapping"}
    names = [name for name in param_names(view.rows) if name in categorical]
    if not names or not _can_be_compared(view):
        return
    lines = [
        [name, value, *_category_cells(_with_value(view.rows, name, value))]
        for name in names
        for value in _values(view.rows, name)
    ]
    header = ["param", "value", *_CATEGORY_HEADER]
    figures = [(n, study_figures.category_figure(view.rows, n, view.score_name)) for n in names]
    yield Section(
        "Categories",
        [
            paragraph(
                "Circles are complete trials; grey crosses are pruned ones, at their last value."
            ),
            Grid(figures),
            table(header, lines, numeric=range(2, len(header))),
        ],
    )


def ranges_section(view: StudyView) -> Iterator[Section]:
    """The params that were drawn from a range."""
    categorical = categorical_params(view.study)
    scored = [row for row in view.rows if row.value is not None]
    names = [name for name in param_names(scored) if name not in categorical]
    if names and _can_be_compared(view):
        yield Section("Ranges", [study_figures.slices_figure(view.study, names, view.score_name)])


def params_section(view: StudyView) -> Iterator[Section]:
    """Each trial as a line through its params; in a narrow page through those that matter most."""
    if _can_be_compared(view):
        wide = study_figures.parallel_figure(view.study, view.score_name)
        few = most_important(view)[:NARROW] or None
        narrow = study_figures.parallel_figure(view.study, view.score_name, few)
        narrow.update_xaxes(tickangle=90)  # plotly leaves out a slanted name that sticks out
        yield Section("All params at once", [Turned(wide, narrow)])


def importances_section(view: StudyView) -> Iterator[Section]:
    """How much each param matters, by two evaluators."""
    if view.best is None:
        return
    ped_anova, fanova = verdicts = view.importances
    parts: list[Part] = [
        paragraph(
            "PED-ANOVA, Optuna's default, asks what distinguishes the best trials from the rest; "
            "fANOVA asks what explains the scores of all complete trials. Trust a param that both "
            "rank high."
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
                f"They disagree on the most important param: PED-ANOVA says {ped_anova.first}, "
                f"fANOVA says {fanova.first}."
            )
        )
    complete = sum(row.value is not None for row in view.rows)
    if 2 <= complete < FEW:
        parts.append(note(f"Only {complete} complete trials: this is a hint at most."))
    if any(verdict.shares for verdict in verdicts):
        parts.append(study_figures.importances_figure(verdicts))
    yield Section("Importance of the params", parts)


def most_important(view: StudyView) -> list[str]:
    """Return the params that differ between complete trials, the most important first.

    By the sum of their shares by both evaluators.
    """
    scored = [row for row in view.rows if row.value is not None]
    shares: dict[str, float] = {}
    for verdict in view.importances:
        for name, share in verdict.shares.items():
            shares[name] = shares.get(name, 0.0) + share
    differing = [name for name in param_names(scored) if len(_values(scored, name)) > 1]
    return sorted(differing, key=lambda name: -shares.get(name, 0.0))


def _can_be_compared(view: StudyView) -> bool:
    return sum(row.value is not None for row in view.rows) > 1


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
