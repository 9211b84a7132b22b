"""What runs trials: one module an engine, and its name is the engine's.

An engine is loaded before torch is, so that it can prepare while a command reads its input: it
imports what is heavy in `Engine.run_trials` only. Names with an underscore are parts of engines.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from segexp.core.choices import names_in
from segexp.core.errors import InputError

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.core.lease import Owner
    from segexp.study.display import StudyDisplay
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule


class Engine(Protocol):
    """What a module in this package has, or what its `with_options` returns.

    A module with options names them in ``OPTIONS``.
    """

    def prepare(self, workers: int | None, config: "Config | None") -> None:
        """Begin to load what trials need, beside what this process does meanwhile.

        Args:
            workers: How many trials are to run at a time; None for as many as suit.
            config: What the trials are configured by; None where it cannot be read, which is
                refused later.

        Raises:
            InputError: When it cannot run as many, or not with such databases.
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


def load_engine(name: str, options: Mapping[str, Any] = MappingProxyType({})) -> Engine:
    """Return the engine of a name that `engine_names` lists.

    Args:
        options: What a user said of it, by the name of an option such as ``listen``.

    Raises:
        InputError: When the engine has no such option.
    """
    module = import_module(f"{__name__}.{name}")
    known = getattr(module, "OPTIONS", ())
    faults = [
        f"--{option.replace('_', '-')}: the engine {name!r} has no such option"
        f"{_whose(option)}; leave it out"
        for option in options
        if option not in known
    ]
    if faults:
        raise InputError(faults)
    return cast("Engine", module.with_options(**options) if known else module)


def _whose(option: str) -> str:
    names = [
        name
        for name in engine_names()
        if option in getattr(import_module(f"{__name__}.{name}"), "OPTIONS", ())
    ]
    return f"; it is of --engine {' or '.join(names)}" if names else ""
