"""Damage that fits any file: bytes that change, vanish, double or come from elsewhere."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """Return the bytes with one damage: flips, a cut, a hole, a repeat, or bytes at the end."""
    if not data:
        return b"\0"
    begin, end = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
    flipped = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 20))):
        flipped[place] ^= 1 << int(rng.integers(8))
    one_bit = bytearray(data)
    one_bit[min(begin, len(data) - 1)] ^= 1 << int(rng.integers(8))
    damages = (
        bytes(one_bit),
        bytes(flipped),
        data[:begin],
        data[:begin] + data[end:],
        data[:end] + data[begin:],
        data + rng.bytes(int(rng.integers(1, 100))),
    )
    return pick(rng, damages)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of the choices, as it is."""
    return choices[int(rng.integers(len(choices)))]
