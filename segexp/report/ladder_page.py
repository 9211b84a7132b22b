"""The page of a ladder of merges."""

from collections.abc import Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from segexp.core.wording import percent, signed
from segexp.labels.ladder import RULER_EFFECT, Ladder, Rung
from segexp.labels.taxonomy import VOID_NAME
from segexp.report.page import (
    Section,
    cards,
    css_color,
    figure_text,
    note,
    paragraph,
    render_page,
    swatch,
    table,
)

BLUE = "#0072b2"
ORANGE = "#a84a00"
LINE = "#59636e"
CHOSEN = "#8a5a00"

_COLUMNS = (
    "Gain: the change in predicted mIoU. Of it resolved: the part that was confusion between "
    "the two classes, which is no longer an error; the rest comes from the mean, which for "
    "example loses one low IoU. Bits lost: entropy of the true classes, in bits per pixel. "
    "Told bits lost: the part that the predictions told about the truth. Each step takes the "
    "merge that resolves most per told bit, but none that lowers mIoU while another does not."
)


def ladder_page(
    ladder: Ladder, chosen: Rung, notes: Sequence[str], study_command: str | None
) -> str:
    """Draw a ladder as a self-contained HTML page.

    Args:
        chosen: The suggested rung, with the name it was written under.
    """
    base, num = ladder.base, len(chosen.space.classes)
    opening = [
        note(f"{RULER_EFFECT} Run one: {study_command}" if study_command else RULER_EFFECT),
        cards(
            [
                (f"{len(base.classes)} → {num}", f"classes, {base.name} → {chosen.space.name}"),
                (f"{ladder.miou:.3f} → {chosen.miou:.3f}", "predicted mIoU (ruler effect)"),
                (percent(*_bits(chosen, ladder)), "of the bits per pixel kept"),
            ]
        ),
        *(note(f"{text[:1].upper()}{text[1:]}.") for text in notes),
    ]
    sections = [
        Section(
            "Predicted mIoU and bits kept",
            [
                _curves(ladder, chosen),
                paragraph(
                    "Predicted mIoU usually rises as classes merge, although nothing new is "
                    "learned. The bits per pixel that the classes carry can only fall. The dashed "
                    "line marks the suggestion."
                ),
            ],
        ),
        Section(
            "Which classes merge, and when",
            [
                _tree(ladder, chosen),
                paragraph(
                    "Read from left to right: each bracket is a merge, placed at the number of "
                    "classes that remain. Classes joined left of the dashed line are one class of "
                    "the suggestion."
                ),
            ],
        ),
        Section("Every step", [_steps(ladder, num), paragraph(_COLUMNS)]),
        Section(f"The classes of {chosen.space.name}", [_classes(chosen)]),
    ]
    return render_page(f"Merging the classes of {base.name}", opening, sections)


def _curves(ladder: Ladder, chosen: Rung) -> go.Figure:
    counts = [len(ladder.base.classes), *(len(r.space.classes) for r in ladder.rungs)]
    steps = ["the model's own classes", *(" + ".join(r.merged) for r in ladder.rungs)]
    hover = [figure_text(step) for step in steps]
    mious = [ladder.miou, *(r.miou for r in ladder.rungs)]
    bits = [ladder.bits_kept, *(r.bits_kept for r in ladder.rungs)]
    figure = go.Figure()
    for name, values, color, symbol, axis in (
        ("predicted mIoU", mious, BLUE, "circle", "y"),
        ("bits kept per pixel", bits, ORANGE, "square", "y2"),
    ):
        figure.add_trace(
            go.Scatter(
                x=counts,
                y=values,
                name=name,
                yaxis=axis,
                mode="lines+markers",
                line={"color": color, "width": 2},
                marker={"symbol": symbol, "size": 8},
                customdata=hover,
                hovertemplate=f"%{{x}} classes, {name}: %{{y:.3f}}<br>%{{customdata}}"
                "<extra></extra>",
            )
        )
    figure.add_vline(
        x=len(chosen.space.classes), line={"color": CHOSEN, "width": 1.5, "dash": "dash"}
    )
    figure.update_layout(
        xaxis={"title": "classes", "range": [counts[0] + 0.5, counts[-1] - 0.5], "dtick": 1},
        yaxis={"title": "predicted mIoU (ruler effect)", "range": [0, 1.02], "color": BLUE},
        yaxis2={
            "title": "bits per pixel",
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.02 * max(bits)],
            "color": ORANGE,
            "showgrid": False,
            "tickmode": "auto",
        },
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        margin={"l": 60, "r": 60, "t": 36, "b": 48},
        height=400,
    )
    return figure


