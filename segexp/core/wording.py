"""Numbers as a person reads and writes them: shares in percent, counts, lengths of time."""

import re
from math import floor, log10

_UP_TO_TWELVE = "no one two three four five six seven eight nine ten eleven twelve"


def percent(part: float, whole: float, digits: int = 0) -> str:
    """Return a share in percent; 0% and 100% are exact, never rounded.

    Args:
        part: How much of the whole, 0 to ``whole``.
        whole: All of it; 0 has no shares, and gives "-".

    Example:
        >>> percent(366, 367), percent(367, 367), percent(1, 1000), percent(1, 3, digits=1)
        ('>99%', '100%', '<1%', '33.3%')
    """
    if not whole:
        return "-"
    smallest = 10.0**-digits
    text = f"{100 * part / whole:.{digits}f}%"
    if part > 0 and text == f"{0:.{digits}f}%":
        return f"<{smallest:.{digits}f}%"
    if part < whole and text == f"{100:.{digits}f}%":
        return f">{100 - smallest:.{digits}f}%"
    return text


def counted(number: int, what: str, *, in_words: bool = False) -> str:
    """Return how many there are, such as ``1 trial`` and ``2,000 trials``.

    Args:
        in_words: Whether numbers up to twelve are words, as in ``six trials``.
    """
    words = _UP_TO_TWELVE.split() if in_words else []
    shown = words[number] if number < len(words) else f"{number:,}"
    return f"{shown} {what}{'s'[: number != 1]}"


def time_text(seconds: float) -> str:
    """Write a length of time.

    >>> [time_text(seconds) for seconds in (0.3, 90, 600, 5400)]
    ['0.3 s', '90 s', '10 min', '90 min']
    """
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def seconds_of(text: str) -> float:
    """Return how many seconds a time such as ``1h30m`` is; a number alone is seconds.

    Raises:
        ValueError: When it is not a time, or zero; its text says what is expected.
    """
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s?)?", text, re.ASCII)
    hours, minutes, seconds = (float(n or 0) for n in found.groups()) if found else (0.0, 0.0, 0.0)
    total = 3600 * hours + 60 * minutes + seconds
    if total == 0:
        raise ValueError(
            "expected a time over 0 such as 90s, 30m, 2h or 1h30m; a number alone is seconds"
        )
    return total


def confidence(level: float) -> str:
    """Return the confidence of an interval in percent, with the digits that tell it from 100%.

    Args:
        level: How often such an interval misses, over 0 and under 1.

    Example:
        >>> confidence(0.05), confidence(0.05 / 3), confidence(0.0000011)
        ('95%', '98.3%', '99.9999%')
    """
    digits = max(1, -floor(log10(level)) - 2)
    return f"{100 * (1 - level):.{digits}f}".removesuffix(".0") + "%"


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign; one that rounds to zero has none.

    >>> [signed(value) for value in (0.0125, -0.25, 0.0004, -0.0004, 0.0)]
    ['+0.013', '-0.250', '0.000', '0.000', '0.000']
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def cost_text(cost: float) -> str:
    """Write a cost with three digits: ``13.2``, ``3.72M``, ``1.15G``.

    >>> [cost_text(cost) for cost in (13.24, 0.5121, 3_719_027, 1_145_405_440, 512)]
    ['13.2', '0.512', '3.72M', '1.15G', '512']
    """
    for unit, size in (("G", 1e9), ("M", 1e6)):
        if cost >= size:
            return f"{cost / size:.3g}{unit}"
    return f"{cost:.3g}" if cost < 1e3 else f"{cost:,.0f}"
