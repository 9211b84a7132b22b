"""A tenth of each target of harness/fuzzing; `python -m harness.fuzzing` runs all of it."""

import json
import subprocess
import sys

import pytest

from harness.fuzzing.__main__ import MAX_MEGABYTES, MAX_SECONDS, target_names
from harness.project import ROOT


@pytest.mark.parametrize("target", target_names())
def test_a_handful_of_hostile_inputs_makes_no_traceback_no_stray_file_and_no_flood(target):
    check(target, share=0.0025)


@pytest.mark.slow
@pytest.mark.parametrize("target", target_names())
def test_hostile_input_makes_no_traceback_no_stray_file_and_no_flood(target):
    check(target, share=0.1)


def check(target: str, share: float) -> None:
    command = [sys.executable, "-m", "harness.fuzzing", "--target", target]
    command += ["--share", str(share), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)[target]
    assert result["failures"] == []
    assert result["tracebacks"] == result["outside"] == 0
    assert result["cases"] == result["refused"] + result["accepted"] > 0
    assert result["refused"] > 0
    assert result["peak_mb"] < MAX_MEGABYTES
    assert result["slowest_s"] < MAX_SECONDS
