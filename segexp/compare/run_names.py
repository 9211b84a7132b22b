"""What the run of an A/B study is called in MLflow once there is an answer."""

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "better": "{b} better than {a}",
    "worse": "{b} worse than {a}",
    "equivalent": "{b} equivalent to {a}",
    "not enough evidence": "{b} or {a}, not enough evidence",
}


def answered_name(name: str, result: Mapping[str, Any]) -> str:
    """Name the run by the verdicts of ``ab_result.json``.

    Example:
        >>> pair = {"a": "cityscapes19", "b": "merged10", "verdict": "better"}
        >>> answered_name("founding", {"pairs": [pair]})
        'founding: merged10 better than cityscapes19'
    """
    verdicts = [_WORDS[pair["verdict"]].format(**pair) for pair in result["pairs"]]
    return f"{name}: {'; '.join(verdicts)}"
