"""The main charts of a study as PNG files, for slides and papers."""

import io
import logging
import warnings
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from segexp.evaluation.metrics import COMMON, OWN
from segexp.report.study_figures import BEST, BLUE, BROWN, GREY, ORANGE
from segexp.report.trials import StudyView

DPI = 120

_FONTS = ["DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Arial Unicode MS"]
"""matplotlib's own, and for what it lacks those that many systems have."""


def study_plots(view: StudyView) -> dict[str, bytes]:
    """Draw the charts that a study has the trials for; return PNGs by file name."""
    # Building its list of fonts, once for a user, is nothing to be told of.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    drawn = {}
    with rc_context({"text.parse_math": False, "font.family": _FONTS}), warnings.catch_warnings():
        # A name may have a dollar sign, or a letter that no font here has: then a box stands there.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for name, (width, draw) in PLOTS.items():
            figure = Figure(figsize=(width, 4.5), layout="constrained")
            axes = figure.subplots()
            axes.spines[["top", "right"]].set_visible(False)
            if draw(axes, view):
                file = io.BytesIO()
                figure.savefig(file, format="png", dpi=DPI)
                drawn[name] = file.getvalue()
    return drawn


def _history(axes: Axes, view: StudyView) -> bool:
    scored = [(row.number, row.value) for row in view.rows if row.value is not None]
    if not scored:
        return False
    numbers, values = zip(*scored, strict=True)
    axes.scatter(numbers, values, s=18, color=BLUE, label="complete trials")
    axes.step(numbers, [*accumulate(values, max)], where="post", color=BEST, label="best so far")
    if view.baseline is not None and view.baseline.value is not None:
        axes.axhline(view.baseline.value, color=BROWN, ls="--", lw=1, label="baseline")
    axes.set(xlabel="trial", ylabel=view.score_name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return True


def _curves(axes: Axes, view: StudyView) -> bool:
    rows = [row for row in view.rows if row.curve and row.state != "promoted"]
    for row in rows:
        epochs, values = zip(*row.curve, strict=True)
        is_best = row is view.best
        color = BEST if is_best else BLUE if row.state == "complete" else GREY
        label = f"best: trial {row.number}" if is_best else None
        width, order = (2.5, 3) if is_best else (0.8, 2)
        axes.plot(epochs, values, color=color, lw=width, zorder=order, label=label)
    axes.set(xlabel="epoch", ylabel=view.score_name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if view.best in rows:
        axes.legend(frameon=False)
    return bool(rows)


def _importances(axes: Axes, view: StudyView) -> bool:
    verdicts = [verdict for verdict in view.importances if verdict.shares]
    names = list(dict.fromkeys(name for verdict in verdicts for name in verdict.shares))
    height = 0.8 / max(1, len(verdicts))
    for place, (verdict, color) in enumerate(zip(verdicts, (BLUE, ORANGE), strict=False)):
        shares = [verdict.shares.get(name, 0.0) for name in names]
        axes.barh(
            np.arange(len(names)) + place * height,
            shares,
            height,
            color=color,
            label=verdict.evaluator,
        )
    if names:
        axes.set_yticks(np.arange(len(names)) + height * (len(verdicts) - 1) / 2, names)
        axes.invert_yaxis()
        axes.set(xlabel="share of the importance")
        axes.legend(frameon=False)
    return bool(names)


def _classes(axes: Axes, view: StudyView) -> bool:
    result = view.best.result if view.best else None
    if result is None:
        return False
    split = result.heldout or result.val
    table = split.tables[COMMON]
    rows = zip(table.get("class", ()), table["iou"], table["pixels"], strict=False)
    there = sorted(((n, i, p) for n, i, p in rows if p), key=lambda row: -row[2])
    if not there:
        return False
    axes.barh([name for name, _, _ in there], [iou or 0.0 for _, iou, _ in there], color=BLUE)
    axes.invert_yaxis()
    where = "held-out images" if result.heldout else "tuning images"
    axes.set(xlabel=f"IoU in the common space, {where}", xlim=(0, 1))
    return True


def _confusion(split: str) -> Callable[[Axes, StudyView], bool]:
    def draw(axes: Axes, view: StudyView) -> bool:
        confusion = view.confusions.get(split)
        result = view.best.result if view.best else None
        names: Sequence[Any] = result.val.tables[OWN].get("class", ()) if result else ()
        if confusion is None or len(confusion) != len(names):
            return False
        square = confusion[:, : len(names)]
        shares = square / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        where = "held-out" if split == "heldout" else "tuning"
        axes.set(xlabel="prediction", ylabel="ground truth", title=f"{where} images")
        return True

    return draw


PLOTS: dict[str, tuple[float, Callable[[Axes, StudyView], bool]]] = {
    "history.png": (7, _history),
    "learning_curves.png": (7, _curves),
    "importances.png": (7, _importances),
    "classes.png": (7, _classes),
    "confusion_heldout.png": (5.5, _confusion("heldout")),
    "confusion_val.png": (5.5, _confusion("val")),
}
"""The charts by file name: the width in inches, and what draws one, unless there is nothing to."""
