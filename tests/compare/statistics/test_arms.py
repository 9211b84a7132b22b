import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segexp.compare.statistics.arms import ArmRuns, common_scores, compare_arms
from segexp.compare.statistics.planning import pilot_of
from segexp.core.errors import InputError
from segexp.evaluation.statistics.bootstrap import estimate, resample_weights, resampled_ious
from segexp.evaluation.statistics.clusters import Clusters
from tests.compare.statistics.drawn_arms import NAMES, SEEDS, compare, make_arm, make_clusters

quick = settings(max_examples=15, deadline=None)


def test_a_case_worked_by_hand():
    # Two runs, two images of 4 pixels. Truth: image 0 is 2 road 2 sky, image 1 is 4 road. Arm a is
    # right but for one sky pixel that both runs call road: IoU road 6/7, sky 1/2. Arm b is right.
    right = np.array([[[2, 0, 0], [0, 2, 0]], [[4, 0, 0], [0, 0, 0]]])
    wrong = np.array([[[2, 0, 0], [1, 1, 0]], [[4, 0, 0], [0, 0, 0]]])
    a = ArmRuns("a", np.stack([wrong] * 2), np.stack([wrong] * 2), np.stack([wrong] * 2))
    b = ArmRuns("b", np.stack([right] * 2), np.stack([right] * 2), np.stack([right] * 2))
    (pair,) = compare_arms([a, b], ["road", "sky"], np.arange(2), make_clusters(2), 0.01)
    content = pair.to_dict()
    assert content["common"] == {"a": pytest.approx((6 / 7 + 1 / 2) / 2), "b": 1.0}
    assert content["delta"] == pytest.approx((1 / 7 + 1 / 2) / 2)
    road, sky = content["per_class"]
    assert (road["class"], road["a"], road["b"]) == ("road", pytest.approx(6 / 7), 1.0)
    assert (sky["class"], sky["a"], sky["delta"]) == ("sky", 0.5, 0.5)
    assert content["decomposition"]["ruler_a"] == content["decomposition"]["ruler_b"] == 0.0


def test_intervals_are_those_of_the_paired_differences_on_shared_resamples():
    a, b = make_arm("a", seed=0), make_arm("b", seed=10, right=0.8)
    clusters = make_clusters(12, "city", 4)
    pair = compare(a, b, clusters=clusters, seed=7)
    weights = resample_weights(clusters.index, 500, seed=7)

    def mious(confusions, weights):
        return np.nanmean(resampled_ious(confusions, weights), axis=2)

    def difference(of_b, of_a):
        once = np.ones((1, 12))
        observed = mious(of_b, once)[0] - mious(of_a, once)[0]
        return estimate(observed, mious(of_b, weights) - mious(of_a, weights), SEEDS, 4, seed=7)

    expected = {
        "training": difference(b.common, a.common),
        "native_gap": difference(b.own, a.own),
        "ruler_a": difference(a.common, a.own),
        "ruler_b": difference(b.own, b.common),
    }
    for name, term in expected.items():
        found = getattr(pair.rules["sum"], name)
        assert found.value == pytest.approx(term.value, abs=1e-12)
        assert (found.low, found.high) == pytest.approx((term.low, term.high), abs=1e-12)
    argmax = difference(b.common_argmax, a.common_argmax)
    assert pair.rules["argmax"].training.low == pytest.approx(argmax.low, abs=1e-12)


def test_an_arm_against_its_own_predictions_differs_by_exactly_nothing():
    a = make_arm("a", seed=0)
    pair = compare(a, replace(a, name="b")).to_dict()
    assert (pair["delta"], pair["interval"], pair["p"]) == (0.0, [0.0, 0.0], 1.0)
    assert pair["verdict"] == "equivalent"
    assert pair["decomposition"]["native_gap"] == 0.0
    assert pair["rules"]["argmax"]["interval"] == [0.0, 0.0]
    assert all(row["delta"] == 0.0 and row["p_holm"] == 1.0 for row in pair["per_class"])
    assert pair["needed"] is None
    assert pair["sentence"] == (
        "b and a have the same mIoU, each by its own ruler, and the model gives "
        "0.000 [0.000, 0.000]: equivalent within a margin of 0.01."
    )


