"""The section on other conventions of scoring the same predictions."""

from collections.abc import Iterator

from segexp.compare.page.numbers import plain, signed
from segexp.compare.page.view import AbView
from segexp.report.page import Part, Section, note, paragraph, table


def protocols_section(view: AbView) -> Iterator[Section]:
    """The scores of the same predictions by other protocols, in their own and common classes."""
    protocols, names = view.result.get("protocols"), view.names
    if not protocols:
        return
    own = {row["key"]: row for row in protocols["own"]}
    common = {row["key"]: row for row in protocols["common"]}
    keys = [key for key in own if key in common] + [key for key in common if key not in own]
    keys += [key for key in own if key not in common]
    lines: list[list[str]] = []
    for key in dict.fromkeys(keys):
        row = common.get(key) or own[key]
        in_own = own.get(key, {"scores": {}})["scores"]
        in_common = common.get(key, {"scores": {}})["scores"]
        cells: list[str] = [row["title"], row["meaning"]]
        cells += [plain(in_own.get(name)) for name in names]
        cells += [plain(in_common.get(name)) for name in names]
        if len(names) == 2:
            first, second = (in_common.get(name) for name in names)
            known = first is not None and second is not None
            cells.append(signed(second - first) if known else "-")
        lines.append(cells)
    columns = [*names, *names, *(["difference"] if len(names) == 2 else [])]
    count = len(names)
    missing = [
        f"{row['title']}: {row['missing']}." for row in protocols["common"] if row["missing"]
    ]
    parts: list[Part] = [
        paragraph(
            "A protocol is a ruler, too. Here the same predictions are scored by the conventions "
            "of other programs and papers: how absent classes, void pixels, the background and "
            "single images enter a mean. The verdict uses the first row only. Compare a score from "
            "elsewhere with the row that is computed in the same way."
        ),
        *([note(protocols["sentence"])] if protocols["sentence"] else []),
        table(
            ["protocol", "what it counts", *columns],
            lines,
            groups=[
                ("", 2),
                ("its own classes", count),
                ("common classes", len(columns) - count),
            ],
            numeric=range(2, 2 + len(columns)),
            prose=(1,),
            strong=(0,),
        ),
        *(paragraph(f"Left out: {text}") for text in (*missing, *protocols["missing"])),
    ]
    yield Section("Other protocols", parts)
