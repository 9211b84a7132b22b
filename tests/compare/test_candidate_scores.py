"""What candidates scored in every arm, by hand-worked cases."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segexp.compare.candidate_scores import (
    ScoredCandidate,
    by_origin,
    opposite_signs,
    scored_candidates,
    winner,
)
from segexp.compare.candidates import Candidate
from segexp.compare.runs import FinalRuns
from segexp.compare.search import Search
from segexp.compare.statistics.arms import ArmRuns

PLACES = {"fine": 0, "coarse": 1}


def scored(x: int, named_by: tuple[int, ...], *scores: float) -> ScoredCandidate:
    return ScoredCandidate(Candidate({"x": x}, named_by), scores)


def runs_of(listed: list[dict[str, int]], right: list[list[int]]) -> FinalRuns:
    """One image of 10 pixels of class 0 in every run; so many of them right, the rest is none."""
    arms = []
    for name, of_arm in zip(PLACES, right, strict=True):
        common = np.zeros((len(listed), 1, 1, 2), np.int64)
        common[:, 0, 0, 0] = of_arm
        common[:, 0, 0, 1] = 10 - np.array(of_arm)
        arms.append(ArmRuns(name, common, common, common))
    return FinalRuns(tuple(listed), (), np.arange(len(listed)), "", tuple(arms), (), (), (), ())


def test_a_candidate_scores_the_mean_of_its_seeds_and_one_that_failed_is_left_out() -> None:
    listed = [{"x": 1, "seed": 8}, {"x": 1, "seed": 9}, {"x": 3, "seed": 8}]
    runs = runs_of(listed, [[2, 4, 5], [6, 7, 9]])
    candidates = [Candidate({"x": x}, (0,)) for x in (1, 2, 3)]
    found = scored_candidates(candidates, runs)
    assert [c.candidate.params["x"] for c in found] == [1, 3]
    assert found[0].scores == pytest.approx((0.3, 0.65))
    assert found[1].scores == pytest.approx((0.5, 0.9))


def test_differences_are_split_by_the_arm_that_named_the_candidate() -> None:
    candidates = [
        scored(1, (0,), 0.50, 0.48),
        scored(2, (1,), 0.40, 0.46),
        scored(3, (0, 1), 0.44, 0.45),
    ]
    found = by_origin(candidates, "fine", "coarse", PLACES)
    assert found["differences"] == pytest.approx([-0.02, 0.06, 0.01])
    assert found["by_origin"] == pytest.approx({"fine": -0.005, "coarse": 0.035})
    assert found["signs_differ"]
    assert opposite_signs({"a": "fine", "b": "coarse", **found}) == (
        "Each arm prefers its own candidates: coarse minus fine is -0.005 on the candidates of "
        "fine, and +0.035 on those of coarse. The mean of all depends on how many there are of "
        "each."
    )


def test_an_arm_ahead_on_both_kinds_of_candidates_has_no_preference() -> None:
    candidates = [scored(1, (0,), 0.50, 0.52), scored(2, (1,), 0.40, 0.46)]
    found = by_origin(candidates, "fine", "coarse", PLACES)
    assert not found["signs_differ"]
    assert opposite_signs({"a": "fine", "b": "coarse", **found}) is None


def test_arms_that_prefer_what_the_other_found_are_named_too() -> None:
    behind = [scored(1, (0,), 0.50, 0.52), scored(2, (1,), 0.46, 0.40)]
    found = by_origin(behind, "fine", "coarse", PLACES)
    said = opposite_signs({"a": "fine", "b": "coarse", **found})
    assert said is not None and said.startswith("Each arm prefers what the other found: ")


def test_an_arm_whose_candidates_all_failed_has_no_mean() -> None:
    found = by_origin([scored(1, (0,), 0.5, 0.6)], "fine", "coarse", PLACES)
    assert found["by_origin"] == {"fine": pytest.approx(0.1), "coarse": None}
    assert not found["signs_differ"]
    assert by_origin([], "fine", "coarse", PLACES) == {}


def key(params: Mapping[str, Any]) -> int:
    """What tells these apart: others train the same."""
    return round(params["x"])


def test_the_winner_of_a_search_is_scored_in_its_own_arm() -> None:
    candidates = [scored(1, (0,), 0.50, 0.52), scored(2, (1,), 0.40, 0.46)]
    search = Search(
        "ab-coarse", {"COMPLETE": 2}, 9, 8.0, best_trial=4, best_value=0.61, params={"x": 2}
    )
    assert winner(1, search, candidates, key) == {
        "trial": 4,
        "params": {"x": 2},
        "tuning": 0.61,
        "heldout": 0.46,
    }
    assert winner(1, search, candidates[:1], key) is None
    # Other params that train the same are the same configuration.
    other = replace(search, params={"x": 2.0001})
    found = winner(1, other, candidates, key)
    assert found is not None and found["heldout"] == 0.46