def test_the_same_predictions_by_a_coarser_ruler_are_all_ruler():
    fine = make_arm("fine", seed=0)
    pair = compare(fine, replace(fine, name="coarse", own=fine.common)).to_dict()
    terms = pair["decomposition"]
    assert terms["native_gap"] > 0.1
    assert terms["ruler_a"] == pytest.approx(terms["native_gap"], abs=1e-12)
    assert terms["training"] == terms["ruler_b"] == 0.0
    gap = f"{terms['native_gap']:.3f}"
    assert pair["sentence"] == (
        f"Of the {gap} that coarse gains over fine in mIoU, {gap} is the ruler and "
        "0.000 [0.000, 0.000] is the model: equivalent within a margin of 0.01."
    )


@given(st.integers(0, 10**6), st.floats(0.1, 0.95), st.floats(0.1, 0.95))
@quick
def test_the_terms_add_up_to_the_raw_gap_by_both_rules(seed, right_a, right_b):
    a, b = make_arm("a", seed, right_a), make_arm("b", seed + 5, right_b)
    pair = compare(a, b, resamples=100).to_dict()
    assert pair["decomposition"] == pair["rules"]["sum"]["decomposition"]
    for rule in pair["rules"].values():
        terms = rule["decomposition"]
        parts = terms["ruler_a"] + terms["training"] + terms["ruler_b"]
        assert abs(parts - terms["native_gap"]) < 1e-12
        assert rule["delta"] == terms["training"]
    gap = pair["native"]["b"] - pair["native"]["a"]
    assert abs(gap - pair["decomposition"]["native_gap"]) < 1e-12
    assert abs(pair["common"]["b"] - pair["common"]["a"] - pair["delta"]) < 1e-12


@given(st.permutations(range(3)), st.integers(0, 10**6))
@quick
def test_permuting_the_classes_permutes_their_rows_and_leaves_the_rest(order, seed):
    a, b = make_arm("a", seed), make_arm("b", seed + 5, right=0.8)

    def permuted(arm):
        columns = [*order, 3]
        return replace(
            arm,
            common=arm.common[:, :, order][..., columns],
            common_argmax=arm.common_argmax[:, :, order][..., columns],
        )

    names = [NAMES[k] for k in order]
    clusters = make_clusters(12)
    (plain,) = compare_arms([a, b], NAMES, SEEDS, clusters, 0.01, resamples=100)
    (other,) = compare_arms([permuted(a), permuted(b)], names, SEEDS, clusters, 0.01, resamples=100)
    rows = [plain.to_dict()["per_class"][k] for k in order]
    assert other.to_dict()["per_class"] == rows
    for rule in ("sum", "argmax"):
        found, expected = other.rules[rule].training, plain.rules[rule].training
        assert found.value == pytest.approx(expected.value, abs=1e-12)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert other.rules[rule].verdict == plain.rules[rule].verdict


@given(st.permutations(range(12)), st.permutations(range(6)), st.permutations(range(5)), st.data())
@quick
def test_no_order_of_images_clusters_runs_classes_or_arms_changes_the_answer(
    images, clusters, runs, data
):
    classes, seed = data.draw(st.permutations(range(3))), data.draw(st.integers(0, 10**6))
    arms = [make_arm(n, seed + s, right=r, runs=5) for n, s, r in (("a", 0, 0.7), ("b", 5, 0.74))]
    groups = np.array([0, 0, 1, 2, 3])
    six = make_clusters(12, "sequence", 6)

    def moved(arm):
        own, common, argmax = (
            c[np.ix_(runs, images)] for c in (arm.own, arm.common, arm.common_argmax)
        )
        columns = [*classes, 3]
        common, argmax = (c[:, :, classes][..., columns] for c in (common, argmax))
        return ArmRuns(arm.name, own, common, argmax)

    place = np.argsort(clusters)  # the cluster that was the n-th is now the place[n]-th
    others = Clusters(
        "sequence", tuple(six.names[c] for c in clusters), place[six.index][images], None
    )
    plain = compare(*arms, groups=groups, clusters=six).to_dict()
    names = [NAMES[k] for k in classes]
    b, a = (moved(arm) for arm in reversed(arms))
    (pair,) = compare_arms([b, a], names, groups[list(runs)], others, 0.01, resamples=500)
    other = pair.to_dict()
    opposite = {"better": "worse", "worse": "better"}
    assert other["verdict"] == opposite.get(plain["verdict"], plain["verdict"])
    low, high = plain["interval"]
    assert other["interval"] == pytest.approx([-high, -low], abs=1e-12)
    assert other["p"] == pytest.approx(plain["p"])
    by_class = {row["class"]: row for row in other["per_class"]}
    for row in plain["per_class"]:
        found = by_class[row["class"]]
        assert (found["p"], found["p_holm"]) == pytest.approx((row["p"], row["p_holm"]))
        low, high = row["interval"]
        assert found["interval"] == pytest.approx([-high, -low], abs=1e-12)


