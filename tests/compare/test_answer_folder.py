"""The results folder of an A/B study."""

import csv
import json
from pathlib import Path

import optuna
import pytest

from segexp.compare.answer_folder import write_answer_folder
from segexp.compare.version import write_files
from segexp.core.errors import WorkError
from tests.compare.page.ab_page_example import THREE


def test_the_folder_has_the_page_and_the_numbers_of_the_latest_answer(tmp_path: Path) -> None:
    answers = tmp_path / ".segexp" / "ab"
    of_classes = [{**row, "group": "merged"} for row in THREE["pairs"][0]["per_class"]]
    result = {**THREE, "pairs": [{**pair, "per_class": of_classes} for pair in THREE["pairs"]]}
    galleries = {"gallery.html": "<p>all</p>", "gallery-2.html": "<p>all again</p>"}
    pictures = {"gallery-2/01-truth.webp": b"WEBP"}
    alone = write_files(
        answers / "ab-a-b-0123abcd", result, "<p>the page</p>", galleries | pictures
    )
    assert "01-truth.webp" not in {path.name for path in alone}  # those go to MLflow
    write_files(answers / "ab-a-b-c-0123abcd", {**result, "name": "another"}, "<p>another</p>", {})
    page = write_answer_folder(tmp_path, optuna.create_study(study_name="ab-a-b"), "<p>trials</p>")
    assert page == tmp_path / "runs" / "ab-a-b" / "report.html"
    assert page.read_text(encoding="utf-8") == "<p>the page</p>"
    names = ["ab_arms.csv", "ab_classes.csv", "ab_pairs.csv", "ab_result.json"]
    names += [
        "gallery-2",
        "gallery-2.html",
        "gallery.html",
        "report.html",
        "study.json",
        "trials.html",
    ]
    assert sorted(path.name for path in page.parent.iterdir()) == names
    assert (page.parent / "gallery.html").read_text(encoding="utf-8") == "<p>all</p>"
    assert (page.parent / "gallery-2" / "01-truth.webp").read_bytes() == b"WEBP"
    assert (page.parent / "trials.html").read_text(encoding="utf-8") == "<p>trials</p>"
    assert json.loads((page.parent / "ab_result.json").read_text())["pairs"] == result["pairs"]
    with (page.parent / "ab_pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["delta"]) for row in rows] == [pair["delta"] for pair in THREE["pairs"]]


def test_a_study_that_has_not_answered_has_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="no answer here yet"):
        write_answer_folder(tmp_path, optuna.create_study(study_name="ab-a-b"), "<p>trials</p>")
