import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from segexp.compare.statistics.arms import ArmRuns, compare_arms
from segexp.compare.statistics.groups import ClassGroups, DroppedLabel
from segexp.evaluation.metrics import score
from segexp.evaluation.statistics.bootstrap import estimate, resample_weights, resampled_ious
from tests.compare.statistics.drawn_arms import (
    GROUPS,
    NAMES,
    SEEDS,
    compare,
    count,
    make_arm,
    make_clusters,
    make_pixels,
    only_in,
)


def test_holm_corrects_over_the_classes():
    pair = compare(make_arm("a", 0), make_arm("b", 5, right=0.74)).to_dict()
    p = sorted(row["p"] for row in pair["per_class"])
    corrected = sorted(row["p_holm"] for row in pair["per_class"])
    assert corrected[0] == pytest.approx(min(1.0, 3 * p[0]))
    assert corrected[1] == pytest.approx(min(1.0, max(3 * p[0], 2 * p[1])))


def test_untouched_and_merged_classes_have_their_means_and_intervals():
    a, b = make_arm("a", 0, right=0.6), make_arm("b", 5, right=0.9)
    pair = compare(a, b, class_groups=GROUPS).to_dict()
    untouched, merged = pair["class_groups"]
    assert (untouched["group"], untouched["classes"]) == ("untouched", ["road", "sky"])
    assert (merged["group"], merged["classes"]) == ("merged", ["building"])
    road, building, sky = pair["per_class"]
    assert [row["group"] for row in pair["per_class"]] == list(GROUPS.kinds)
    for key in ("a", "b", "delta"):
        assert untouched[key] == pytest.approx((road[key] + sky[key]) / 2, abs=1e-12)
        assert merged[key] == pytest.approx(building[key], abs=1e-12)
    assert merged["interval"] == pytest.approx(building["interval"], abs=1e-12)
    assert untouched["interval"][0] > 0
    assert pair["delta"] == pytest.approx((2 * untouched["delta"] + merged["delta"]) / 3)
    low, high = untouched["interval"]
    assert pair["untouched_sentence"] == (
        f"The 2 classes that no arm merges: {untouched['delta']:+.3f} [{low:.3f}, {high:.3f}] in "
        "mIoU: better."
    )
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


def test_untouched_classes_have_no_verdict_where_all_classes_have_none():
    a, b = make_arm("a", 0), make_arm("b", 5, right=0.7)
    pair = compare(a, b, class_groups=GROUPS, about="On two").to_dict()
    assert pair["verdict"] == "not enough evidence"
    assert pair["untouched_sentence"].startswith("On two, the 2 classes that no arm merges: ")
    end = "; not judged on its own, since there is no verdict over all classes."
    assert pair["untouched_sentence"].endswith(end)


def test_dropped_labels_are_shown_with_the_scores_of_the_arms_that_have_them():
    a, b = make_arm("a", 0), make_arm("b", 5)
    pole, sign = compare(a, b, class_groups=GROUPS).to_dict()["dropped"]
    iou_of_a = np.mean([score(run.sum(axis=0)).iou[2] for run in a.own])
    iou_of_b = np.mean([score(run.sum(axis=0)).iou[4] for run in b.own])
    assert pole == {
        "label": "pole", "a": {"class": "pole", "iou": pytest.approx(iou_of_a)}, "b": None
    }  # fmt: skip
    assert sign == {
        "label": "sign", "a": None,
        "b": {"class": "sign and light", "iou": pytest.approx(iou_of_b)},
    }  # fmt: skip
    # Of three arms the last two have no class for the pole.
    three = [DroppedLabel("pole", ((2, "pole"), None, None))]
    arms = [a, b, replace(b, name="c")]
    pairs = compare_arms(
        arms, NAMES, SEEDS, make_clusters(12), 0.01, resamples=100,
        class_groups=ClassGroups(GROUPS.kinds, tuple(three)),
    )  # fmt: skip
    assert [len(pair.dropped) for pair in pairs] == [1, 1, 0]


def test_if_no_class_or_every_class_is_merged_there_are_no_parts():
    a, b = make_arm("a", 0), make_arm("b", 5)
    for kind in ("untouched", "merged"):
        pair = compare(a, b, class_groups=ClassGroups((kind,) * 3, ())).to_dict()
        assert pair["untouched_sentence"] is None
        (alone,) = pair["class_groups"]
        assert alone["delta"] == pytest.approx(pair["delta"], abs=1e-12)
        assert alone["interval"] == pytest.approx(pair["interval"], abs=1e-12)
    pair = compare(a, b).to_dict()
    assert (pair["class_groups"], pair["dropped"], pair["untouched_sentence"]) == ([], [], None)


def test_a_class_that_four_images_hold_has_a_value_and_no_interval():
    a, b = (only_in(make_arm(n, s), 4) for n, s in (("a", 0), ("b", 5)))
    pair = compare(a, b).to_dict()
    sky = pair["per_class"][2]
    assert sky["delta"] == pytest.approx(sky["b"] - sky["a"], abs=1e-12)
    assert (sky["interval"], sky["p"], sky["p_holm"]) == (None, None, None)
    two = sorted(row["p"] for row in pair["per_class"][:2])
    assert min(row["p_holm"] for row in pair["per_class"][:2]) == pytest.approx(min(1, 2 * two[0]))
    assert (
        "sky occurs in only 4 held-out images: its difference has no interval." in pair["caveats"]
    )
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


def test_the_interval_of_a_class_has_the_degrees_of_freedom_of_the_images_that_hold_it():
    a, b = (only_in(make_arm(n, s, runs=1), 5) for n, s in (("a", 0), ("b", 5)))
    groups, clusters = np.arange(1), make_clusters(12)
    pair = compare(a, b, groups=groups, one_run=True, resamples=20_000)
    road, sky = pair.per_class[0].delta, pair.per_class[2].delta
    assert (road.df, sky.df) == (pytest.approx(11), pytest.approx(4))
    weights = np.vstack([np.ones(12), resample_weights(np.array(clusters.names), 20_000, seed=0)])
    ious = [resampled_ious(arm.common, weights)[..., 2] for arm in (a, b)]
    (of_all,) = [
        estimate(d[0], d[1:], groups, 12, seed=0, one_run=True) for d in (ious[1] - ious[0],)
    ]
    wider = stats.t.isf(0.025, 4) / stats.t.isf(0.025, 11)
    assert sky.high - sky.low == pytest.approx(wider * (of_all.high - of_all.low), rel=0.05)


def test_frames_of_one_sequence_hold_a_class_once():
    a, b = (only_in(make_arm(n, s), 8) for n, s in (("a", 0), ("b", 5)))
    row = compare(a, b, clusters=make_clusters(12, "sequence", 6)).to_dict()["per_class"][2]
    assert (row["delta"] is None, row["interval"]) == (False, None)
    assert compare(a, b).to_dict()["per_class"][2]["interval"] is not None


def test_a_class_in_neither_truth_nor_prediction_is_null_and_not_in_the_mean():
    truth, guess = make_pixels(shown=(0, 1))
    guess[guess == 2] = 0
    arm = ArmRuns("a", count(truth, guess), count(truth, guess), count(truth, guess))
    pair = compare(arm, replace(arm, name="b")).to_dict()
    assert [row["a"] is None for row in pair["per_class"]] == [False, False, True]
    two = [row["a"] for row in pair["per_class"][:2]]
    assert pair["common"]["a"] == pytest.approx(np.mean(two), abs=1e-12)