def test_a_planted_difference_is_found_in_either_direction():
    worse, better = make_arm("weak", 0, right=0.6), make_arm("strong", 5, right=0.9)
    there, back = compare(worse, better).to_dict(), compare(better, worse).to_dict()
    assert (there["a"], there["b"], there["verdict"]) == ("weak", "strong", "better")
    assert (back["a"], back["b"], back["verdict"]) == ("strong", "weak", "worse")
    assert there["delta"] == pytest.approx(-back["delta"], abs=1e-12)
    assert there["interval"][0] > 0.1 > there["p"]


def test_a_class_that_the_truth_does_not_have_counts_for_no_run():
    a, b = (make_arm(n, s, shown=(0, 1), right=0.8) for n, s in (("a", 0), ("b", 5)))
    silent = a.common.copy()
    silent[0, :, :, 3] += silent[0, :, :, 2]  # run 0 of a never says sky, the others do
    silent[0, :, :, 2] = 0
    pair = compare(replace(a, common=silent), b).to_dict()
    assert pair["delta"] == compare(a, b).to_dict()["delta"]  # wrong either way
    road, _, sky = pair["per_class"]
    assert sky == {
        "class": "sky", "a": None, "b": None, "delta": None, "interval": None, "p": None,
        "p_holm": None, "group": None,
    }  # fmt: skip
    two = [row["p"] for row in pair["per_class"][:2]]
    assert min(row["p_holm"] for row in pair["per_class"][:2]) == min(1.0, 2 * min(two))
    assert road["interval"][0] <= road["delta"] <= road["interval"][1]
    assert "sky occurs in no held-out image: its difference has no interval." in pair["caveats"]
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


def test_one_stray_pixel_of_an_absent_class_does_not_decide_the_verdict():
    a = make_arm("a", 0, shown=(0, 1), right=0.8)
    never = a.common.copy()
    never[..., 3] += never[..., 2]
    never[..., 2] = 0
    once = never.copy()
    once[:, 0, 0, 2], once[:, 0, 0, 0] = 1, once[:, 0, 0, 0] - 1  # a road pixel called sky
    pair = compare(replace(a, common=never), replace(a, name="b", common=once)).to_dict()
    assert -0.005 < pair["delta"] < 0
    assert pair["verdict"] == "equivalent"


def test_rules_that_disagree_are_pointed_out_with_what_argmax_says():
    a = make_arm("a", 0, right=0.6, argmax=0.7)
    same = replace(a, name="b")
    b = replace(same, common_argmax=make_arm("b", 5, argmax=0.95).common_argmax)
    pair = compare(a, b).to_dict()
    assert not pair["rules_agree"]
    assert (pair["rules"]["sum"]["verdict"], pair["verdict"]) == ("equivalent",) * 2
    argmax = pair["rules"]["argmax"]
    assert argmax["verdict"] == "better"
    # The same networks: what one rule finds and the other does not is no difference of theirs.
    assert pair["decision_rule"] == pytest.approx(pair["delta"] - argmax["delta"], abs=1e-12)
    assert pair["decision_rule"] < -0.1
    low, high = argmax["interval"]
    assert pair["caveats"][0] == (
        f"By the argmax rule the verdict is better "
        f"(delta {argmax['delta']:+.3f} [{low:.3f}, {high:.3f}])."
    )
    agreeing = compare(a, same).to_dict()
    assert agreeing["rules_agree"]
    assert not any("argmax" in caveat for caveat in agreeing["caveats"])


