import json

from segexp.compare.page.ab_page import ab_page
from segexp.compare.page.numbers import UNKNOWN
from segexp.core.wording import signed
from tests.compare.page.ab_page_example import TWO
from tests.report.parsed import read_page


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
        ("raw gap", "native_gap"),
    ]
    for name, key in rows:
        assert page.row(name)[1] == f"{pair['decomposition'][key]:+.3f}"
        low, high = pair["decomposition_intervals"][key]
        assert page.row(name)[2] == f"[{low:+.3f}, {high:+.3f}]"
    # merged10's own classes are the common space.
    assert page.row("ruler effect of merged10")[1:3] == ["0.000", "[0.000, 0.000]"]
    # 0.060 of the sentence may be 0.061 here.
    assert "rounded by itself; those of the sentence at the top add up" in page.text


def test_both_rules_are_shown_with_their_verdicts(page):
    rules = TWO["pairs"][0]["rules"]
    rows = [row for row in page.rows if row[:1] == ["merged10 against cityscapes19"]]
    assert [row[1] for row in rows] == ["sum", "argmax"]
    for row, rule in zip(rows, rules.values(), strict=True):
        assert row[2] == f"{rule['delta']:+.3f}"
        assert row[4] == rule["verdict"]


def test_the_effect_of_the_decision_rule_is_separate_from_that_of_the_model():
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
    header = ["class", "difference", "95% interval", "cityscapes19", "merged10", "p"]
    begin = page.rows.index([*header, "p after Holm"]) + 1
    entries = TWO["pairs"][0]["per_class"]
    for row, entry in zip(page.rows[begin:], entries, strict=False):
        assert row[0] == entry["class"]
        assert row[1] == signed(entry["delta"])
        assert row[3:5] == [f"{entry['a']:.3f}", f"{entry['b']:.3f}"]
        assert row[6] == ("<0.001" if entry["p_holm"] < 0.001 else f"{entry['p_holm']:.3f}")


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
    assert page.row(untouched)[1:] == ["+0.125", "[+0.050, +0.200]", "0.500", "0.625", "0.004", "-"]
    assert page.row(merged)[2] == "-"
    assert page.row(merged)[5:] == ["-", "-"]
    assert page.row("caravan") == ["caravan", "van", "0.250", "-", "-"]
    assert f"{pair['sentence']} {pair['untouched_sentence']}" in page.texts


def test_intervals_of_several_pairs_are_named_by_their_confidence():
    result = json.loads(json.dumps(TWO))
    result["pairs"][0]["level"] = 0.05 / 3
    page = read_page(ab_page(result, []))
    assert any("98.3% interval [" in text for text in page.texts)


def test_what_an_unknown_interval_means_is_said_where_there_is_one(page):
    assert UNKNOWN not in page.text
    result = json.loads(json.dumps(TWO))
    result["pairs"][0]["per_class"][0]["interval"] = [-1.0, 1.0]
    assert UNKNOWN in read_page(ab_page(result, [])).text
