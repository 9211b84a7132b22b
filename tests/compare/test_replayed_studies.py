"""Replayed A/B studies: harness/replayed_ab.py, whose tables docs/method.md has.

Configurations come from benchmarks/curves.csv; the luck is planted, so that what follows from it
can be worked out by hand.
"""

import numpy as np
import pytest

from harness.paired import CURVES
from harness.replay import read_table
from harness.replayed_ab import (
    Design,
    Found,
    Luck,
    World,
    answer,
    same_mapping,
    search,
    trained,
    with_differences,
)

NOISE = 0.02


def luck(noise: float, images: float = 0.0) -> Luck:
    """Luck of five configurations: held-out scores move by ``noise`` one way or the other."""
    rng = np.random.default_rng(0)
    deviations = {n: images * rng.normal(size=(5, 200)) for n in (64, 512)}
    return Luck(
        levels=np.linspace(0.1, 0.5, 5),
        curves=np.zeros((5, 9)),
        finals=np.full(5, noise),
        shared=deviations,
        own={n: np.zeros((5, 200)) for n in (64, 512)},
    )


@pytest.fixture(scope="module")
def world() -> World:
    return same_mapping(read_table(CURVES), "merged10", luck(NOISE))


@pytest.fixture(scope="module")
def searches(world: World) -> list[tuple[Found, Found]]:
    return [
        (search(world, 0, n, [10, 20], n), search(world, 1, 100 + n, [10, 20], 100 + n))
        for n in range(4)
    ]


def test_a_search_of_twenty_trials_begins_with_that_of_ten(world):
    in_parts, at_once = search(world, 0, 1, [10, 20], 1), search(world, 0, 1, [20], 1)
    assert at_once.ranked[20] == in_parts.ranked[20]
    assert at_once.epochs[20] == in_parts.epochs[20] > in_parts.epochs[10] >= 10
    assert len(set(in_parts.ranked[20])) == 20
    assert set(in_parts.ranked[10]) < set(in_parts.ranked[20])


def test_the_best_of_a_search_is_its_best_complete_trial(world):
    ranked = search(world, 0, 1, [20], 1).ranked[20]
    # Without luck of seeds a search sees the recorded curves.
    best = world.curves[0].max(axis=1)
    assert best[ranked[0]] == max(best[row] for row in ranked)


def test_both_arms_train_the_candidates_of_both_searches_in_turn():
    found = Found({10: [3, 1, 2]}, {10: 20}), Found({10: [4, 3, 5]}, {10: 24})
    assert trained(found, Design(10, 3), 0).tolist() == [[3, 4, 1], [3, 4, 1]]
    assert trained(found, Design(10, None), 0).tolist() == [[3], [4]]


def test_candidates_of_one_mapping_have_no_true_difference_and_winners_have(world, searches):
    for number, found in enumerate(searches):
        assert answer(world, found, Design(20, 6), number).truth == 0
    of_winners = [answer(world, found, Design(20, None, 5), 0).truth for found in searches]
    assert max(map(abs, of_winners)) > 0.01


def test_without_any_luck_a_mapping_is_equivalent_to_itself(world, searches):
    still = same_mapping(read_table(CURVES), "merged10", luck(0.0))
    found = answer(still, searches[0], Design(20, 6), 0)
    assert (found.difference.value, found.verdict) == (0, "equivalent")


def test_the_difference_varies_as_much_as_its_seeds_make_it(world, searches):
    found = [answer(world, searches[n % 4], Design(20, 6), n).difference.value for n in range(500)]
    # Six differences of two trainings each, every one of which is off by +-NOISE.
    assert np.std(found) == pytest.approx(NOISE * np.sqrt(2 / 6), rel=0.1)
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found) / np.sqrt(500))


def test_what_the_images_do_to_both_arms_does_not_vary_the_difference(searches):
    images = same_mapping(read_table(CURVES), "merged10", luck(0.0, images=0.01))
    found = answer(images, searches[0], Design(20, 6), 0)
    assert found.difference.value == pytest.approx(0, abs=1e-12)


def test_a_planted_difference_is_what_the_design_estimates(world, searches):
    with_it = with_differences(world, "planted", np.full(len(world.table.params), 0.25))
    found = answer(with_it, searches[0], Design(20, 6), 0)
    assert found.truth == pytest.approx(0.25)
    assert found.verdict == "better"


def test_a_clear_difference_ends_at_the_first_look_and_costs_less(world, searches):
    with_it = with_differences(world, "planted", np.full(len(world.table.params), 0.5))
    at_once = answer(with_it, searches[0], Design(20, 6), 0)
    looked = answer(with_it, searches[0], Design(20, 6, looks=(4, 6)), 0)
    assert looked.verdict == at_once.verdict == "better"
    assert looked.epochs == at_once.epochs - 2 * 9
