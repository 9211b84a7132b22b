"""What a shell, a container or a service may lack or forbid, corrected before a command starts."""

import getpass
import io
import os
import re
import sys
import warnings
from pathlib import Path


def put_right() -> None:
    """Provide what Python and the libraries cannot work without, also for child processes."""
    _provide_streams()
    _provide_home_and_name()
    _let_warnings_be_warnings()


def _provide_streams() -> None:
    """Open closed standard streams, as by ``>&-``: another file would get their number and output.

    Python's own stream is None then: https://docs.python.org/3/library/sys.html#sys.stdout.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    if isinstance(sys.stdout, io.TextIOWrapper):  # as stderr writes what its encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")


def _provide_home_and_name() -> None:
    """Set HOME and LOGNAME if they are missing, as in a container with ``--user 12345``.

    MLflow needs the home when it is imported, PyTorch the user's name when it compiles.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"  # as Docker sets it
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # KeyError before Python 3.13
        os.environ["LOGNAME"] = str(os.getuid())


def _let_warnings_be_warnings() -> None:
    """Show warnings that ``PYTHONWARNINGS=error`` or ``-W error`` would raise.

    The libraries cause warnings in each other, and would stop in the middle of their work.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # of damaged metadata
    if not any(option.startswith("e") for option in sys.warnoptions):
        return
    sys.warnoptions[:] = [re.sub("^e[^:]*", "default", option) for option in sys.warnoptions]
    os.environ["PYTHONWARNINGS"] = ",".join(sys.warnoptions)
    warnings.simplefilter("default")
