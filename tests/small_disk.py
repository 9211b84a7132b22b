"""A disk of a few megabytes, for tests of what happens when it is full."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_ON_A_DISK = """\
import json, subprocess, sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    module, function, directory, size = sys.argv[1:]
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], check=True)
    print(json.dumps(getattr(import_module(module), function)(Path(directory))))
"""


def on_a_small_disk(module: str, function: str, directory: Path, size: str) -> Any:
    """Call a function with the directory of a small disk; return what it returns, as JSON.

    It runs in a process of its own, in a mount namespace of its own. Skips the test where the
    system does not permit that.
    """
    if not _can_mount():
        pytest.skip("mounting a file system is not permitted here")
    script = directory / "on_a_small_disk.py"
    script.write_text(_ON_A_DISK, encoding="utf-8")
    disk = directory / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, script, module, function, disk, size],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def fill(disk: Path, free: int) -> Path:
    """Fill a disk but for some bytes; deleting the file that is returned frees it again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while (left := shutil.disk_usage(disk).free - free) > 0:
            if not file.write(bytes(min(left, 2**20))):
                break
    return ballast


@cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0
