"""What the process has imported that workers are forked from; see `segexp.processes`."""

import atexit
import os

import segexp.worker  # noqa: F401

# It has nothing to finish. To take apart what it has loaded takes more than a second, in which it
# keeps what `segexp tune` was piped into waiting.
atexit.register(os._exit, 0)
