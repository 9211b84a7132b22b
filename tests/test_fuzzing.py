"""A twentieth of each target of harness/fuzzing; `python -m harness.fuzzing` runs all of it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from harness.fuzzing.__main__ import MAX_MEGABYTES, in_a_process, target_names
from harness.project import ROOT


def test_a_handful_of_hostile_inputs_makes_no_traceback_no_stray_file_and_no_flood():
    check(in_a_process(target_names(), share=0.0015, seed=0))


@pytest.mark.slow
@pytest.mark.parametrize("target", target_names())
def test_hostile_input_makes_no_traceback_no_stray_file_and_no_flood(target):
    # By a small process: what is started by this one begins with the memory that it has.
    command = [sys.executable, "-m", "harness.fuzzing", "--target", target, "--share", "0.05"]
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    results = json.loads(done.stdout)
    check(results)
    assert results[target]["peak_mb"] < MAX_MEGABYTES


def check(results: dict[str, dict[str, Any]]) -> None:
    for result in results.values():
        assert result["failures"] == []
        assert result["tracebacks"] == result["outside"] == 0
        assert result["cases"] == result["refused"] + result["accepted"] > 0
        assert result["refused"] > 0
