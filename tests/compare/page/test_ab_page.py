import base64
import json

import numpy as np
import pytest

from segexp.compare.page.ab_page import ab_page
from segexp.compare.page.pictures import ArmScene, arm_comparison
from segexp.compare.statistics.arms import ArmRuns, compare_arms
from segexp.compare.statistics.clusters import Clusters
from segexp.report.pictures import encode_png
from tests.compare.page.ab_example import ab_example
from tests.report.parsed import plotly_count, read_page

EVIL = "<script>alert('x')</script>"
TWO = ab_example()
THREE = ab_example(("cityscapes19", "merged10", "categories7"))
MATCHED = ab_example(mode="matched")
SHARED = ab_example(mode="shared")


def scene(image_id, difference, arms=2):
    return ArmScene(image_id, difference, (0.4,) * (arms - 1) + (0.4 + difference,), b"\x89PNG")


SCENES = [scene("one", 0.01), scene("two", -0.2), scene("three", 0.3), scene("four", -0.05)]


@pytest.fixture(scope="module")
def page():
    return read_page(ab_page(TWO, SCENES))


def test_the_verdict_is_the_first_that_is_said(page):
    (pair,) = TWO["pairs"]
    said = [text.strip() for text in page.texts if text.strip()]
    title = said.index("A/B study cityscapes19-merged10", 1)  # the first is the window's
    assert said[title + 1] == f"merged10 against cityscapes19: {pair['verdict']}"
    assert said[title + 2] == pair["sentence"]


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


def test_what_would_settle_it_is_said_where_evidence_is_missing():
    needed = {"images_factor": 2.4, "runs_factor": None, "text": "2.4 times as many images."}
    pair = TWO["pairs"][0] | {"verdict": "not enough evidence", "needed": needed}
    assert read_page(ab_page(TWO | {"pairs": [pair]}, [])).notes[0] == "2.4 times as many images."
    pairs = [*THREE["pairs"][:2], THREE["pairs"][2] | {"needed": needed}]
    notes = read_page(ab_page(THREE | {"pairs": pairs}, [])).notes
    assert notes[0] == "categories7 against merged10: 2.4 times as many images."


def test_the_cards_show_difference_margin_images_clusters_and_runs():
    result = TWO | {"clusters": {"kind": "sequence", "count": 17}}
    words = read_page(ab_page(result, [])).texts
    (pair,) = TWO["pairs"]
    low, high = pair["interval"]
    caption = f"mIoU, merged10 minus cityscapes19, 95% interval [{low:+.3f}, {high:+.3f}]"
    for value, text in (
        (f"{pair['delta']:+.3f}", caption),
        ("0.010", "margin: less would not matter"),
        ("0.031", "a difference that 4 of 5 studies of this size would find"),
        ("240", "held-out images"),
        ("17", "video sequences"),
        ("5", "runs of each arm, with 5 seeds"),
    ):
        assert words[words.index(text) - 1] == value


def test_the_terms_of_the_gap_are_in_a_table(page):
    (pair,) = TWO["pairs"]
    rows = [
        ("ruler effect of cityscapes19", "ruler_a"),
        ("training effect", "training"),
        ("gap of the native scores", "native_gap"),
    ]
    for name, key in rows:
        assert page.row(name)[2] == f"{pair['decomposition'][key]:+.3f}"
        low, high = pair["decomposition_intervals"][key]
        assert page.row(name)[3] == f"[{low:+.3f}, {high:+.3f}]"
    # merged10's own classes are the common space.
    assert page.row("ruler effect of merged10")[2:] == ["0.000", "[0.000, 0.000]"]
    # 0.060 of the sentence may be 0.061 here.
    assert "rounded by itself; those of the sentence at the top add up" in page.text


def test_both_rules_stand_below_each_other_with_their_verdicts(page):
    rules = TWO["pairs"][0]["rules"]
    rows = [row for row in page.rows if row[:1] == ["merged10 against cityscapes19"]]
    assert [row[1] for row in rows] == ["sum", "argmax"]
    for row, rule in zip(rows, rules.values(), strict=True):
        assert row[2] == f"{rule['delta']:+.3f}"
        assert row[4] == rule["verdict"]


def test_what_is_the_rule_of_decision_is_told_apart_from_the_model():
    (pair,) = TWO["pairs"]
    page = read_page(ab_page({**TWO, "pairs": [{**pair, "decision_rule": 0.0123}]}, []))
    assert (
        "merged10 against cityscapes19: +0.012 of the training effect comes from the rule"
        in page.text
    )


