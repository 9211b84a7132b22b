"""What one of several processes takes of a list that they share out: batches, or images of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The part of one process.

    Attributes:
        place: Of the process among them, from 0.
        count: How many processes there are.
    """

    place: int = 0
    count: int = 1

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's items: neighbours, in their order.

        The parts of all processes, in their order, are all items, and as long as each other or one
        item longer.

        Example:
            >>> [Shard(place, 2).of("abcde") for place in (0, 1)]
            ['ab', 'cde']
        """
        count = len(items)
        return items[count * self.place // self.count : count * (self.place + 1) // self.count]


WHOLE = Shard()
"""Of the only process."""
