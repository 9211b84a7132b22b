"""A tenth of each target of harness/fuzzing; `python benchmarks/fuzz.py` runs all of it."""

import json
import runpy
import subprocess
import sys

import pytest

from harness.project import ROOT

FUZZ = ROOT / "benchmarks" / "fuzz.py"
fuzz = runpy.run_path(str(FUZZ))


@pytest.mark.parametrize("target", fuzz["target_names"]())
def test_hostile_input_makes_no_traceback_no_stray_file_and_no_flood(target):
    command = [sys.executable, FUZZ, "--share", "0.1", "--target", target, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)[target]
    assert result["failures"] == []
    assert result["tracebacks"] == result["outside"] == 0
    assert result["cases"] == result["refused"] + result["accepted"] > 0
    assert result["refused"] > 0
    assert result["peak_mb"] < fuzz["MAX_MEGABYTES"]
    assert result["slowest_s"] < fuzz["MAX_SECONDS"]
