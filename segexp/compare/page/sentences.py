"""The sentences of an answer in the order in which people read them."""

from collections.abc import Mapping
from typing import Any


def answer_sentences(pair: Mapping[str, Any]) -> list[str]:
    """Return what a pair's answer says: of all classes, then of those that no arm merges.

    Each sentence in ``ab_result.json`` begins with what the answer is about, since it may be read
    alone; here only the first does.

    Args:
        pair: One of the ``pairs`` of ``ab_result.json``. Those of an older segexp have no sentence
            about the classes that no arm merges.

    Example:
        >>> answer_sentences({"about": "On two", "sentence": "On two, b is better.",
        ...     "untouched_sentence": "On two, the 2 classes that no arm merges: better."})
        ['On two, b is better.', 'The 2 classes that no arm merges: better.']
    """
    untouched = pair.get("untouched_sentence")
    if not untouched:
        return [pair["sentence"]]
    alone = untouched.removeprefix(f"{pair.get('about')}, ")
    return [pair["sentence"], f"{alone[0].upper()}{alone[1:]}"]
