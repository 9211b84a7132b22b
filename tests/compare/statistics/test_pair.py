import json
import math

from segexp.compare.statistics.pair import GroupComparison, RuleComparison
from segexp.evaluation.statistics.bootstrap import Estimate
from tests.compare.statistics.drawn_arms import compare, make_arm


def test_the_object_of_a_pair_has_the_agreed_keys_and_plain_values():
    pair = compare(make_arm("a", 0), make_arm("b", 5)).to_dict()
    assert list(pair) == [
        "a", "b", "margin", "images", "clusters", "cluster_kind", "runs", "unit",
        "run_groups", "effective_clusters", "delta", "interval", "level", "p", "p_holm",
        "detectable", "variance", "verdict", "decomposition",
        "decomposition_intervals", "decision_rule", "native", "common", "per_class",
        "class_groups", "dropped",
        "rules", "rules_agree", "needed", "about", "untouched_sentence", "sentence", "caveats",
    ]  # fmt: skip
    terms = ["native_gap", "ruler_a", "training", "ruler_b"]
    assert list(pair["decomposition"]) == list(pair["decomposition_intervals"]) == terms
    assert pair["decomposition_intervals"]["training"] == pair["interval"]
    assert list(pair["needed"]) == ["images_factor", "runs_factor", "text"]
    assert list(pair["per_class"][0]) == [
        "class", "a", "b", "delta", "interval", "p", "p_holm", "group"
    ]  # fmt: skip
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


def test_a_rule_says_what_it_compares_and_nothing_where_nothing_is_known():
    known = Estimate(0.02, 0.01, 0.03, p=0.01, variance_images=0.0, variance_runs=0.0)
    unknown = Estimate(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    told = RuleComparison(known, unknown, known, known, "better").to_dict()
    assert (told["delta"], told["interval"], told["verdict"]) == (0.02, [0.01, 0.03], "better")
    assert told["decomposition"]["ruler_a"] is None
    assert told["decomposition_intervals"]["ruler_a"] is None


def test_a_group_of_classes_is_plain_values():
    known = Estimate(0.02, 0.01, 0.03, p=0.01, variance_images=0.0, variance_runs=0.0)
    group = GroupComparison("untouched", ("road", "sky"), 0.5, math.nan, known)
    assert group.to_dict() == {
        "group": "untouched",
        "classes": ["road", "sky"],
        "a": 0.5,
        "b": None,
        "delta": 0.02,
        "interval": [0.01, 0.03],
        "p": 0.01,
    }
