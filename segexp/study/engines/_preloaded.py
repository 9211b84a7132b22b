"""What workers are forked from has imported; see `segexp.study.engines.workers`."""

import atexit
import os

import segexp.study.engines._worker  # noqa: F401

# It has nothing to finish. Unloading takes more than a second, for which whatever `segexp tune` is
# piped into would wait.
atexit.register(os._exit, 0)
