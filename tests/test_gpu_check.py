"""The GPU's checks, tried with tiny sizes on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.project import ROOT


def check(*words: str, path: Path = ROOT) -> tuple[int, list[list[str]], str]:
    """Run the script where no GPU is seen; return its exit code, its table and its errors."""
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu_check.py", *words],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": f"{path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line[:1] == "|"]
    return done.returncode, rows[2:], done.stderr


def test_without_a_gpu_it_says_so_in_one_line() -> None:
    code, rows, said = check()
    assert (code, rows) == (2, [])
    assert said == "no GPU: --device cpu tries this script with tiny sizes\n"


@pytest.mark.slow
def test_every_check_but_the_peers_passes_on_a_cpu() -> None:
    names = ["tests", "bare-loop", "batches", "bf16", "resume", "two-workers", "two-devices"]
    code, rows, said = check("--device", "cpu", "--checks", *names)
    assert code == 0, said
    assert [row[:2] for row in rows] == [[name, "passed"] for name in names]


@pytest.mark.slow
def test_a_check_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "torchmetrics.py").touch()
    (tmp_path / "lightning.py").write_text("raise ImportError('broken')\n", encoding="utf-8")
    code, rows, said = check("--device", "cpu", "--checks", "peer", "batches", path=tmp_path)
    assert code == 1
    assert [row[:2] for row in rows] == [["peer", "failed"], ["batches", "passed"]]
    assert rows[0][2] == "ImportError: broken"
    assert "benchmarks/lightning_peer.py" in said


@pytest.mark.slow
def test_a_check_that_runs_out_of_time_is_ended() -> None:
    code, rows, _ = check("--device", "cpu", "--checks", "batches", "resume", "--seconds", "0.1")
    assert code == 1
    assert [row[1] for row in rows] == ["out of time", "no time left"]
