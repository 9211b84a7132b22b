"""The page of a data set: what is in it, and what a mapping makes of it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from segexp.core.wording import percent
from segexp.report.page import (
    Part,
    Section,
    cards,
    css_color,
    figure_text,
    image,
    note,
    paragraph,
    render_page,
    subheading,
    swatch,
    table,
)

Stats = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
SPLITS = ("train", "val", "heldout")
_SPLIT_NAMES = {"train": "train", "val": "val", "heldout": "held-out"}
_PLURALS = {"label": "Labels", "class": "Classes"}
_MARKS = {"val": ("circle", "#fff", "#111"), "heldout": ("diamond", "#111", "#fff")}


def data_page(
    stats: Stats, warnings: Sequence[str] = (), samples: Sequence[tuple[str, bytes]] = ()
) -> str:
    """Draw a data set as a self-contained HTML page: what looks wrong first, then what is in it.

    Args:
        stats: What `segexp.data.stats.dataset_stats` returns.
        warnings: What `segexp.data.warnings.data_warnings` returns.
        samples: Pictures of images with their masks, PNG, each with a title.
    """
    sections = [section for of_stats in SECTIONS for section in of_stats(stats)]
    if samples:
        parts = [image(png, f"Images and their masks, {title}", title) for title, png in samples]
        sections.insert(0, Section("Sample images", parts))
    rows = {split: stats["splits"][split]["labels"] for split in SPLITS}
    notes = [f"{text[:1].upper()}{text[1:]}" for text in warnings] + _absences("label", rows)
    opening = [*map(note, notes), *_opening(stats)]
    return render_page(f"Data set {stats['dataset']}", opening, sections)


def _opening(stats: Stats) -> list[Markup]:
    facts = [
        ["format", stats["format"]],
        ["taxonomy", stats["taxonomy"]],
        ["images' own size, height x width", _sizes(stats["own_sizes"])],
        ["size used for training and for these counts", _sizes(stats["sizes"])],
        ["mean of R, G, B over train, 0 to 1", _numbers(stats["mean"])],
        ["standard deviation", _numbers(stats["std"])],
        ["hash of the content", stats["hash"]],
    ]
    total = sum(stats["splits"][name]["images"] for name in SPLITS)
    entries = [(f"{total:,}", "images")]
    entries += [(f"{stats['splits'][n]['images']:,}", _SPLIT_NAMES[n]) for n in SPLITS]
    entries.append((str(len(stats["splits"]["train"]["labels"])), "labels"))
    return [cards(entries), table(["", ""], facts, prose=(1,))]


def _sizes(sizes: Sequence[tuple[int, int, int]]) -> str:
    """List sizes with their images; where there are many, the most common ones are enough."""
    if len(sizes) == 1:
        return f"{sizes[0][0]} x {sizes[0][1]}"
    listed = [f"{height} x {width} ({images:,})" for height, width, images in sizes[:4]]
    return ", ".join(listed + [f"{len(sizes) - 4} more"] * (len(sizes) > 4))


def splits_section(stats: Stats) -> Iterator[Section]:
    """What each split is used for, and its size."""
    heldout = (
        "for final scores only: the test split"
        if stats["heldout_from"] == "test"
        else "for final scores only: the half of the val split that tuning does not use, "
        f"divided by {stats['heldout_by']}"
    )
    uses = {"train": "for training", "val": "for tuning", "heldout": heldout}
    lines: list[list[str]] = []
    for name in SPLITS:
        split = stats["splits"][name]
        lines.append(
            [
                _SPLIT_NAMES[name],
                uses[name],
                f"{split['images']:,}",
                f"{split['pixels']:,}",
                f"{split['void_pixels']:,}",
                percent(split["void_pixels"], split["pixels"], digits=1),
            ]
        )
    header = ["split", "use", "images", "pixels", "void pixels", "void"]
    yield Section("Splits", [table(header, lines, numeric=range(2, 6), prose=(1,))])


def labels_section(stats: Stats) -> Iterator[Section]:
    """How often each label of the taxonomy occurs."""
    parts = _class_parts("label", "labels", stats["splits"], stats["splits"])
    yield Section(f"Labels of {stats['taxonomy']}", parts)


def mapping_sections(stats: Stats) -> Iterator[Section]:
    """How often each class of a mapping occurs, for every mapping; what is missing where first."""
    for name, by_split in stats["mappings"].items():
        rows = {split: by_split[split]["classes"] for split in SPLITS}
        parts = _class_parts("class", "classes", by_split, stats["splits"])
        yield Section(f"Mapping {name}", [*map(note, _absences("class", rows)), *parts])


def _class_parts(kind: str, key: str, counts: Stats, splits: Stats) -> list[Part]:
    """Chart and table of the labels, or of a mapping's classes.

    Args:
        kind: ``label`` or ``class``.
        key: The key in ``counts`` of the name, color, pixels, share and images of each.
        counts: What was counted, by split, with ``void_pixels``.
        splits: Images and pixels by split.
    """
    rows: dict[str, Rows] = {split: counts[split][key] for split in SPLITS}
    images = {split: splits[split]["images"] for split in SPLITS}
    parts: list[Part] = [
        subheading("Share of pixels, and of images that contain it"),
        _frequency_figure(rows, images),
    ]
    lines: list[list[str]] = []
    for i, row in enumerate(rows["train"]):
        line: list[str] = [swatch(row["color"], row["name"])]
        for split in SPLITS:
            found = rows[split][i]
            line += [
                f"{found['pixels']:,}",
                percent(found["share"], 1, digits=3),
                f"{found['images']:,}",
                percent(found["images"], images[split], digits=1),
            ]
        lines.append(line)
    last: list[str] = ["void, of all pixels"]
    for split in SPLITS:
        void = counts[split]["void_pixels"]
        last += [f"{void:,}", percent(void, splits[split]["pixels"], digits=3), "", ""]
    parts.append(
        table(
            [kind, *(["pixels", "share", "images", "of images"] * len(SPLITS))],
            [*lines, last],
            groups=[("", 1), *((_SPLIT_NAMES[split], 4) for split in SPLITS)],
            numeric=range(1, 13),
            faint=(len(lines),),
        )
    )
    parts.append(paragraph("Shares are of the pixels that are not void."))
    return parts


def _absences(kind: str, rows: Mapping[str, Rows]) -> list[str]:
    """Say which labels or classes are missing where, and what follows."""
    train, val, heldout = (
        {row["name"] for row in rows[split] if row["pixels"] > 0} for split in SPLITS
    )
    names = [row["name"] for row in rows["train"]]
    cases = [
        ("no split", set(names) - train - val - heldout, "neither learned nor scored"),
        ("val or held-out but not in train", (val | heldout) - train, "scored, but never learned"),
        ("train but not in val", train - val, "tuning cannot tell how well they are learned"),
        ("train but not in held-out", train - heldout, "the final scores say nothing about them"),
    ]
    return [
        f"{_PLURALS[kind]} in {where}: {', '.join(n for n in names if n in missing)} "
        f"({consequence})."
        for where, missing, consequence in cases
        if missing
    ]


def _frequency_figure(rows: Mapping[str, Rows], images: Mapping[str, int]) -> go.Figure:
    """Bars for train in the labels' own colours, marks for val and held-out."""
    order = sorted(range(len(rows["train"])), key=lambda i: rows["train"][i]["pixels"])
    names = [figure_text(rows["train"][i]["name"]) for i in order]
    colors = [css_color(rows["train"][i]["color"]) for i in order]
    figure = go.Figure().set_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.04, column_widths=[0.6, 0.4]
    )
    # The legend would show one label's colour for all of train.
    figure.add_trace(go.Bar(x=[None], y=names[:1], name="train", marker={"color": "#999"}))
    for split in SPLITS:
        shares = [rows[split][i]["share"] for i in order]
        contained = [rows[split][i]["images"] / max(1, images[split]) for i in order]
        for column, values, counts, unit in (
            (1, shares, [rows[split][i]["pixels"] for i in order], "pixels"),
            (2, contained, [rows[split][i]["images"] for i in order], "images"),
        ):
            # A log axis has no zero: a label that never occurs has no bar and no mark.
            percent = [100 * v if v > 0 else None for v in values]
            name = _SPLIT_NAMES[split]
            common = {
                "x": percent,
                "y": names,
                "name": name,
                "legendgroup": name,
                "showlegend": column == 1 and split != "train",
                "customdata": counts,
                "hovertemplate": f"%{{y}}, {name}: %{{x:.3g}}%, %{{customdata:,}} {unit}"
                "<extra></extra>",
            }
            if split == "train":
                line = {"color": "#555", "width": 0.7}
                trace = go.Bar(orientation="h", marker={"color": colors, "line": line}, **common)
            else:
                symbol, fill, edge = _MARKS[split]
                line = {"color": edge, "width": 1.3}
                mark = {"symbol": symbol, "size": 9, "color": fill, "line": line}
                trace = go.Scatter(mode="markers", marker=mark, **common)
            figure.add_trace(trace, row=1, col=column)
    smallest = min((r["share"] for s in SPLITS for r in rows[s] if r["share"] > 0), default=1.0)
    lowest = math.floor(math.log10(100 * smallest)) - 0.1  # so that the smallest has a bar too
    ticks = [10.0**power for power in range(-9, 3)]
    figure.update_xaxes(
        type="log",
        range=[lowest, 2.05],
        tickvals=ticks,
        ticktext=[f"{tick:g}%" for tick in ticks],
        title="share of the pixels (log scale)",
        row=1,
        col=1,
    )
    figure.update_xaxes(
        title="images that contain it", range=[0, 104], ticksuffix="%", row=1, col=2
    )
    figure.update_yaxes(type="category", categoryarray=names)
    figure.update_layout(
        height=110 + 25 * len(names),
        bargap=0.25,
        barmode="overlay",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        margin={"l": 60, "r": 20, "t": 36, "b": 48},
    )
    return figure


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


SECTIONS: list[Callable[[Stats], Iterator[Section]]] = [
    splits_section,
    labels_section,
    mapping_sections,
]
"""The sections of the page, in order. Each function yields its sections, or nothing."""
