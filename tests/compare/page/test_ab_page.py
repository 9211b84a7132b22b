import json

import numpy as np
import pytest

from segexp.compare.page.ab_page import ab_page
from segexp.compare.page.pictures import ArmScene, arm_comparison
from segexp.compare.predictions import MaskAnswer
from segexp.compare.statistics.arms import ArmRuns, compare_arms
from segexp.evaluation.statistics.clusters import Clusters
from segexp.report.pictures import encode_png
from tests.compare.page.ab_page_example import SCENES, THREE, TWO, scene
from tests.report.parsed import plotly_count, read_page

EVIL = "<script>alert('x')</script>"


def test_the_verdict_is_the_first_that_is_said(page):
    (pair,) = TWO["pairs"]
    said = [text.strip() for text in page.texts if text.strip()]
    title = said.index("A/B study cityscapes19-merged10", 1)  # the first is the window's
    assert said[title + 1] == pair["verdict"]
    assert said[title + 2] == "merged10 against cityscapes19"
    assert said[title + 3] == pair["sentence"]


@pytest.mark.parametrize(
    ("word", "ground"),
    [
        ("better", "better"),
        ("worse", "worse"),
        ("equivalent", "equivalent"),
        ("not enough evidence", "open"),
    ],
)
def test_each_verdict_has_a_word_on_a_ground_of_its_own(word, ground):
    pair = TWO["pairs"][0] | {"verdict": word, "needed": None}
    html = ab_page(TWO | {"pairs": [pair]}, [])
    assert f'<strong class="badge" style="background:var(--{ground})">{word}</strong>' in html


def test_after_the_verdicts_come_what_to_do_the_numbers_and_then_the_notes():
    pair = TWO["pairs"][0] | {"verdict": "not enough evidence", "needed": {"text": "More images."}}
    said = read_page(ab_page(TWO | {"pairs": [pair]}, [])).texts
    places = [
        said.index(text)
        for text in (
            pair["sentence"],
            "What to do next",
            "More images.",
            "segexp ab cityscapes19 merged10 --plan --pilot cityscapes19-merged10",
            "margin: less would not matter",
            pair["caveats"][0],
            TWO["caveats"][0],
        )
    ]
    assert places == sorted(places)


def test_no_difference_above_one_is_said_to_be_detectable():
    pair = TWO["pairs"][0] | {"detectable": 1.24}
    said = read_page(ab_page(TWO | {"pairs": [pair]}, [])).texts
    (caption,) = (text for text in said if text.endswith("none that a score could show"))
    assert said[said.index(caption) - 1] == "none"


def test_where_nothing_has_an_interval_a_sentence_stands_in_place_of_a_chart():
    stored = json.loads(json.dumps(TWO))
    (pair,) = stored["pairs"]
    for entry in (*pair["per_class"], *pair["rules"].values()):
        entry["interval"] = [-1.0, 1.0]
    for arm in stored["arms"]:
        arm["interval_common"] = [None, None]
    page = read_page(ab_page(stored, []))
    assert len(page.traces()) == 2  # the waterfall, and the runs
    assert any(text.startswith("No class has an interval: the runs are too") for text in page.texts)
    assert any(text.startswith("No difference has an interval") for text in page.texts)


def test_arms_with_one_ruler_have_no_section_on_rulers():
    stored = json.loads(json.dumps(THREE))
    for pair in stored["pairs"][:2]:
        pair["decomposition"] |= {"ruler_a": 0.0, "ruler_b": 0.0}
    headings = read_page(ab_page(stored, [])).headings
    place = headings.index("Ruler effect or training effect")
    assert headings[place + 1 : place + 3] == [
        "categories7 against merged10",
        "Both collapse rules",
    ]
    stored["pairs"][2]["decomposition"] |= {"ruler_a": 0.0, "ruler_b": 0.0}
    assert "Ruler effect or training effect" not in read_page(ab_page(stored, [])).headings


def test_the_sections_are_in_the_order_of_the_question(page):
    sections = [
        "The difference",
        "Ruler effect or training effect",
        "Both collapse rules",
        "Class by class",
        "What a mapping costs in information",
        "The arms",
        "The common space",
        "Images",
        "How this was computed",
    ]
    assert [heading for heading in page.headings if heading in sections] == sections


def test_caveats_are_said_once_however_many_pairs_have_them():
    notes = read_page(ab_page(THREE, [])).notes
    for caveat in THREE["pairs"][0]["caveats"] + THREE["caveats"]:
        assert notes.count(caveat) == 1


