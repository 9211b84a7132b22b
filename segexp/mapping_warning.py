"""What the checks of a mapping return: something to look at, which stops nobody."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MappingWarning:
    """One thing in a mapping that is probably not meant.

    Attributes:
        kind: What it is, for programs: such as ``rare-class`` or ``shifted-ids``.
        message: What, where, with values, and what to do; one line.
    """

    kind: str
    message: str
