"""Trials run by actors of Ray, which places them on nodes and starts them again when these die."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from segexp.core.errors import InputError
from segexp.core.lease import is_gone
from segexp.study.engines._servers import refuse_files

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.core.lease import Owner
    from segexp.study.display import StudyDisplay
    from segexp.study.engines._actors import Actors
    from segexp.study.open import OpenStudy
    from segexp.study.stop import StopRule

OPTIONS = ("address", "per_gpu")
"""Of `with_options`."""

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray 2.60 listens on all addresses of a machine, also where its node's is to be 127.0.0.1; but not
where it expects no cluster, as on these systems."""


@dataclass
class OnRay:
    """An `segexp.study.engines.Engine`.

    Attributes:
        address: Of a cluster, such as ``auto``; None to start Ray on this machine.
        per_gpu: How many trials share a GPU; None for one.
    """

    address: str | None = None
    per_gpu: int | None = None
    _actors: "Actors | None" = field(default=None, repr=False)

    def prepare(self, workers: int | None, config: "Config | None") -> None:
        """Refuse what Ray's workers cannot do, and say how Ray is to start."""
        faults: list[str] = []
        if workers == 0:
            faults.append("--workers 0: the engine 'ray' needs one or more; take --engine here")
        if self.per_gpu is not None and config is not None and config.engine.num_gpus is not None:
            faults.append(
                f"--per-gpu {self.per_gpu}: engine.num_gpus says {config.engine.num_gpus:g}; "
                "give one of them"
            )
        if find_spec("ray") is None:
            faults.append("--engine ray: Ray is not installed: pip install 'segexp[ray]'")
        if faults:
            raise InputError(faults)
        refuse_files("ray", config)
        # Before Ray is imported, which reads them then.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self.address is None:
            os.environ.update(ON_LOOPBACK)
            os.environ.setdefault("RAY_AUTH_MODE", "token")
            if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
                os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else one is left in ~/.ray

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
        """Run trials in actors; one that dies leaves its trial to the others, and comes back."""
        from segexp.study.engines._actors import Actors  # noqa: PLC0415 - loads torch and Ray
        from segexp.study.engines._supervisor import supervise  # noqa: PLC0415

        if self._actors is None:
            config = studies[0].plan.base.config
            self._actors = Actors(config, workers, self.address, self.per_gpu)
        return supervise(studies, display, self._actors, stop)


def with_options(address: str | None = None, per_gpu: int | None = None) -> OnRay:
    """Return the engine; see `segexp.study.engines.load_engine`."""
    return OnRay(address, per_gpu)