def test_limits_of_the_answer_are_stated():
    clusters = replace(make_clusters(12, "block", 3), caveat="All 12 images are of one video.")
    a, b = (make_arm(n, s, shown=(0, 1), right=0.7) for n, s in (("a", 0), ("b", 5)))
    first, few, rare = compare(a, b, clusters=clusters).caveats[:3]
    assert first == "All 12 images are of one video."
    assert few.startswith("3 seeds tell little about their spread")
    assert rare == (
        "road occurs in only 3 held-out blocks of frames, building in 3 and sky in none: "
        "their differences have no interval."
    )


def test_five_seeds_need_no_caveat():
    five = [make_arm(n, s, runs=5) for n, s in (("a", 0), ("b", 5))]
    assert not any("tell little" in c for c in compare(*five, groups=np.arange(5)).caveats)
    said = compare(*five, groups=np.array([0, 0, 1, 1, 2]), unit="configurations").caveats
    assert any(c.startswith("3 configurations tell little") for c in said)


def test_one_run_of_each_arm_is_compared_over_images_alone_and_a_caveat_says_so():
    a, b = (make_arm(n, s, runs=1, right=0.7) for n, s in (("a", 0), ("b", 5)))
    with pytest.raises(ValueError, match="at least two groups of runs"):
        compare(a, b, groups=np.arange(1))
    pair = compare(a, b, groups=np.arange(1), one_run=True)
    assert pair.rules["sum"].training.variance_runs == 0
    assert pair.caveats[0] == (
        "Each arm has one run: the interval is over the images alone, and the answer is about "
        "these networks. It does not include how other trainings would have come out."
    )
    assert pair.needed is not None
    assert pair.needed.runs_factor is None
    assert "seeds" not in pair.needed.text
    assert pair.needed.text.startswith("About ")
    (score_of_a, _) = common_scores([a, b], np.arange(1), make_clusters(12), one_run=True)
    assert score_of_a.low < pair.common[0] < score_of_a.high


def test_an_unsettled_pair_says_what_would_settle_it():
    a, b = make_arm("a", 0), make_arm("b", 5, right=0.7)
    tuned = compare(a, b, margin=0.01).to_dict()
    assert tuned["verdict"] == "not enough evidence"
    assert tuned["sentence"].endswith(": not enough evidence to tell.")
    assert "held-out images (" in tuned["needed"]["text"]
    assert "seeds" in tuned["needed"]["text"]


def test_a_pair_says_what_it_could_have_found_and_what_a_plan_is_made_from():
    pair = compare(make_arm("a", 0), make_arm("b", 5, right=0.7), clusters=make_clusters(12))
    delta, content = pair.rules["sum"].training, pair.to_dict()
    error = (delta.variance_images + delta.variance_runs) ** 0.5
    quantiles = stats.t.ppf(0.975, delta.df) + stats.t.ppf(0.8, delta.df)
    assert content["detectable"] == pytest.approx(quantiles * error)
    pilot = pilot_of(content)
    assert pilot.run_variance == pytest.approx(3 * delta.variance_runs)
    assert pilot.cluster_variance == pytest.approx(12 * delta.variance_images)


def test_the_given_name_for_a_group_of_runs_is_used():
    groups = np.array([0, 0, 1, 1, 2, 2])
    a, b = make_arm("a", 0, runs=6), make_arm("b", 5, runs=6)
    matched = compare(a, b, groups=groups, unit="configurations").to_dict()
    assert matched["verdict"] == "not enough evidence"
    assert "configurations" in matched["needed"]["text"]
    assert "seeds" not in matched["needed"]["text"]
    assert matched["runs"] == 6


def test_clusters_of_unequal_size_are_resampled_whole_and_counted():
    clusters = Clusters("city", ("ulm", "bonn"), np.array([0] + [1] * 11), None)
    pair = compare(make_arm("a", 0), make_arm("b", 5), clusters=clusters).to_dict()
    assert (pair["cluster_kind"], pair["clusters"], pair["images"]) == ("city", 2, 12)
    low, high = pair["interval"]
    assert low < pair["delta"] < high


