import doctest
from math import sqrt

import numpy as np
import pytest
from scipy import stats

import segexp.compare.statistics.planning
from segexp.compare.statistics.planning import Pilot, pilot_of, plan_study
from segexp.core.errors import InputError

PILOT = Pilot(0.03**2, 0.08**2, 1.0, "configurations")


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.compare.statistics.planning)
    assert results.attempted > 0
    assert results.failed == 0


def found(difference: float, margin: float, runs: int, images: int, studies: int = 600):
    """The shares of drawn studies that are called better, and equivalent."""
    better = equivalent = 0
    for study in range(studies):
        rng = np.random.default_rng([study, runs, images])
        of_runs, of_images = 0.03 * rng.normal(size=runs), 0.08 * rng.normal(size=images)
        first, second = of_runs.var(ddof=1) / runs, of_images.var(ddof=1) / images
        df = (first + second) ** 2 / (first**2 / (runs - 1) + second**2 / (images - 1))
        value = difference + of_runs.mean() + of_images.mean()
        half = stats.t.isf(0.025, df) * sqrt(first + second)
        better += value - half > 0
        equivalent += abs(value) + half < margin
    return better / studies, equivalent / studies


def test_a_study_of_the_planned_size_finds_the_margin_in_four_cases_of_five():
    plan = plan_study(PILOT, 0.02, 12, 200)
    assert plan.to_find.together
    runs, images = plan.to_find.together
    assert found(0.02, 0.02, runs, images)[0] == pytest.approx(0.8, abs=0.05)
    assert plan.to_find.runs
    assert found(0.02, 0.02, plan.to_find.runs, 200)[0] == pytest.approx(0.8, abs=0.05)


def test_equal_arms_are_called_equivalent_by_the_planned_size_in_four_cases_of_five():
    plan = plan_study(PILOT, 0.02, 12, 200)
    assert plan.to_be_equivalent.together
    runs, images = plan.to_be_equivalent.together
    assert runs > plan.to_find.together[0]
    assert found(0.0, 0.02, runs, images)[1] == pytest.approx(0.8, abs=0.05)


def test_the_smallest_difference_of_a_size_is_found_in_four_cases_of_five():
    plan = plan_study(PILOT, 0.02, 12, 200)
    assert found(plan.detectable, 0.02, 12, 200)[0] == pytest.approx(0.8, abs=0.05)
    assert found(0.0, plan.margin, 12, 200)[1] == pytest.approx(0.8, abs=0.06)


def test_configurations_do_not_make_up_for_images_nor_images_for_configurations():
    # Of 20 images alone the standard error is 0.018, of 3 configurations alone 0.017.
    few_images = plan_study(PILOT, 0.02, 100, 20)
    assert few_images.to_find.runs is None
    assert few_images.to_find.images
    few_configurations = plan_study(PILOT, 0.02, 3, 10_000)
    assert few_configurations.to_find.images is None
    assert few_configurations.to_find.runs


def test_a_plan_that_is_already_enough_stays_as_it_is():
    plan = plan_study(PILOT, 0.2, 6, 64)
    assert (plan.to_find.runs, plan.to_find.images, plan.to_find.together) == (6, 64, (6, 64))


def test_images_of_clusters_are_counted_in_images():
    single = plan_study(PILOT, 0.02, 40, 100)
    in_tens = plan_study(Pilot(0.03**2, 0.08**2, 10.0, "configurations"), 0.02, 40, 1_000)
    assert single.to_find.images
    assert in_tens.to_find.images == 10 * single.to_find.images
    assert in_tens.detectable == single.detectable


def test_the_pilot_is_read_from_a_pair_of_an_earlier_result():
    pair = {
        "a": "fine", "b": "coarse", "images": 64, "run_groups": 6, "effective_clusters": 32.0,
        "unit": "configurations", "variance": {"images": 2e-4, "runs": 1.5e-4},
    }  # fmt: skip
    assert pilot_of(pair) == Pilot(
        pytest.approx(9e-4), pytest.approx(6.4e-3), 2.0, "configurations"
    )
    with pytest.raises(InputError, match="coarse against fine: the result has no variances"):
        pilot_of({"a": "fine", "b": "coarse"})
    with pytest.raises(InputError, match="1 run per arm does not tell how runs differ"):
        pilot_of({**pair, "run_groups": 1})


def test_every_fault_of_a_plan_is_named():
    with pytest.raises(InputError) as refused:
        plan_study(PILOT, 0.01, 1, 1)
    assert len(refused.value.faults) == 2
