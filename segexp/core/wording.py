"""Numbers as a person reads them: shares and confidence in percent, and how many there are."""

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
