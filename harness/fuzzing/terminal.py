"""What a command prints, read as a terminal reads it: are there control characters?"""

import io
import unicodedata

from segexp.cli.console import console, print_error
from segexp.core.errors import InputError, WorkError

MAX_PRINTED = 500


def tell(error: InputError | WorkError) -> None:
    """Print an error as the command line does, and refuse control characters."""
    faults = error.faults if isinstance(error, InputError) else (str(error),)
    assert faults
    assert all(faults), faults
    with Screen() as screen:
        for fault in faults[:MAX_PRINTED]:
            print_error(fault)
    assert screen.text.count("\n") == len(faults[:MAX_PRINTED])


class Screen:
    """Stands for the terminal while a block prints to `console`."""

    text = ""

    def __enter__(self) -> "Screen":
        self._before, self._printed = console.file, io.StringIO()
        console.file = self._printed
        return self

    def __exit__(self, *_: object) -> None:
        self.text, console.file = self._printed.getvalue(), self._before
        steering = {c for c in self.text if unicodedata.category(c)[0] == "C" and c != "\n"}
        assert not steering, steering