def test_rules_that_disagree_are_pointed_out(page):
    warning = "merged10 against cityscapes19: the verdict depends on the rule. Treat it with care."
    assert warning not in page.notes
    pair = TWO["pairs"][0] | {"rules_agree": False}
    assert warning in read_page(ab_page(TWO | {"pairs": [pair]}, [])).notes


def test_every_class_has_its_scores_and_its_p_after_holm(page):
    header = ["class", "cityscapes19", "merged10", "difference", "95% interval", "p"]
    begin = page.rows.index([*header, "p after Holm"]) + 1
    entries = TWO["pairs"][0]["per_class"]
    for row, entry in zip(page.rows[begin:], entries, strict=False):
        assert row[0] == entry["class"]
        assert row[1:4] == [f"{entry['a']:.3f}", f"{entry['b']:.3f}", f"{entry['delta']:+.3f}"]
        assert row[6] == ("<0.001" if entry["p_holm"] < 0.001 else f"{entry['p_holm']:.3f}")


def test_the_information_that_each_mapping_costs_is_in_a_table(page):
    rows = [row for row in page.rows if row[:2] == ["cityscapes19", "19"]]
    arm = TWO["arms"][0]
    low, high = arm["interval_common"]
    scores = [f"{arm['native']['mean']:.3f}", f"{arm['common']['mean']:.3f}"]
    assert rows == [["cityscapes19", "19", "2.941", "0.000", *scores, f"[{low:.3f}, {high:.3f}]"]]


def test_the_arms_have_their_params_and_every_run_its_scores(page):
    assert page.row("encoder") == ["encoder", "mobilenet_v2", "resnet18"]
    assert page.row("loss_weighting") == ["loss_weighting", "null", "null"]
    kinds = ("native", "common", "common_argmax")
    expected = [f"{arm[kind]['runs'][2]:.3f}" for arm in TWO["arms"] for kind in kinds]
    assert page.row("seed 3") == ["seed 3", *expected]


def test_matched_arms_share_their_configurations():
    page = read_page(ab_page(MATCHED, []))
    numbers = [f"configuration {i}" for i in (1, 2, 3, 4)]
    assert page.row("param") == ["param", *numbers]
    assert page.row("learning_rate") == ["learning_rate", "0.0003", "0.001", "0.002", "0.004"]
    run = page.row("configuration 2, seed 1")
    assert run[2] == f"{MATCHED['arms'][0]['common']['runs'][2]:.3f}"
    assert "configurations (4, each with the seeds 1, 2)" in page.text


def test_every_candidate_has_its_score_in_every_arm_and_who_named_it():
    page = read_page(ab_page(SHARED, []))
    (pair,) = SHARED["pairs"]
    for place, candidate in enumerate(SHARED["candidates"]):
        scores = [f"{candidate['common'][name]:.3f}" for name in ("cityscapes19", "merged10")]
        assert page.row(f"configuration {place + 1}") == [
            f"configuration {place + 1}",
            *candidate["named_by"],
            *scores,
            f"{pair['differences'][place]:+.3f}",
        ]
    assert "-0.012 on the candidates of cityscapes19, +0.023 on those of merged10" in page.text
    winner = f"trained again {SHARED['candidates'][0]['common']['merged10']:.3f}"
    assert f"merged10: trial 7, 0.543 while tuning, {winner}" in page.text
    assert page.row("learning_rate") == ["learning_rate", "0.0003", "0.001", "0.002", "0.004"]
    assert "with 20 trials" in page.text


def test_runs_are_numbered_where_nobody_says_what_they_are():
    result = {key: value for key, value in MATCHED.items() if key != "runs"}
    page = read_page(ab_page(result, []))
    assert page.row("run 8")[2] == f"{MATCHED['arms'][0]['common']['runs'][7]:.3f}"


def test_the_common_space_names_the_labels_of_each_class(page):
    (row,) = [r for r in page.rows if r[:2] == ["structure", "building, wall, fence"]]
    assert row[2:] == [f"{arm['iou_common']['structure']:.3f}" for arm in TWO["arms"]]


def test_own_classes_stand_beside_each_other_also_where_one_arm_has_fewer(page):
    fine, coarse = (arm["iou_native"] for arm in TWO["arms"])
    motorcycle = [f"{fine['terrain']:.3f}", "motorcycle", f"{coarse['motorcycle']:.3f}"]
    assert ["terrain", *motorcycle] in page.rows
    assert ["bicycle", f"{fine['bicycle']:.3f}", "", ""] in page.rows


