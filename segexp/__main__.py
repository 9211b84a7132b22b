"""The command ``segexp``, and ``python -m segexp``."""

import atexit
import os
import sys
import threading
from typing import NoReturn

from segexp import cli


def main() -> NoReturn:
    """Run the command line, and leave without taking apart what it has loaded.

    With torch and MLflow that takes Python more than a second.
    """
    try:
        cli.main()
    except SystemExit as end:
        others = set(threading.enumerate()) - {threading.current_thread()}
        if not isinstance(end.code, int) or any(not thread.daemon for thread in others):
            raise
        code = end.code
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads it, or the disk is full
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
