"""How worker processes are started."""

import os
import subprocess
import sys
from multiprocessing import forkserver

import pytest

from segexp.study.engines.workers import prepare

SHOW = """
import os
from segexp.study.engines.workers import prepare, process_context

def show():
    print("worker", os.environ.get("GLIBC_TUNABLES"), flush=True)

if __name__ == "__main__":
    prepare()
    process = process_context().Process(target=show)
    process.start()
    process.join()
    print("own", os.environ.get("GLIBC_TUNABLES"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a forkserver is used on Linux")
@pytest.mark.parametrize(
    ("of_user", "shown"),
    [
        (None, ["worker glibc.malloc.hugetlb=1", "own None"]),
        ("glibc.malloc.check=0", ["worker glibc.malloc.check=0", "own glibc.malloc.check=0"]),
    ],
)
def test_workers_ask_for_huge_pages_unless_the_user_has_tuned_glibc(
    tmp_path, of_user: str | None, shown: list[str]
) -> None:
    script = tmp_path / "show.py"
    script.write_text(SHOW)
    environment = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    if of_user is not None:
        environment["GLIBC_TUNABLES"] = of_user
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == shown


@pytest.mark.skipif(sys.platform != "linux", reason="a forkserver is used on Linux")
def test_the_command_line_is_not_repeated_in_that_of_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Python 3.14 hands `sys.argv` to the process that workers are forked from in its arguments.
    arguments = ["segexp", "tune", "--storage", "postgresql://ann:secret@host/a"]
    monkeypatch.setattr(sys, "argv", arguments)
    handed_on: list[list[str]] = []
    monkeypatch.setattr(forkserver, "ensure_running", lambda: handed_on.append(list(sys.argv)))
    prepare()
    assert handed_on == [["segexp"]]
    assert sys.argv == arguments
