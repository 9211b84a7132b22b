"""How many configurations, seeds and looks an A/B study may have."""

import pytest

from segexp.compare.design import Design, design_faults, make_design, most_candidates


def test_the_usual_numbers() -> None:
    assert make_design() == Design("shared", configs=6, seeds=1, looks=1)
    assert make_design(trials=10) == Design("shared", configs=3, seeds=1)
    assert make_design(trials=50) == Design("shared", configs=6, seeds=1)
    assert make_design(matched=True) == Design("matched", configs=24, seeds=1)
    assert design_faults(make_design(), 20, 2) == []
    assert design_faults(make_design(matched=True), 20, 2) == []


@pytest.mark.parametrize(("trials", "most"), [(6, 1), (7, 2), (10, 3), (20, 6), (40, 12), (50, 15)])
def test_three_tenths_of_a_search_may_be_candidates(trials: int, most: int) -> None:
    assert most_candidates(trials) == most


def test_more_candidates_than_a_search_has_good_ones_are_refused_with_the_reason() -> None:
    (fault,) = design_faults(Design("shared", 8, 1), 20, 2)
    assert fault == (
        "--candidates 8: more than 30% of 20 trials are no longer a search's best, and the answer "
        "drifts towards the typical configuration; take 6 or fewer, or --trials 27"
    )
    assert design_faults(Design("shared", 8, 1), 27, 2) == []


def test_a_search_that_is_too_short_says_how_long_it_is_to_be() -> None:
    (fault,) = design_faults(make_design(trials=4), 4, 2)
    assert "take --trials 7 or more" in fault
    (fault,) = design_faults(make_design(trials=7), 7, 3)
    assert "3 candidates at least" in fault and "take --trials 10 or more" in fault
    assert design_faults(make_design(trials=10), 10, 3) == []


def test_each_look_sees_two_more_configurations() -> None:
    assert Design("shared", 12, 1, looks=3).configs_at_looks() == [4, 8, 12]
    assert Design("shared", 7, 1, looks=3).configs_at_looks() == [3, 5, 7]
    assert Design("shared", 6, 1).configs_at_looks() == [6]
    assert design_faults(Design("shared", 6, 1, looks=3), 20, 2) == []
    (fault,) = design_faults(Design("shared", 6, 1, looks=4), 20, 2)
    assert fault.endswith("there are 6; take 3 or fewer")
    (fault,) = design_faults(Design("matched", 1, 3, looks=2), 20, 2)
    assert fault.endswith("there are 1; take 1 or fewer")
