"""The sections of a study's page about what its best trial predicts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from segexp.core.wording import percent, signed
from segexp.evaluation.metrics import COMMON, OWN
from segexp.evaluation.result import Table
from segexp.report.confusion_page import LEGEND, confusion_table
from segexp.report.gallery import GALLERY_FILE
from segexp.report.page import (
    Part,
    Section,
    figure_text,
    image,
    markup,
    note,
    paragraph,
    subheading,
    table,
)
from segexp.report.study_figures import BLUE, GREY
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.report.trials import StudyView, TrialRow, score_text

SPLITS = {"heldout": "held-out images", "val": "tuning images"}


def pictures_section(view: StudyView) -> Iterator[Section]:
    """Scenes with their truth, what the best trial predicts, and where that is wrong."""
    if view.best is None or not (view.pictures or view.has_gallery or view.has_trials):
        return
    parts: list[Part] = [*_gallery(view)]
    if view.has_trials:
        said = "The same images as every complete trial predicts them, sorted by score: "
        parts.insert(0, markup("link_in", said, TRIALS_FILE, "all side by side"))
    if view.pictures:
        said = (
            f"What trial {view.best.number} predicts on {len(view.pictures)} of the tuning images, "
            "taken evenly from all of them: image, truth, prediction, and where it is wrong."
        )
        parts.insert(0, paragraph(said))
    parts += [
        image(png, f"{name}: image, truth, prediction of trial {view.best.number}, mistakes in red")
        for name, png in view.pictures
    ]
    yield Section("What it predicts", parts)


def _gallery(view: StudyView) -> Iterator[Markup]:
    """Where the held-out images are, beside what the baseline predicts, or how to get them."""
    if view.has_gallery:
        said = "The held-out images beside what the baseline predicts, as they differ: "
        yield markup("link_in", said, f"best/{GALLERY_FILE}", "the gallery")
    elif view.best is not view.baseline and not view.is_live:
        yield paragraph(
            f"`segexp compare {view.study.study_name}` shows the held-out images beside what the "
            "baseline predicts on them."
        )


def classes_section(view: StudyView) -> Iterator[Section]:
    """The IoU of each class in the common space, beside the baseline's."""
    best = view.best
    if best is None or best.result is None:
        return
    split = "heldout" if best.result.heldout else "val"
    own = _table(best, split)
    if "class" not in own:
        return
    beside = view.baseline if view.baseline is not best else None
    theirs = _table(beside, split) if beside else {}
    base = dict(zip(theirs.get("class", ()), theirs.get("iou", ()), strict=True))
    pixels = sum(own["pixels"])
    rows = sorted(
        zip(own["class"], own["iou"], own["pixels"], strict=True), key=lambda row: -row[2]
    )
    there = [row for row in rows if row[2]]
    lines = [
        [
            name,
            percent(count, pixels, digits=1),
            score_text(iou),
            score_text(base.get(name)),
            _difference(iou, base.get(name)),
        ]
        for name, iou, count in there
    ]
    header = ["class", "share of pixels", "best: IoU", "baseline: IoU", "difference"]
    if not base:
        header, lines = header[:3], [line[:3] for line in lines]
    parts: list[Part] = [
        paragraph(f"IoU in the common space, on the {SPLITS[split]}, the largest class first."),
        _classes_figure([name for name, _, _ in there], [iou for _, iou, _ in there], base),
        table(header, lines, numeric=range(1, len(header))),
    ]
    if lacking := [name for name, _, count in rows if not count]:
        parts.append(note(f"No {SPLITS[split]} have {', '.join(lacking)}."))
    yield Section("Each class", parts)


def confusion_section(view: StudyView) -> Iterator[Section]:
    """Which classes are taken for which, on the images of each split."""
    best = view.best
    if best is None or best.result is None or not view.confusions:
        return
    names = best.result.val.tables[OWN].get("class", [])
    parts: list[Part] = [paragraph(f"Of trial {best.number}, over its own classes. {LEGEND}")]
    for split, title in SPLITS.items():
        confusion = view.confusions.get(split)
        if confusion is not None and len(confusion) == len(names):
            parts += [
                subheading(title[0].upper() + title[1:]),
                confusion_table(confusion, names),
            ]
    yield Section("What is taken for what", parts)


def _table(row: TrialRow, split: str) -> Table:
    """Return a trial's per-class table in the common space; empty where it has none."""
    scores = row.result and (row.result.heldout if split == "heldout" else row.result.val)
    return scores.tables[COMMON] if scores else {}


def _difference(iou: float | None, base: float | None) -> str:
    return "-" if iou is None or base is None else signed(iou - base, 4)


def _classes_figure(
    names: Sequence[str], ious: Sequence[float | None], base: Mapping[str, Any]
) -> go.Figure:
    """Draw a bar for each class, with one of the baseline below it."""
    shown = [figure_text(name) for name in names]
    figure = go.Figure()
    if base:
        figure.add_bar(
            x=[base.get(name) for name in names],
            y=shown,
            name="baseline",
            orientation="h",
            marker={"color": GREY},
            hovertemplate="%{y}, baseline: %{x:.4f}<extra></extra>",
        )
    figure.add_bar(
        x=list(ious),
        y=shown,
        name="best",
        orientation="h",
        marker={"color": BLUE},
        hovertemplate="%{y}, best: %{x:.4f}<extra></extra>",
    )
    figure.update_layout(
        barmode="group",
        bargap=0.3,
        height=110 + 30 * len(names),
        xaxis={"title": "IoU", "range": [0, 1]},
        yaxis={"autorange": "reversed", "type": "category"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        margin={"l": 60, "r": 20, "t": 40, "b": 48},
    )
    return figure
