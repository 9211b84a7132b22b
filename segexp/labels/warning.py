"""What the checks of a mapping return: something to look at, which stops nobody."""

from dataclasses import dataclass

MIN_SHARE = 0.001
"""A class with less of the scored pixels than this is called rare."""

MAX_VOID = 0.05
"""A mapping that makes more of the labelled pixels void than this is said to hide them."""


@dataclass(frozen=True)
class MappingWarning:
    """One thing in a mapping that is probably not meant.

    Attributes:
        kind: What it is, for programs: such as ``rare-class`` or ``shifted-ids``.
        message: What, where, with values, and what to do; one line.
    """

    kind: str
    message: str
