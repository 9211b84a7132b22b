"""Work over many files with a few threads; decoders let go of the interpreter lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""


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
