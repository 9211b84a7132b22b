"""An answer in a page of Markdown."""

import json
from pathlib import Path

import pytest

from segexp.compare.ab_note import ab_note, question
from segexp.report.markdown import LONGEST_NOTE, text

STORED = Path(__file__).parents[1] / "stored" / "ab_result.json"


def test_the_verdict_stands_first_and_the_parts_of_the_gap_below_it():
    result = json.loads(STORED.read_text(encoding="utf-8"))
    (pair,) = result["pairs"]
    lines = ab_note(result).splitlines()
    assert lines[0] == f"### {text(pair['sentence'])}"
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert rows[0][0] == "merged10 minus cityscapes19"
    # 0.0271 = 0.0005 + 0.0266 + 0, rounded one by one
    assert [row[:2] for row in rows[2:6]] == [
        ["raw gap", "+0.027"],
        ["ruler of cityscapes19", "0.000"],
        ["**training: the model**", "+0.027"],
        ["ruler of merged10", "0.000"],
    ]
    assert rows[8][:2] == ["cityscapes19", "19"]
    for caveat in result["caveats"]:
        assert f"- {text(caveat)}" in lines


def test_before_there_is_an_answer_it_says_what_is_asked():
    note = question("shared", ("cityscapes19", "merged10"), "data: synthetic: 40 train images")
    assert note.startswith("### Not answered yet: cityscapes19 or merged10\n")
    assert "(shared)?" in note and "**Data.** synthetic: 40 train images." in note


@pytest.mark.parametrize("caveats", [0, 400])
def test_it_fits_the_tag_of_every_mlflow(caveats: int):
    result = json.loads(STORED.read_text(encoding="utf-8"))
    result["caveats"] = [f"{n} " + "x" * 90 for n in range(caveats)]
    assert len(ab_note(result)) <= LONGEST_NOTE
