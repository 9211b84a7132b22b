"""Trials run by workers of other hosts, which connect with ``segexp worker --connect``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segexp.core.errors import InputError
from segexp.core.lease import is_gone
from segexp.study.engines._gate import Gate
from segexp.study.engines._link import (
    TOKEN_VARIABLE,
    new_token,
    read_address,
    show_address,
    token_of_environment,
)
from segexp.study.engines._servers import refuse_files

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.core.lease import Owner
    from segexp.study.display import StudyDisplay
    from segexp.study.engines._arrivals import Arrivals
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule

OPTIONS = ("listen",)
"""Of `with_options`."""

LISTEN = "127.0.0.1:8765"
"""Where a study listens unless it is told otherwise: only this host can connect."""


@dataclass
class Remote:
    """An `segexp.study.engines.Engine`.

    Attributes:
        listen: ``HOST:PORT``.
    """

    listen: str = LISTEN
    _gate: "Gate | None" = field(default=None, repr=False)
    _workers: "Arrivals | None" = field(default=None, repr=False)
    _new_token: str | None = field(default=None, repr=False)

    def prepare(self, workers: int | None, config: "Config | None") -> None:
        """Begin to listen; a worker may connect from now on, and waits."""
        if workers is not None:
            raise InputError(
                f"--workers {workers}: workers of the engine 'remote' come by themselves, each "
                "with a command of its own; leave --workers out"
            )
        refuse_files("remote", config)
        address = read_address(self.listen, "--listen")
        token = token_of_environment()
        if token is None:
            token = self._new_token = new_token()
        self._gate = Gate(address, token, "--listen")

    def is_gone(self, owner: "Owner", last_beat: float | None) -> bool:
        """Whether a worker has been silent for longer than a lease, or has ended on this host."""
        return is_gone(owner, last_beat)

    def run_trials(
        self,
        studies: "Sequence[OpenStudy]",
        display: "StudyDisplay",
        *,
        workers: int | None,
        stop: "StopRule",
    ) -> int:
        """Run trials in the workers that are there and that come.

        One that vanishes leaves its trial to the others. What is wrong with one host, such as
        missing data, ends that worker alone.
        """
        from segexp.study.engines._arrivals import Arrivals  # noqa: PLC0415 - loads torch
        from segexp.study.engines._supervisor import supervise  # noqa: PLC0415

        if self._gate is None:
            raise InputError("the engine 'remote' is to be prepared first")
        if self._workers is None:
            self._workers = Arrivals(self._gate, differ=True)
            display.say(self._how_to_join(self._gate))
        return supervise(studies, display, self._workers, stop)

    def _how_to_join(self, gate: "Gate") -> str:
        command = f"segexp worker --connect {show_address(gate.address)}"
        if self._new_token is None:
            return f"workers join with the same {TOKEN_VARIABLE}, each: {command}"
        # Once, and nowhere else. Not as a variable's value, which no message may show.
        token, self._new_token = self._new_token, ""
        shown = f"the token that they ask for, shown only here: {token}" if token else "their token"
        return f"workers join with: {command}; {shown} (or it is in their {TOKEN_VARIABLE})"


def with_options(listen: str | None = None) -> Remote:
    """Return the engine; see `segexp.study.engines.load_engine`."""
    listen = listen or LISTEN
    read_address(listen, "--listen")  # refused before anything is loaded
    return Remote(listen)
