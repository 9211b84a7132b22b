"""The command ``segexp``, and ``python -m segexp``."""

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and leave without taking apart what it has loaded.

    With torch and MLflow that takes Python more than a second.
    """
    # Nothing has begun: there is nothing to say of it, and the imports below would show where they
    # were interrupted.
    signal.signal(signal.SIGINT, _end_at_once)
    from segexp import cli  # noqa: PLC0415 - after that

    try:
        cli.main()
    except SystemExit as end:
        others = set(threading.enumerate()) - {threading.current_thread()}
        if not isinstance(end.code, int) or any(not thread.daemon for thread in others):
            raise
        code = end.code
    # All is done and said; what is left to do SQLite does whole or not at all.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads it, or the disk is full
        code = code or 1
    os._exit(code)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


if __name__ == "__main__":
    main()
