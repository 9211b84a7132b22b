"""Lists of names, as messages have them."""

from collections.abc import Sequence


def one_of(names: Sequence[str]) -> str:
    """Return ``'a', 'b' or 'c'``."""
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}" if first else last
