"""Results as CSV files."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from segexp.report.trials import StudyView, TrialRow, param_names

_LAST = ("best_epoch", "epochs", "seconds", "run_id")


def results_csv(view: StudyView) -> str:
    """Write a study's trials: state, objective, params, scores, seconds and the MLflow run.

    For scripts: each column is there once, and scores have the names that MLflow's metrics have.
    The objective of a trial that did not complete is the last value that it reported. Scores are
    those on the tuning images, ``val/miou`` in the mapping's own space, ``val/miou_common`` and so
    on, and ``heldout/`` on the held-out images. Where hosts differed in precision, that of each
    trial is the last column. What a trial does not have is empty; a param that is null is ``null``.
    """
    names = param_names(view.rows)
    scores = [_scores(row) for row in view.rows]
    score_names = list(dict.fromkeys(name for of_row in scores for name in of_row))
    if view.objective in score_names:  # it has its column
        score_names.remove(view.objective)
    score_names.sort(key=lambda name: name.startswith("heldout/"))
    mixed = ["precision"] if view.precisions else []
    lines: list[list[Any]] = [
        ["trial", "state", view.objective, *names, *score_names, *_LAST, *mixed]
    ]
    for row, of_row in zip(view.rows, scores, strict=True):
        lines.append(
            [row.number, row.state, _cell(row.value if row.state == "complete" else row.last)]
            + [_param(row.params, name) for name in names]
            + [_cell(of_row.get(name)) for name in score_names]
            + [_cell(row.best_epoch), len(row.curve), _cell(row.seconds), row.run_id]
            + [row.precision for _ in mixed]
        )
    return _csv(lines)


def columns_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """Write columns of equal length; what is None is empty."""
    return _csv([[*columns], *zip(*columns.values(), strict=True)])


def _csv(lines: Sequence[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def _scores(row: TrialRow) -> dict[str, float]:
    if row.result is None:
        return {}
    splits = {"val": row.result.val, "heldout": row.result.heldout}
    return {
        f"{split}/{name}": value
        for split, scores in splits.items()
        if scores is not None
        for name, value in scores.numbers().items()
    }


def _param(params: Mapping[str, Any], name: str) -> Any:
    return "" if name not in params else "null" if params[name] is None else params[name]


def _cell(value: float | None) -> float | str:
    return "" if value is None or math.isnan(value) else value