def test_three_arms_have_three_answers():
    page = read_page(ab_page(THREE, [scene("x", 0.1, arms=3)]))
    for pair in THREE["pairs"]:
        assert pair["sentence"] in page.texts
        assert f"Class by class: {pair['b']} minus {pair['a']}" in page.headings
        assert page.headings.count(f"{pair['b']} against {pair['a']}") == 2
    # The headline, three times classes and waterfall, the front and the runs.
    assert len(page.traces()) == 9
    assert "x: +0.100 (cityscapes19 0.400, merged10 0.400, categories7 0.500)" in page.texts


def test_text_from_outside_cannot_act():
    stored = json.dumps([TWO, [s.image_id for s in SCENES]])
    for name in ("merged10", "cityscapes19", "structure", "resnet18", "learning_rate", "building"):
        stored = stored.replace(name, f"{name}{EVIL}")
    result, _ = json.loads(stored)
    result |= {"caveats": [EVIL], "data": EVIL, "name": EVIL}
    html = ab_page(result, [scene(f'"{EVIL}', 0.1)])
    page = read_page(html)
    assert page.tags.count("script") == 4 + len(page.traces())
    assert html.count("alert('x')</script") == 0
    assert f"structure{EVIL}" in page.text
    assert EVIL in page.notes


def test_a_number_that_is_missing_is_a_dash():
    stored = json.loads(json.dumps(TWO))
    (pair,), arm = stored["pairs"], stored["arms"][0]
    nothing = {"a": None, "b": None, "delta": None, "interval": None, "p": None, "p_holm": None}
    pair["per_class"][0] |= nothing
    arm["iou_native"]["road"] = arm["iou_common"]["road"] = arm["bits_kept"] = float("nan")
    arm["interval_common"] = [None, None]
    page = read_page(ab_page(stored, []))
    assert ["road", *"------"] in page.rows
    assert ["road", "road, sidewalk", "-", f"{stored['arms'][1]['iou_common']['road']:.3f}"] in (
        page.rows
    )


def test_plotly_is_embedded_once(page):
    assert plotly_count(page) == 1


def test_a_page_of_a_dozen_pictures_stays_small():
    rng = np.random.default_rng(0)
    names, colors = ("a", "b", "c"), np.array([[9, 9, 9], [200, 0, 0], [0, 200, 0]], np.uint8)
    noise = rng.integers(0, 256, (128, 256, 3)).astype(np.uint8)  # no photograph is larger
    truth, first, last = rng.integers(0, 3, (3, 16, 32)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    arms = ("cityscapes19", "merged10")
    png = encode_png(arm_comparison(noise, truth, [first, last], arms, colors, names, ""))
    scenes = [ArmScene(f"image {i}", 0.1, (0.4, 0.5), png) for i in range(12)]
    assert 1e6 < len(ab_page(TWO, scenes)) < 2.2e6


def test_what_the_comparison_returns_has_a_page():
    names = [c["name"] for c in TWO["common_space"]["classes"]]
    # Four images of ten pixels of each class but the last, which never occurs; two runs.
    right, wrong = np.zeros((2, 2, 4, len(names), len(names) + 1), np.int64)
    for c in range(len(names) - 1):
        right[:, :, c, c] = 10
        wrong[:, :, c, c], wrong[:, :, c, -1] = 5, 5
    arms = [
        ArmRuns(a["mapping"], m, m, m) for a, m in zip(TWO["arms"], (wrong, right), strict=True)
    ]
    clusters = Clusters("none", tuple("wxyz"), np.arange(4), None)
    pairs = compare_arms(arms, names, np.arange(2), clusters, 0.01, resamples=1000)
    stored = json.loads(json.dumps([pair.to_dict() for pair in pairs], allow_nan=False))
    page = read_page(ab_page(TWO | {"pairs": stored}, []))
    assert stored[0]["sentence"] in page.texts
    found = [row[2:4] for row in page.rows if row[1:2] == ["sum"]]
    assert found == [["+0.500", "[+0.500, +0.500]"]]
    assert ["motorcycle", *"------"] in page.rows


def test_the_page_is_written_from_the_json_and_calls_the_arms_by_their_names(
    answer: MaskAnswer,
) -> None:
    page = read_page(ab_page(json.loads(json.dumps(answer.result)), answer.scenes))
    assert "b against <a>" in page.text
    sections = ["The difference", "Other protocols", "The arms", "Images", "How this was computed"]
    assert [heading for heading in page.headings if heading in sections] == sections
    assert "Both collapse rules" not in page.headings
    assert "Nothing was trained" in page.text
    assert "There is one run of each arm" in page.text
    assert ["<a>", answer.result["arms"][0]["folder"], "cityscapes19 (19)", "-"] in page.rows
    assert len(page.pictures) == len(answer.scenes) == 8
