"""Work in threads, ahead of who takes the results."""

import threading
from collections.abc import Iterator

import pytest

from segexp.data.threads import work_ahead


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(timeout=10)
        if item == 1:
            first_may_end.set()
        return item * item

    assert list(work_ahead(work, range(20), threads=2)) == [n * n for n in range(20)]


@pytest.mark.parametrize(("size", "most"), [(1, 3), (4, 2), (100, 1)])
def test_no_more_is_begun_than_there_are_threads_or_fits(size: int, most: int):
    taken = []

    def items() -> Iterator[int]:
        for item in range(10):
            taken.append(item)
            yield item

    results = work_ahead(lambda n: n, items(), 3, lambda _: size, max_size=10)
    assert next(results) == 0
    assert len(taken) == most + 1  # one is waiting for its turn
    assert list(results) == list(range(1, 10))


def test_what_work_raises_reaches_who_takes_the_result():
    results = work_ahead(lambda n: 1 // n, [1, 0, 1], threads=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
