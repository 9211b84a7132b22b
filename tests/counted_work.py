"""Work that is counted and not timed: lines of segexp that run, and comparisons of values."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import segexp

PACKAGE = str(Path(segexp.__file__).parent)


def lines_run(call: Callable[[], Any]) -> int:
    """Return how many lines of segexp's own code a call runs, in this thread; loops count anew."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


class Compared(int):
    """A number that counts how often it is looked at: compared or hashed."""

    count = 0

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return int(self) == other

    def __hash__(self) -> int:
        Compared.count += 1
        return super().__hash__()


def comparisons(call: Callable[[], Any]) -> int:
    """Return how often a call looked at values that are `Compared`."""
    before = Compared.count
    call()
    return Compared.count - before
