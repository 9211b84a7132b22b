"""What reaches a terminal, and what reaches a program that reads `--json`."""

import json
import os
import subprocess
import sys
import unicodedata

import pytest
from rich.table import Table
from rich.text import Text

from segexp.cli.console import (
    answer,
    class_table,
    classes_text,
    console,
    number_table,
    plain,
    print_error,
    print_json,
    print_table,
    prose,
    recall_warnings,
    results,
    results_beside,
    say,
)
from segexp.cli.live import LiveDisplay

# Clears the screen, goes to the line's begin, writes from right to left, ends a colour in 8 bits.
EVIL = "a\x1b[2J\x1b]0;title\x07b\rc\u202ed\x9b1me\u200bf\x00g\x7f\ud800"


def steering(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c).startswith("C") and c != "\n"}


def test_steering_characters_are_written_as_escapes():
    assert plain(EVIL) == (r"a\x1b[2J\x1b]0;title\x07b\rc\u202ed\x9b1me\u200bf\x00g\x7f\ud800")


@pytest.mark.parametrize("text", ["", "road", "Straße, 東京", "a\nb", "naïve — 1", "a\xa0b"])
def test_what_can_be_printed_is_kept(text):
    assert plain(text) == text


def test_a_line_cannot_steer_the_terminal(screen):
    say(EVIL)
    answer(EVIL)
    print_error(EVIL)
    assert screen.getvalue().splitlines() == [plain(EVIL), plain(EVIL), f"error: {plain(EVIL)}"]


def test_an_error_is_one_line_whatever_it_quotes(screen):
    print_error("x: 'a\nno faults'")
    assert screen.getvalue() == "error: x: 'a\\nno faults'\n"


def test_names_are_neither_markup_nor_emoji(screen):
    for name in ("[bold]x[/bold]", "[/]", ":car:", "[link=http://x]y[/link]"):
        say(name)
        console.print(class_table("t", {"class": [name], "iou": [0.5]}))
        assert screen.getvalue().count(name) == 2
        screen.truncate(0)
        screen.seek(0)


@pytest.mark.parametrize("output", [console, results], ids=["errors", "results"])
def test_a_table_cannot_steer_the_terminal(screen, output):
    output.print(class_table("per class", {"class": [EVIL, "road"], "iou": [0.5, None]}))
    assert not steering(screen.getvalue())
    assert plain(EVIL) in screen.getvalue()


def test_a_class_absent_from_the_truth_has_no_score_but_its_predicted_pixels_in_a_table(
    screen,
):
    columns = {
        "class": ["road", "train", "bus", "pole"],
        "iou": [0.5, 0.0, None, 0.0],
        "precision": [0.5, 0.0, None, None],
        "pixels": [90, 0, 0, 7],
        "images": [3, 0, 0, 1],
        "predicted": [1180, 12, 0, 0],
    }
    console.print(class_table("per class", columns))
    rows = [line.split() for line in screen.getvalue().splitlines()]
    assert ["train", "-", "-", "0", "0", "12"] in rows  # 0.000 would look as if it counted
    assert ["bus", "-", "-", "0", "0", "0"] in rows
    assert ["pole", "0.000", "-", "7", "1", "0"] in rows  # there, and never found
    assert (
        classes_text({"classes_in_mean": 2, "classes_predicted_only": 1}, 4)
        == "2 of 4 classes, 1 only predicted"
    )
    assert classes_text({"classes_in_mean": 4, "classes_predicted_only": 0}, 4) == "4 of 4 classes"


def test_nothing_else_that_is_printed_can_steer_the_terminal(screen):
    table = Table(title=Text(EVIL))
    table.add_column(Text(EVIL))
    table.add_row(Text(EVIL))
    for shown in (EVIL, Text(EVIL, "red"), table):
        console.print(shown, markup=False)
    with LiveDisplay(quiet=False) as display:
        display.say(EVIL)
    seen = screen.getvalue()
    for own in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\r"):  # of the bar
        seen = seen.replace(own, "")
    assert not steering(seen)


def test_json_is_exact_and_ascii(capsys):
    content = {"name": EVIL, EVIL: [1.5, float("nan")]}
    print_json(content)
    written = capsys.readouterr().out
    assert written.isascii()
    assert not steering(written)
    assert json.loads(written) == {"name": EVIL, EVIL: [1.5, None]}


