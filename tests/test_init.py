"""The package itself: names that are loaded when they are first used."""

import subprocess
import sys

import pytest

import segexp


def test_importing_it_loads_nothing() -> None:
    code = "import sys, segexp; dir(segexp); print([n for n in sys.modules if 'segexp' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['segexp']\n"


def test_every_name_is_listed_documented_and_there() -> None:
    assert set(segexp.__all__) <= set(dir(segexp))
    for name in segexp.__all__:
        assert getattr(segexp, name).__doc__, name
    with pytest.raises(AttributeError, match="module 'segexp' has no attribute 'nonsense'"):
        _ = segexp.nonsense
