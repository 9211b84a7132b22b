"""What Ray runs on a node: a worker that connects to the study.

Imported on each node: segexp is to be installed there.
"""

import os
import time
from pathlib import Path

from segexp.core.errors import InputError, Interrupted, WorkError
from segexp.core.overrides import STORAGE_VARIABLE, host_data
from segexp.study.engines._link import Address

_PAUSE_SECONDS = 5
"""After how long a worker whose connection is gone is begun anew."""


class Actor:
    """A worker in a process of Ray's, which begins it again when it dies."""

    def run(self, address: Address, token: str) -> str:
        """Run trials until the study needs this worker no longer.

        Returns:
            Why it ended otherwise: what is wrong on this node.
        """
        from segexp.study.engines._joined import join  # noqa: PLC0415 - loads torch
        from segexp.study.engines._sent_task import Own  # noqa: PLC0415

        data = host_data()
        own = Own(
            worker_directory(),
            None if data is None else Path(data),
            os.environ.get(STORAGE_VARIABLE) or None,
        )
        try:
            join(address, token, own, lambda line: None)
        except InputError as error:
            return str(error)
        except Interrupted:
            return ""
        except WorkError:
            # Another process may do it: this one's connection or device is gone. Ray restarts what
            # has died, but not what has returned.
            time.sleep(_PAUSE_SECONDS)
            os._exit(1)
        return ""


def worker_directory() -> Path:
    """Return where caches, checkpoints and models of workers lie on a node."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(caches) / "segexp" / "worker"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