def _tree(ladder: Ladder, chosen: Rung) -> go.Figure:
    """Draw the merges as a dendrogram: classes at the left, x the number of classes left."""
    base, start = ladder.base, len(ladder.base.classes)
    order = _leaf_order(ladder)
    place = {name: float(y) for y, name in enumerate(order)}  # of each class, merged or not
    since = dict.fromkeys(order, start)  # the number of classes when it was made
    above: Sequence[str] = base.names
    x: list[float | None] = []
    y: list[float | None] = []
    marks: list[tuple[int, float, str]] = []
    for rung in ladder.rungs:
        count = len(rung.space.classes)
        (first, second), merged = rung.merged, _new_name(above, rung)
        above = rung.space.names
        x += [since[first], count, count, since[second], None]
        y += [place[first], place[first], place[second], place[second], None]
        middle = (place.pop(first) + place.pop(second)) / 2
        place[merged], since[merged] = middle, count
        marks.append((count, middle, f"{' + '.join(rung.merged)}: {signed(rung.gain)} mIoU"))
    end = ladder.fewest
    for name, height in place.items():
        x += [since[name], end - 0.5, None]
        y += [height, height, None]
    figure = go.Figure(
        go.Scatter(x=x, y=y, mode="lines", line={"color": LINE, "width": 1.6}, hoverinfo="skip")
    )
    figure.add_trace(
        go.Scatter(
            x=[mark[0] for mark in marks],
            y=[mark[1] for mark in marks],
            mode="markers",
            marker={"color": BLUE, "size": 7},
            customdata=[figure_text(mark[2]) for mark in marks],
            hovertemplate="%{x} classes: %{customdata}<extra></extra>",
        )
    )
    colors = [css_color(base.classes[base.names.index(name)].color) for name in order]
    figure.add_trace(
        go.Scatter(
            x=[start] * start,
            y=list(range(start)),
            mode="markers",
            marker={
                "symbol": "square",
                "size": 13,
                "color": colors,
                "line": {"color": "#555", "width": 0.7},
            },
            hoverinfo="skip",
        )
    )
    # Half a step after the rung, so that its own merge is left of the line.
    figure.add_vline(
        x=len(chosen.space.classes) - 0.5, line={"color": CHOSEN, "width": 1.5, "dash": "dash"}
    )
    figure.update_layout(
        showlegend=False,
        xaxis={"title": "classes left", "range": [start + 0.4, end - 0.6], "dtick": 1},
        yaxis={
            "tickvals": list(range(start)),
            "ticktext": [figure_text(name) for name in order],
            "range": [start - 0.5, -0.5],
            "showgrid": False,
        },
        height=90 + 26 * start,
    )
    return figure


def _bits(chosen: Rung, ladder: Ladder) -> tuple[float, float]:
    """Return the bits per pixel that a rung keeps, and those of the model's classes.

    To 12 digits, beyond which sums in another order differ.
    """
    return round(chosen.bits_kept, 12), round(ladder.bits_kept, 12)


def _new_name(above: Sequence[str], rung: Rung) -> str:
    """Return the name of a merged class: it takes the place of the first of the two."""
    return rung.space.names[above.index(rung.merged[0])]


def _leaf_order(ladder: Ladder) -> list[str]:
    """Order the model's classes so that no two brackets cross."""
    leaves = {name: [name] for name in ladder.base.names}
    above: Sequence[str] = ladder.base.names
    for rung in ladder.rungs:
        merged = _new_name(above, rung)
        joined = leaves.pop(rung.merged[0]) + leaves.pop(rung.merged[1])
        leaves[merged] = joined
        above = rung.space.names
    return [leaf for name in above for leaf in leaves[name]]


def _steps(ladder: Ladder, chosen: int) -> Markup:
    top: list[str] = [str(len(ladder.base.classes)), "", f"{ladder.miou:.4f}", "", "", "", ""]
    rows = [[*top, f"{ladder.bits_kept:.4f}"]]
    for rung in ladder.rungs:
        rows.append(
            [
                str(len(rung.space.classes)),
                " + ".join(rung.merged),
                f"{rung.miou:.4f}",
                signed(rung.gain, 4),
                f"{rung.resolved:.4f}",
                f"{rung.bits_lost:.4f}",
                f"{rung.told_bits_lost:.4f}",
                f"{rung.bits_kept:.4f}",
            ]
        )
    return table(
        [
            "classes",
            "merged",
            "predicted mIoU",
            "gain",
            "of it resolved",
            "bits lost",
            "told bits lost",
            "bits kept",
        ],
        rows,
        numeric=(0, 2, 3, 4, 5, 6, 7),
        strong=[i for i, row in enumerate(rows) if row[0] == str(chosen)],
    )


def _classes(chosen: Rung) -> Markup:
    space, unlabelled = chosen.space, "unlabelled pixels"
    rows = [
        [
            swatch(c.color, c.name),
            ", ".join(unlabelled if label == VOID_NAME else label for label in c.labels),
        ]
        for c in space.classes
    ]
    void = [*space.void_labels, *([] if space.scores_void else [unlabelled])]
    rows.append(["void", ", ".join(void) or "-"])
    return table(["class", "labels"], rows, prose=(1,), faint=(len(rows) - 1,))
