import doctest
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import segexp.compare.statistics.family
from segexp.compare.statistics.family import pair_levels
from segexp.compare.statistics.verdict import verdict
from segexp.evaluation.statistics.bootstrap import Estimate, at_level


def students(value: float, error: float, df: float) -> Estimate:
    """A difference with its t interval, of 95%."""
    half = float(stats.t.isf(0.025, df)) * error
    p = float(2 * stats.t.sf(abs(value) / error, df)) if error else 1.0
    return Estimate(value, value - half, value + half, p, 0.0, error**2, df)


def judge(differences: list[Estimate], margin: float, **kwargs) -> list[str]:
    levels = pair_levels(differences, margin, **kwargs)
    found = [at_level(d, level) for d, level in zip(differences, levels, strict=True)]
    return [verdict(d.low, d.high, margin) for d in found]


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.compare.statistics.family)
    assert results.attempted > 0
    assert results.failed == 0


def test_holms_steps_worked_by_hand():
    # Three pairs, 50 degrees of freedom, standard error 0.01. p of t = 2.6, 2.3, 2.2 are 0.0122,
    # 0.0257 and 0.0325. 0.0122 < 0.05/3 = 0.0167: better. 0.0257 is not under 0.05/2 = 0.025: it
    # stops here, although 0.0325 is under 0.05.
    pairs = [students(t * 0.01, 0.01, 50) for t in (2.3, 2.6, 2.2)]
    np.testing.assert_allclose([d.p for d in pairs], [0.0257, 0.0122, 0.0325], atol=1e-4)
    assert pair_levels(pairs, 0.001) == pytest.approx([0.05 / 3] * 3)
    assert judge(pairs, 0.001) == ["not enough evidence", "better", "not enough evidence"]
    # With t = 2.4 (p 0.0202) the second step is passed, and the third has all of 0.05.
    pairs[0] = students(-0.024, 0.01, 50)
    assert pair_levels(pairs, 0.001) == pytest.approx([0.05 / 2, 0.05 / 3, 0.05])
    assert judge(pairs, 0.001) == ["worse", "better", "better"]


def test_a_single_pair_has_all_of_alpha():
    assert pair_levels([students(0.01, 0.01, 10)], 0.01) == [0.05]
    assert pair_levels([students(0.01, 0.01, 10)], 0.01, alpha=0.01) == [0.01]


def test_equivalent_is_judged_at_an_equal_share_of_alpha_whatever_else_is_settled():
    # The first is clear, which leaves the second all of 0.05 by Holm: its upper end would be
    # 0.0091 + 2.009 x 0.0004 = 0.0099. At 0.05 / 2 it is 0.0091 + 2.311 x 0.0004 = 0.0100(2).
    clear, close = students(0.05, 0.001, 50), students(0.0091, 0.0004, 50)
    assert verdict(close.low, close.high, 0.01) == "equivalent"
    assert pair_levels([clear, close], 0.01) == pytest.approx([0.025, 0.025])
    assert judge([clear, close], 0.01) == ["better", "better"]
    inside = students(0.0, 0.001, 50)
    assert pair_levels([clear, inside], 0.01) == pytest.approx([0.025, 0.025])
    assert judge([clear, inside], 0.01) == ["better", "equivalent"]


def test_a_pair_without_a_score_is_never_settled_and_stops_nothing():
    nothing = Estimate(*[float("nan")] * 7)
    assert judge([nothing, students(0.05, 0.001, 50)], 0.01) == ["not enough evidence", "better"]


@pytest.mark.slow
@pytest.mark.parametrize("arms", [3, 4, 5])
def test_among_equal_arms_any_false_verdict_is_as_rare_as_among_two(arms):
    # Six runs each, paired: without correction there is one in 12, 19 and 28% of studies.
    studies, found = 400, {"together": 0, "apart": 0}
    scores = np.random.default_rng(arms).normal(size=(studies, arms, 6))
    for study in scores:
        pairs = []
        for a, b in combinations(study, 2):
            difference = b - a
            pairs.append(students(difference.mean(), difference.std(ddof=1) / 6**0.5, 5))
        found["together"] += not {"better", "worse"}.isdisjoint(judge(pairs, 0.01))
        found["apart"] += any(d.p < 0.05 for d in pairs)
    assert found["together"] / studies <= 0.05 + 2 * (0.05 * 0.95 / studies) ** 0.5
    assert found["apart"] / studies > 0.08


@pytest.mark.slow
def test_differences_of_just_the_margin_are_together_called_equivalent_in_one_in_twenty_at_most():
    rng = np.random.default_rng(3)
    studies, wrong = 500, 0
    for _ in range(studies):
        pairs = [students(0.01 + 0.001 * rng.normal(), 0.001, 1e6) for _ in range(6)]
        wrong += "equivalent" in judge(pairs, 0.01)
    assert wrong / studies <= 0.05


def test_every_look_is_judged_at_its_own_level_for_each_of_holms_steps():
    pairs = [students(0.05, 0.005, 50), students(0.011, 0.005, 50)]
    # The levels for alpha / 2 = 0.025 and for 0.05 at half of the information: 4 (1 - Phi(z
    # sqrt(2))) with the upper 0.00625 and 0.0125 quantiles z = 2.4977 and 2.2414.
    first = 4 * stats.norm.sf(2.4977 * 2**0.5)
    assert pair_levels(pairs, 0.001, looks=(0.5,)) == pytest.approx([first] * 2, rel=1e-3)
    assert judge(pairs, 0.001, looks=(0.5,)) == ["better", "not enough evidence"]
