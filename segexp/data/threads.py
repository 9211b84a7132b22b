"""Work over many files with a few threads; decoders release the interpreter lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called with how many are done, and the total."""


def map_in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], progress: Progress | None = None
) -> list[Result]:
    """Return ``work(item)`` for each item, in their order.

    An exception, also one raised by ``progress`` or a signal, cancels what has not begun.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    executor = ThreadPoolExecutor(max_workers=min(8, cores or 1))
    results: list[Result] = []
    try:
        for result in executor.map(work, items):
            results.append(result)
            if progress is not None:
                progress(len(results), len(items))
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    return results


def work_ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    size_of: Callable[[Item], int] = lambda _: 0,
    max_size: int = 0,
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in their order, while the next ones are worked on.

    Args:
        work: Called in a thread.
        items: Taken as needed, in the thread that takes the results.
        threads: How many items are worked on at a time, and no more are begun before the oldest
            result is taken.
        size_of: The weight of an item.
        max_size: How much may be begun at a time; an item that weighs more is begun alone.
    """
    executor = ThreadPoolExecutor(threads)
    begun: deque[tuple[Future[Result], int]] = deque()
    size = 0
    try:
        for item in items:
            while begun and (len(begun) == threads or size + size_of(item) > max_size > 0):
                future, weight = begun.popleft()
                size -= weight
                yield future.result()
            begun.append((executor.submit(work, item), size_of(item)))
            size += size_of(item)
        while begun:
            yield begun.popleft()[0].result()
    finally:
        executor.shutdown(cancel_futures=True)
