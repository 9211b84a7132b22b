import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.trees import mapping
from segexp.cli.console import results
from segexp.cli.mapping_table import fitted, mapping_table, swatch
from tests.cli.running import for_people, read, segexp


def test_a_swatch_is_drawn_in_the_class_colour_where_there_are_colours() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    terminal.print(swatch((128, 64, 200)))
    assert "\x1b[48;2;128;64;200m  \x1b[0m #8040c8" in terminal.file.getvalue()
    plain = Console(file=io.StringIO(), width=120)
    plain.print(mapping_table(mapping("camvid_merged6")))
    assert "\x1b" not in plain.file.getvalue()


@pytest.mark.parametrize("width", [60, 80])
def test_names_and_swatches_stay_in_one_piece_in_narrow_terminals(
    project: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(results, "width", width)
    assert "│ merged10_background " in for_people(segexp(project, "mapping", "list"))
    shown = for_people(segexp(project, "mapping", "show", "merged10_two_wheeler"))
    for c in read(segexp(project, "mapping", "show", "merged10_two_wheeler", "--json"))["classes"]:
        red, green, blue = c["color"]
        assert f"#{red:02x}{green:02x}{blue:02x} │ {c['name']} " in shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["diff", "cityscapes19", "merged10_background"],
        ["common", "cityscapes19", "merged10_background"],
    ],
)
def test_no_name_is_broken_in_eighty_columns(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(results, "width", 80)
    rows = for_people(segexp(project, "mapping", *words)).splitlines()
    table = [row for row in rows if row[:1] in "│┃"]
    assert table and all(len(row) <= 80 and row[-1] in "│┃" for row in table)  # nothing is cut off
    shown = {word.strip(",") for row in table for word in row.strip("│┃").split()}
    found = read(segexp(project, "mapping", "list", "--json"))["mappings"]
    named = {m["name"]: m for m in found}
    cells = {name for m in found for name in [m["name"], m["taxonomy"], *m["coarsens"], *m["void"]]}
    whole = {word for name in cells for word in name.split()}
    if words != ["list"]:
        classes = [c for name in words[1:] for c in named[name]["classes"]]
        whole |= {word for name in classes for word in name.split()} | set(words[1:])
    whole |= {"mapping", "classes", "void", "coarsens", "label", "labels", "change", "class", "in"}
    broken = {word for word in shown if word.strip("┃│").isidentifier() and word not in whole}
    assert broken <= {"of", "merged", "added", "dropped", "none", "unlabelled", "pixels"}


def test_a_table_is_narrowed_where_there_is_room_to_spare() -> None:
    table = Table()
    for header in "abc":
        table.add_column(header, overflow="fold")
    table.add_row(Text("one two three"), Text("whole_name"), Text("four five"))
    assert [column.width for column in fitted(table, 80).columns] == [None] * 3
    assert [column.width for column in fitted(table, 28).columns] == [None] * 3  # no room at all
    assert [column.width for column in fitted(table, 37).columns] == [
        9,
        10,
        8,
    ]


def test_where_unlabelled_pixels_go_is_shown() -> None:
    console = Console(file=io.StringIO(), width=120)
    for name in ("merged10", "merged10_background", "camvid11"):
        console.print(mapping_table(mapping(name)))
    rows = [line for line in console.file.getvalue().splitlines() if "unlabelled pixels" in line]
    excluded, background, all_scored = rows
    assert "void " in excluded and "pole, bicycle, unlabelled pixels" in excluded
    assert "background" in background
    assert "│ void " in all_scored and "│ unlabelled pixels" in all_scored
