"""What workers are forked from has imported; see `segexp.study.engines._forkserver`."""

import atexit
import os

import segexp.study.engines._worker  # noqa: F401

# It has nothing to finish. To take apart what it has loaded takes more than a second, in which it
# keeps what `segexp tune` was piped into waiting.
atexit.register(os._exit, 0)
