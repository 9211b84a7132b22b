"""Mappings as tables, with the colours of their classes if the terminal has colours."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence

from rich.color import Color as RichColor
from rich.style import Style
from rich.table import Table
from rich.text import Text

from segexp.labels.diff import CommonSpace, MappingDiff
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID_NAME, Color

NOTHING = "-"

UNLABELLED = "unlabelled pixels"
"""A mapping file calls these ``void``; in a table that would look like what is left out."""

MOST_LISTED = 3
"""More void labels than these are counted in a list; `segexp mapping show` names them."""


def swatch(color: Color) -> Text:
    """Return a block in a colour and its hexadecimal; without colours only the latter shows."""
    return Text.assemble(_block(color), f" #{color[0]:02x}{color[1]:02x}{color[2]:02x}")


def mapping_table(mapping: Mapping) -> Table:
    """Draw the classes of a mapping with their labels, then void."""
    labels = f"{len(mapping.taxonomy.labels)} labels of {mapping.taxonomy.name}"
    title = f"{mapping.name}: {len(mapping.classes)} classes from {labels}"
    table = _empty_table(title, ("", "colour", "class", "labels"), whole=3)
    for index, c in enumerate(mapping.classes):
        table.add_row(str(index), swatch(c.color), Text(c.name), _labels(c))
    table.add_section()
    void = swatch(mapping.taxonomy.void_color)
    table.add_row(NOTHING, void, "void", _void(mapping))
    return table


def list_table(mappings: Sequence[Mapping], coarsened: Dictionary[str, Sequence[str]]) -> Table:
    """Draw one row a mapping; ``coarsened`` has by name the mappings that each coarsens."""
    table = _empty_table("", ("mapping", "classes", "void", "coarsens"), whole=2)
    for m in mappings:
        words = (Text(m.name), Text(f"{len(m.classes)} of {m.taxonomy.name}"))
        table.add_row(*words, _shortened(m.void_labels), _joined(coarsened[m.name]))
    return table


def diff_table(first: Mapping, second: Mapping, diff: MappingDiff) -> Table:
    """Draw the labels that two mappings treat differently."""
    columns = ("label", first.name, second.name, "change")
    table = _empty_table(f"{first.name} -> {second.name}", columns, whole=1)
    for row in diff.labels:
        before, after = _class_cell(first, row.first), _class_cell(second, row.second)
        table.add_row(Text(row.label), before, after, row.change)
    return table


def common_table(names: Sequence[str], common: CommonSpace) -> Table:
    """Draw the classes of a common space with those of each mapping that fall into them."""
    space = common.space
    title = f"common space of {', '.join(names)}: {len(space.classes)} classes"
    columns = ("", "class", "labels", *(f"in {name}" for name in names))
    table = _empty_table(title, columns, whole=2)
    for index, c in enumerate(space.classes):
        falling = [_joined(common.classes[name][c.name]) for name in names]
        table.add_row(str(index), _in_color(c), _labels(c), *falling)
    table.add_section()
    falling = [_joined(common.none[name]) for name in names]
    none = Text.assemble(_block(space.taxonomy.void_color), " none")
    table.add_row(NOTHING, none, _void(space), *falling)
    return table


def fitted(table: Table, width: int) -> Table:
    """Choose widths of columns that break no word, if the terminal is wide enough.

    Rich narrows the widest columns first, and breaks names in one while another has room to spare.

    Args:
        table: Changed in place where it is wider than the terminal.
        width: The terminal's, in characters.
    """
    lowest, widths = [], []
    for column in table.columns:
        cells = [cell.plain if isinstance(cell, Text) else str(cell) for cell in column.cells]
        texts = [str(column.header), *cells]
        widths.append(max(map(len, texts)))
        words = max((len(word) for text in texts for word in text.split()), default=0)
        lowest.append(widths[-1] if column.no_wrap else words)
    room = width - 3 * len(widths) - 1  # beside the borders
    if sum(lowest) > room or sum(widths) <= room:
        return table
    while sum(widths) > room:  # from the column with the most to spare
        place = max(range(len(widths)), key=lambda i: widths[i] - lowest[i])
        widths[place] -= 1
    for column, chosen in zip(table.columns, widths, strict=True):
        column.width = chosen
    return table


def _empty_table(title: str, columns: Sequence[str], whole: int) -> Table:
    """Return a table without rows; its first ``whole`` columns are not broken into lines."""
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(Text(name), overflow="fold", no_wrap=place < whole)
    return table


def _labels(mapped_class: MappedClass) -> Text:
    return _joined([UNLABELLED if name == VOID_NAME else name for name in mapped_class.labels])


def _void(mapping: Mapping) -> Text:
    return _joined([*mapping.void_labels, *([] if mapping.scores_void else [UNLABELLED])])


def _joined(names: Sequence[str]) -> Text:
    # Text, since square brackets in a name would be taken for markup.
    return Text(", ".join(names) or NOTHING)


def _shortened(names: Sequence[str]) -> Text:
    return _joined(names) if len(names) <= MOST_LISTED else Text(f"{len(names)} labels")


def _class_cell(mapping: Mapping, name: str | None) -> Text:
    if name is None:
        return Text("void")
    return _in_color(mapping.classes[mapping.names.index(name)])


def _in_color(mapped_class: MappedClass) -> Text:
    return Text.assemble(_block(mapped_class.color), f" {mapped_class.name}")


def _block(color: Color) -> Text:
    return Text("  ", Style(bgcolor=RichColor.from_rgb(*color)))
