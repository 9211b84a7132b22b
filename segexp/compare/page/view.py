"""What the sections of an A/B page have to show."""

from collections.abc import Sequence
from dataclasses import dataclass

from segexp.compare.page.figures import JsonObject
from segexp.compare.page.pictures import ArmScene

CLUSTERS = {
    "none": "images",
    "sequence": "video sequences",
    "city": "cities",
    "block": "blocks of consecutive images",
}
"""What is resampled, in words, by the kind of the clusters."""


@dataclass(frozen=True)
class AbView:
    """An A/B study as its page shows it.

    Attributes:
        result: The content of ``ab_result.json``; see `segexp.compare.page.numbers.with_arm_names`.
        pairs: Every pair of arms, the earlier arm first.
    """

    result: JsonObject
    arms: Sequence[JsonObject]
    pairs: Sequence[JsonObject]
    scenes: Sequence[ArmScene]

    @property
    def names(self) -> list[str]:
        """The names of the arms."""
        return [arm["mapping"] for arm in self.arms]

    @property
    def is_masks(self) -> bool:
        """Whether the arms are folders of masks."""
        return bool(self.result["mode"] == "predictions")


def pair_title(pair: JsonObject) -> str:
    """Name a pair."""
    return f"{pair['b']} against {pair['a']}"


def matched_text(result: JsonObject) -> str:
    """Say how many configurations each arm trained, and with which seeds."""
    several = "seeds" if len(result["seeds"]) > 1 else "seed"
    return f"{result['arms'][0]['configs']}, each with the {several} {listed(result['seeds'])}"


def listed(values: Sequence[int]) -> str:
    """Write numbers with commas between them."""
    return ", ".join(map(str, values))