def test_the_images_are_sorted_and_say_what_they_show(page):
    captions = [text for text in page.texts if "(cityscapes19 0.400, merged10" in text]
    assert captions == [
        "three: +0.300 (cityscapes19 0.400, merged10 0.700)",
        "one: +0.010 (cityscapes19 0.400, merged10 0.410)",
        "four: -0.050 (cityscapes19 0.400, merged10 0.350)",
        "two: -0.200 (cityscapes19 0.400, merged10 0.200)",
    ]
    address, alt = page.pictures[0]
    assert base64.b64decode(address.split(",")[1]) == b"\x89PNG"
    assert alt.startswith("three: image, ground truth, the predictions of cityscapes19, merged10")
    gains = page.headings.index("Where merged10 scores higher than cityscapes19")
    assert page.headings[gains + 1] == "Where merged10 scores lower than cityscapes19"
    assert any("These 4 of 240 images are the extremes" in note for note in page.notes)


def test_images_are_no_extremes_where_all_are_shown():
    page = read_page(ab_page(TWO | {"images": 4}, SCENES))
    assert not any("extremes" in note for note in page.notes)


def test_three_arms_have_three_answers():
    page = read_page(ab_page(THREE, [scene("x", 0.1, arms=3)]))
    for pair in THREE["pairs"]:
        assert pair["sentence"] in page.texts
        assert f"Class by class: {pair['b']} minus {pair['a']}" in page.headings
        assert page.headings.count(f"{pair['b']} against {pair['a']}") == 2
    # The headline, three times classes and waterfall, the front and the runs.
    assert len(page.traces()) == 9
    assert "x: +0.100 (cityscapes19 0.400, merged10 0.400, categories7 0.500)" in page.texts


def test_the_method_says_what_was_drawn_and_how_often():
    text = read_page(ab_page(TWO, [])).text
    assert "10,000 resamples" in text
    assert "240 images of the test split" in text
    assert "docs/method.md" in text
    result = MATCHED | {"heldout_from": "val", "clusters": {"kind": "block", "count": 10}}
    text = read_page(ab_page(result, [])).text
    assert "blocks of consecutive images are drawn" in text
    assert "the half of the val split" in text
    assert "the same configuration and seed" in text


def test_text_from_outside_cannot_act():
    stored = json.dumps([TWO, [s.image_id for s in SCENES]])
    for name in ("merged10", "cityscapes19", "structure", "resnet18", "learning_rate", "building"):
        stored = stored.replace(name, f"{name}{EVIL}")
    result, _ = json.loads(stored)
    result |= {"caveats": [EVIL], "data": EVIL, "name": EVIL}
    html = ab_page(result, [scene(f'"{EVIL}', 0.1)])
    page = read_page(html)
    assert page.tags.count("script") == 1 + len(page.traces())
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
    assert 5e6 < len(ab_page(TWO, scenes)) < 12e6


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
    assert page.row("training effect")[2:] == ["+0.500", "[+0.500, +0.500]"]
    assert ["motorcycle", *"------"] in page.rows


def test_classes_that_no_arm_merges_come_first_with_their_mean_and_what_is_dropped_last():
    result = json.loads(json.dumps(TWO))
    pair = result["pairs"][0]
    names = [entry["class"] for entry in pair["per_class"]]
    mean = {"a": 0.5, "b": 0.625, "delta": 0.125, "interval": [0.05, 0.2], "p": 0.004}
    pair["class_groups"] = [
        {"group": "untouched", "classes": names[2:], **mean},
        {"group": "merged", "classes": names[:2], **mean, "interval": None, "p": None},
    ]
    pair["dropped"] = [{"label": "caravan", "a": {"class": "van", "iou": 0.25}, "b": None}]
    pair["untouched_sentence"] = "The classes that no arm merges: +0.125 in mIoU."
    page = read_page(ab_page(result, []))
    titles = [row[0] for row in page.rows]
    untouched, merged = (
        f"untouched: mean of {len(names) - 2}", "merged: mean of 2"
    )  # fmt: skip
    first = titles.index(untouched)
    assert titles[first + 1 : first + 1 + len(names) - 2] == names[2:]
    assert titles[first + len(names) - 1 : first + len(names) + 2] == [merged, *names[:2]]
    assert page.row(untouched)[1:] == ["0.500", "0.625", "+0.125", "[+0.050, +0.200]", "0.004", "-"]
    assert page.row(merged)[4:] == ["-", "-", "-"]
    assert page.row("caravan") == ["caravan", "van", "0.250", "-", "-"]
    assert f"{pair['untouched_sentence']} {pair['sentence']}" in page.texts


def test_intervals_of_several_pairs_are_named_by_their_confidence():
    result = json.loads(json.dumps(TWO))
    result["pairs"][0]["level"] = 0.05 / 3
    page = read_page(ab_page(result, []))
    assert any("98.3% interval [" in text for text in page.texts)