def test_the_scores_of_a_class_are_a_line_of_eighty_characters(screen, monkeypatch):
    monkeypatch.setattr(results, "width", 80)
    scores = {name: [0.5] for name in ("iou", "precision", "recall", "f1")}
    counts = {"pixels": [88_888_888], "images": [2975], "predicted": [88_888_888]}
    print_table(class_table("per class", {"class": ["traffic light"], **scores, **counts}))
    row = "traffic light 0.500 0.500 0.500 0.500 88,888,888 2,975 88,888,888"
    assert [" ".join(line.split()) for line in screen.getvalue().splitlines()][-1] == row


def test_a_long_name_takes_several_lines_and_a_number_one(screen, monkeypatch):
    monkeypatch.setattr(results, "width", 80)
    scores = {name: [0.5] for name in ("iou", "precision", "recall", "f1")}
    counts = {"pixels": [88_888_888], "images": [2975], "predicted": [88_888_888]}
    name = "construction--barrier--concrete-block"
    print_table(class_table("per class", {"class": [name], **scores, **counts}))
    lines = [line.split() for line in screen.getvalue().splitlines()]
    first = next(line for line in lines if line and name.startswith(line[0]))
    assert first[1:] == ["0.500"] * 4 + ["88,888,888", "2,975", "88,888,888"]
    assert "".join(line[0] for line in lines[lines.index(first) :] if line) == name


def test_numbers_and_intervals_stay_whole_where_they_are_wider_than_the_screen(screen, monkeypatch):
    monkeypatch.setattr(results, "width", 30)
    table = number_table("", ["class", "model", "95% interval", "difference", "p"])
    table.add_row("traffic light", "0.375", "[0.375, 0.388]", "+0.013", "<0.001")
    print_table(table)
    assert "0.375 [0.375, 0.388] +0.013 <0.001" in " ".join(screen.getvalue().split())


def test_words_are_whole_where_the_screen_has_room_for_them_and_else_names_are_broken(
    screen, monkeypatch
):
    def shown(width: int) -> list[str]:
        monkeypatch.setattr(results, "width", width)
        table = number_table("", ["class", "camvid-encoders-merged10, trial 3", "95% interval"])
        table.add_row("two-wheelers and riders", "0.375", "[0.375, 0.388]")
        screen.seek(0)
        screen.truncate()
        print_table(table)
        return screen.getvalue().split()

    assert {"two-wheelers", "camvid-encoders-merged10,"} < set(shown(57))
    narrower = shown(52)  # a name in the first column gives way before a header
    assert "two-wheelers" not in narrower and "camvid-encoders-merged10," in narrower
    narrow = shown(40)
    assert "camvid-encoders-merged10," not in narrow and "0.388]" in narrow


@pytest.mark.parametrize(
    ("warnings", "said"), [([], ""), (["a"], "1 warning about"), (["a", "b"], "2 warnings about")]
)
def test_warnings_of_the_beginning_are_only_counted_at_the_end(screen, warnings, said):
    recall_warnings(warnings)
    assert screen.getvalue() == (said and f"{said} the data at the beginning\n")


def test_answers_and_all_else_are_two_outputs(capsys):
    say("reading")
    answer("0.5")
    results_beside(json_=True).print("for people beside JSON")
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("0.5\n", "reading\nfor people beside JSON\n")


PIPED = """
from segexp.cli.console import answer, class_table, print_table, results
print_table(class_table("t", {"class": ["a" * 90], **{f"column{n}": [n] for n in range(9)}}))
answer("Straße ·")
"""


def test_what_is_read_by_a_program_is_not_broken_into_lines():
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    for said, encoding in (("Straße ·", "utf-8"), (r"Stra\xdfe \xb7", "ascii")):
        code = f"from segexp.cli.surroundings import put_right; put_right()\n{PIPED}"
        command = [sys.executable, "-c", code]
        variables = {**environment, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=variables, check=True)
        lines = done.stdout.decode(encoding).splitlines()
        assert lines[-1] == said
        assert [line.strip("| ").split()[-1] for line in lines if "aaa" in line] == ["8"]


def test_sentences_end_their_lines_at_words_in_a_terminal(screen, monkeypatch):
    monkeypatch.setattr(results, "width", 24)
    prose("note: the masks are of 3 sizes, resized to 32x64", results)
    prose(EVIL, results)
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    whole = "note: the masks are of 3 sizes, resized to 32x64"
    broken = ["note: the masks are of 3", "sizes, resized to 32x64"]
    assert lines[: len(broken) if results.is_terminal else 1] == (
        broken if results.is_terminal else [whole]
    )
    assert not steering(screen.getvalue())
