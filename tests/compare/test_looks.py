"""When an A/B study is looked at."""

import pytest

from segexp.compare.design import Design
from segexp.compare.looks import planned_looks


def looks(design: Design, available: int) -> list[tuple[int, int, tuple[float, ...]]]:
    found = planned_looks(design, available)
    return [(look.number, look.configs, look.fractions) for look in found]


def test_each_look_knows_what_part_of_all_the_looks_so_far_have_seen() -> None:
    third, two = pytest.approx(1 / 3), pytest.approx(2 / 3)
    assert looks(Design("shared", 12, 1, looks=3), 12) == [
        (1, 4, (third,)),
        (2, 8, (third, two)),
        (3, 12, (third, two, 1.0)),
    ]
    assert looks(Design("shared", 6, 1), 6) == [(1, 6, (1.0,))]


def test_of_searches_that_found_fewer_there_are_fewer_looks() -> None:
    assert looks(Design("shared", 6, 1, looks=3), 4) == [(1, 2, (0.5,)), (2, 4, (0.5, 1.0))]
    assert looks(Design("shared", 6, 1, looks=3), 2) == [(1, 2, (1.0,))]


def test_a_study_of_the_earlier_design_is_looked_at_once() -> None:
    assert looks(Design("tuned", 1, 5), 2) == [(1, 1, (1.0,))]