def test_every_pair_is_compared_in_the_order_of_the_arms():
    arms = [make_arm(name, seed) for seed, name in enumerate("abc")]
    pairs = compare_arms(arms, NAMES, SEEDS, make_clusters(12), 0.01, resamples=100)
    assert [(pair.a, pair.b) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    alone, among = compare(arms[0], arms[2], resamples=100).to_dict(), pairs[1].to_dict()
    for key in ("delta", "p", "native", "common", "per_class"):
        assert among[key] == alone[key]
    total = pairs[0].to_dict()["delta"] + pairs[2].to_dict()["delta"]
    assert total == pytest.approx(pairs[1].to_dict()["delta"], abs=1e-12)


def test_three_pairs_are_judged_together_and_two_arms_as_before():
    arms = [make_arm(n, s, right=r) for n, s, r in (("a", 0, 0.7), ("b", 5, 0.7), ("c", 9, 0.9))]
    clusters = make_clusters(12)
    pairs = compare_arms(arms, NAMES, SEEDS, clusters, 0.01, resamples=500)
    first, second = sorted((pairs[1], pairs[2]), key=lambda pair: pair.rules["sum"].training.p)
    assert [pair.rules["sum"].verdict for pair in pairs] == [
        "not enough evidence", "better", "better"
    ]  # fmt: skip
    assert first.level == pytest.approx(0.05 / 3)
    assert second.level == pytest.approx(0.05 / 2)
    assert pairs[0].level == pytest.approx(0.05 / 3)
    p = [pair.rules["sum"].training.p for pair in (first, second, pairs[0])]
    corrected = [pair.p_holm for pair in (first, second, pairs[0])]
    assert corrected == pytest.approx([3 * p[0], max(3 * p[0], 2 * p[1]), p[2]])
    alone = compare(arms[0], arms[1])
    assert alone.level == 0.05
    low, high = pairs[0].to_dict()["interval"]
    assert high - low > 1.2 * (alone.to_dict()["interval"][1] - alone.to_dict()["interval"][0])
    assert any("a 98.3% interval" in c and "3 pairs are judged" in c for c in pairs[0].caveats)
    assert not any("% interval" in c for c in alone.caveats)


def test_a_look_before_the_last_one_is_stricter():
    a, b = make_arm("a", 0, right=0.7), make_arm("b", 5, right=0.8)
    early = compare(a, b, looks=(0.5,)).to_dict()
    late = compare(a, b, looks=(0.5, 1.0)).to_dict()
    once = compare(a, b).to_dict()
    assert early["level"] == pytest.approx(0.00305, abs=1e-5)
    assert late["level"] == pytest.approx(0.0490, abs=1e-4)
    assert early["delta"] == once["delta"]
    assert early["interval"][0] < late["interval"][0] < once["interval"][0]
    assert any("99.7%" in c and "may be looked at again" in c for c in early["caveats"])
    assert any("95.1%" in c and "look 2" in c for c in late["caveats"])


def test_no_verdict_is_given_without_its_subject():
    about = "On six configurations that tuning found good in either arm"
    weak, strong = make_arm("weak", 0, right=0.6), make_arm("strong", 5, right=0.9)
    assert compare(weak, strong, about=about).sentence.startswith(f"{about}, strong scores 0.")
    a = make_arm("a", 0, right=0.6, argmax=0.7)
    b = replace(a, name="b", common_argmax=make_arm("b", 5, argmax=0.95).common_argmax)
    pair = compare(a, b, about=about)
    assert pair.sentence.startswith(f"{about}, b and a have the same mIoU")
    assert pair.caveats[0].startswith(f"{about}, by the argmax rule the verdict is better (")
    said = [pair.sentence, *pair.caveats]
    assert all(s.startswith(about) for s in said if ": better" in s or "is better" in s)
    assert pair.to_dict()["about"] == about


def test_the_same_seed_gives_the_same_answer_and_another_one_other_resamples():
    arms = make_arm("a", 0), make_arm("b", 5)
    assert compare(*arms, seed=1).to_dict() == compare(*arms, seed=1).to_dict()
    assert compare(*arms, seed=1).to_dict() != compare(*arms, seed=2).to_dict()


def test_without_a_scored_pixel_nothing_is_compared():
    empty = np.zeros((2, 4, 3, 4), np.int64)
    arms = [ArmRuns(name, empty, empty, empty) for name in "ab"]
    clusters = Clusters("none", ("0", "1", "2", "3"), np.arange(4), None)
    with pytest.raises(InputError, match="no held-out pixel has a class of the common space"):
        compare_arms(arms, NAMES, np.arange(2), clusters, margin=0.01)
