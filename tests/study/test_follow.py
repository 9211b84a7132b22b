"""Processes that train along: they end with the one that started them, whatever ends that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

PATIENCE = 60
"""How long a test waits for what is to happen, in seconds."""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_other_ranks_end_with_the_process_that_started_them(project: Path, number: signal.Signals):
    """SIGKILL reaches that process alone, as from a system without memory; SIGTERM all of them."""
    command = [sys.executable, "-m", "segexp", "train", "--set", "epochs=1000"]
    command += ["--set", "devices=3"]
    process = subprocess.Popen(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    until_trained = next(line for line in process.stdout if "epoch 1/" in line)
    assert until_trained
    started = psutil.Process(process.pid).children(recursive=True)
    assert sum(p.ppid() != process.pid for p in started) == 2
    if number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    wait_until(lambda: not any(p.is_running() and p.status() != "zombie" for p in started))
