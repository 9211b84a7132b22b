"""What runs trials: one module an engine, and its name is the engine's.

An engine is loaded before torch is, so that it can prepare while a command reads its input: it
imports what is heavy in `Engine.run_trials` only. Names with an underscore are parts of engines.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from segexp.core.choices import names_in

if TYPE_CHECKING:
    from segexp.core.lease import Owner
    from segexp.study.display import StudyDisplay
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule


class Engine(Protocol):
    """What a module in this package has."""

    def prepare(self, workers: int | None) -> None:
        """Begin to load what trials need, beside what this process does meanwhile.

        Args:
            workers: How many trials are to run at a time; None for as many as suit.

        Raises:
            InputError: When it cannot run as many.
        """

    def is_gone(self, owner: "Owner", last_beat: float | None) -> bool:
        """Whether the process that signed a trial has ended; `segexp.core.lease.is_gone` at least.

        Args:
            last_beat: When it was last heard of, in seconds since 1970; None when never.
        """

    def run_trials(
        self,
        studies: "Sequence[OpenStudy]",
        display: "StudyDisplay",
        *,
        workers: int | None,
        stop: "StopRule",
    ) -> int:
        """Run trials of studies that take turns, until none is left to take or a rule says stop.

        `segexp.study.turns.run_next` runs one, in whatever process; the studies are opened there
        by `segexp.study.open.join_study`. A trial that is interrupted is closed before this
        returns, so that it is tried again.

        Args:
            studies: Of one project, on the same data.
            stop: From when on no trial is begun.

        Returns:
            How many trials were ended.

        Raises:
            Interrupted: When a signal arrived.
            WorkError: When the first trials all fail, or the disk is full.
        """


def engine_names() -> tuple[str, ...]:
    """Return the names of the engines, without loading one."""
    return names_in(__path__)


def load_engine(name: str) -> Engine:
    """Return the engine of a name that `engine_names` lists."""
    return cast("Engine", import_module(f"{__name__}.{name}"))
