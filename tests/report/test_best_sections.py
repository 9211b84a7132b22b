"""What the best trial predicts, on the page of its study."""

from dataclasses import replace

import numpy as np
import pytest

from segexp.report.pictures import encode_png
from segexp.report.study_page import study_page
from segexp.study.view import view_study
from tests.report.parsed import read_page
from tests.report.study_example import make_study

# 3 classes, and the column of what is none of them. Of 10 road pixels 7 are right.
CONFUSION = np.array([[7, 2, 1, 0], [0, 4, 0, 0], [0, 0, 0, 0]])


@pytest.fixture(scope="module")
def view():
    return view_study(make_study(8))


def test_each_class_stands_beside_the_baseline_with_its_share_of_the_pixels(view):
    page = read_page(study_page(view))
    header = ["class", "share of pixels", "best: IoU", "baseline: IoU", "difference"]
    assert page.column(header, "class") == ["road"]  # the truth has no other
    line = page.rows[page.rows.index(header) + 1]
    best = view.best.value - 0.02  # on held-out images, as the example has it
    assert line == ["road", "100.0%", f"{best:.4f}", "0.4800", f"{best - 0.48:+.4f}"]
    assert any("No held-out images have car, tram" in note for note in page.notes)


def test_the_confusion_matrix_is_there_for_both_splits(view):
    with_one = replace(view, confusions={"val": CONFUSION})
    with_both = replace(view, confusions={"val": CONFUSION, "heldout": CONFUSION})
    page = read_page(study_page(with_one))
    assert "Tuning images" in page.headings
    assert "Held-out images" not in page.headings
    assert ["road", "70", "20", "10", "10"] in page.rows
    both = read_page(study_page(with_both))
    assert both.rows.count(["road", "70", "20", "10", "10"]) == 2
    assert "What is taken for what" not in read_page(study_page(view)).headings


def test_pictures_are_embedded_with_their_names(view):
    png = encode_png(np.zeros((4, 4, 3), np.uint8))
    page = read_page(study_page(replace(view, pictures=[("a/b", png), ("<c>", png)])))
    texts = [text for _, text in page.pictures]
    assert [text.partition(":")[0] for text in texts] == ["a/b", "<c>"]
    assert "What it predicts" in page.headings


def test_the_gallery_is_led_to_where_it_is_and_else_the_command_that_makes_it(view):
    png = encode_png(np.zeros((4, 4, 3), np.uint8))
    with_pictures = replace(view, pictures=[("a", png)])
    link = ("href", "best/gallery.html")
    page = read_page(study_page(with_pictures))
    assert link not in page.links
    assert f"segexp compare {view.study.study_name} shows" in " ".join(page.text.split())
    for has_pictures in (with_pictures, view):
        page = read_page(study_page(replace(has_pictures, has_gallery=True)))
        assert link in page.links
        assert "segexp compare" not in page.text


def test_a_best_trial_that_is_the_baseline_is_compared_with_nothing(view):
    png = encode_png(np.zeros((4, 4, 3), np.uint8))
    alone = replace(view, pictures=[("a", png)], baseline=view.best)
    assert "segexp compare" not in read_page(study_page(alone)).text
