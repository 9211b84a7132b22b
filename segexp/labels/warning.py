"""What the checks of a mapping return: something to look at, never an error."""

from dataclasses import dataclass

MIN_SHARE = 0.001
"""A class with a smaller share of the scored pixels is called rare."""

MAX_VOID = 0.05
"""A mapping that makes a larger share of the labelled pixels void is reported."""


@dataclass(frozen=True)
class MappingWarning:
    """One probable mistake in a mapping.

    Attributes:
        kind: For programs, such as ``rare-class`` or ``shifted-ids``.
        message: What, where, with values, and what to do; one line.
    """

    kind: str
    message: str
