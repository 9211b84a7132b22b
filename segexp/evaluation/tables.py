"""Per-class tables and the page of a confusion matrix."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.metrics import score
from segexp.evaluation.result import none_if_nan

# Each cell has a colour of its own: the style attributes cannot be listed by their hashes.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def class_table(confusions: NDArray[np.int64], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the columns class, iou, precision, recall, f1, pixels, images, predicted of a split.

    Args:
        confusions: One matrix per image, (N, K, K) or (N, K, K + 1), rows ground truth.
        names: The K class names.

    Returns:
        Lists of K entries. ``pixels`` and ``images`` count the ground truth; a score without a
        denominator is None. ``predicted`` counts the pixels that are called the class where the
        truth is not void.
    """
    scores = score(confusions.sum(axis=0))
    return {
        "class": list(names),
        "iou": [none_if_nan(v) for v in scores.iou],
        "precision": [none_if_nan(v) for v in scores.precision],
        "recall": [none_if_nan(v) for v in scores.recall],
        "f1": [none_if_nan(v) for v in scores.f1],
        "pixels": [int(v) for v in scores.pixels],
        "images": [int(v) for v in (confusions.sum(axis=2) > 0).sum(axis=0)],
        "predicted": [int(v) for v in confusions.sum(axis=(0, 1))[: len(names)]],
    }


def confusion_page(confusion: NDArray[np.int64], names: Sequence[str], title: str) -> str:
    """Draw a confusion matrix as one self-contained HTML page without scripts.

    Each row is the ground truth of a class and adds up to 100%; the diagonal is recall.

    Args:
        confusion: (K, K) or (K, K + 1); a last column *none* is shown when it is not empty.
        names: The K class names.
        title: The heading.
    """
    columns = [*names, "none"][: confusion.shape[1]]
    if len(columns) > len(names) and not confusion[:, -1].any():
        columns = columns[:-1]
    totals = confusion.sum(axis=1)
    head = "".join(f"<th class=c><span>{escape(name)}</span></th>" for name in columns)
    rows = []
    for i, name in enumerate(names):
        cells = []
        for j, predicted in enumerate(columns):
            share = confusion[i, j] / totals[i] if totals[i] else 0.0
            color = "22,110,60" if i == j else "190,40,30"
            hint = f"{name} predicted as {predicted}: {confusion[i, j]:,} pixels"
            text = f"{100 * share:.0f}" if share >= 0.005 else ""
            white = "color:#fff" if share > 0.55 else ""
            cells.append(
                f'<td style="background:rgba({color},{share:.3f});{white}" '
                f'title="{escape(hint)}">{text}</td>'
            )
        rows.append(
            f"<tr><th>{escape(name)}</th>{''.join(cells)}<td class=n>{totals[i]:,}</td></tr>"
        )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<style>
body {{ font: 14px system-ui, sans-serif; margin: 24px; color: #222; background: #fff }}
table {{ border-collapse: collapse }}
td {{ border: 1px solid #e4e4e4; width: 34px; height: 28px; text-align: center; font-size: 12px }}
th {{ text-align: right; padding: 0 8px; font-weight: 500; white-space: nowrap }}
th.c {{ height: 120px; vertical-align: bottom; text-align: center; padding: 4px 0 }}
th.c span {{ writing-mode: vertical-rl; transform: rotate(180deg) }}
td.n {{ border: 0; width: auto; padding-left: 10px; text-align: right; color: #777 }}
</style></head><body>
<h1 style="font-size:18px">{escape(title)}</h1>
<p>Rows: ground truth, in percent of the row. Columns: prediction. Right: pixels of the row.</p>
<table><tr><th></th>{head}<td class=n></td></tr>
{chr(10).join(rows)}
</table></body></html>
"""
