"""A confusion matrix, as a part of a page and as a page of its own."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from segexp.report.page import markup, paragraph, render_page

LEGEND = "Rows: ground truth, in percent of the row. Columns: prediction. Right: the row's pixels."
_RIGHT, _WRONG = "22,110,60", "194,42,32"
DEEP = 0.855
"""Above this share, white text has the better contrast on a cell of a light page."""


def confusion_page(confusion: NDArray[np.int64], names: Sequence[str], title: str) -> str:
    """Draw a confusion matrix as a self-contained HTML page without scripts.

    Args:
        confusion: (K, K) or (K, K + 1).
    """
    return render_page(title, [paragraph(LEGEND), confusion_table(confusion, names)], [])


def confusion_table(confusion: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """Draw a confusion matrix.

    Each row is the ground truth of a class and adds up to 100%; the diagonal is recall.

    Args:
        confusion: (K, K) or (K, K + 1); a last column *none* is shown when it is not empty.
    """
    columns = [*names, "none"][: confusion.shape[1]]
    if len(columns) > len(names) and not confusion[:, -1].any():
        columns = columns[:-1]
    totals = confusion.sum(axis=1)
    rows = []
    for i, name in enumerate(names):
        cells = []
        for j, predicted in enumerate(columns):
            share = confusion[i, j] / totals[i] if totals[i] else 0.0
            hint = f"{name} predicted as {predicted}: {confusion[i, j]:,} pixels"
            text = f"{100 * share:.0f}" if share >= 0.005 else ""
            style = f"background:rgba({_RIGHT if i == j else _WRONG},{share:.3f})"
            cells.append((text, hint, share > DEEP, style))
        rows.append((name, cells, f"{totals[i]:,}"))
    return markup("confusion", columns, rows)
