"""A process whose user has neither a home nor a name, as in a container with ``--user 12345``.

Python and the libraries refuse to work without: MLflow asks for the home when it is imported,
PyTorch for the user's name when it compiles.
"""

import getpass
import os
from pathlib import Path


def provide_home_and_name() -> None:
    """Set HOME and LOGNAME where the system knows none; this process's children have them, too."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"  # as Docker sets it
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # KeyError before Python 3.13
        os.environ["LOGNAME"] = str(os.getuid())
