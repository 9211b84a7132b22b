"""Places where a test can kill the process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from segexp.core import failpoint
from segexp.core.errors import InputError
from segexp.core.failpoint import NAMES, choose, passed

PASS_THRICE = """\
import sys
from segexp.core.failpoint import choose, passed
choose(sys.argv[1])
for place in range(3):
    passed("run_opened")
    passed("epoch")
    print(place, flush=True)
"""


@pytest.fixture(autouse=True)
def _none_chosen() -> Iterator[None]:
    yield
    choose(None)


@pytest.mark.parametrize("passage", [1, 3])
def test_the_process_is_killed_at_the_passage_that_was_chosen(passage: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PASS_THRICE, f"epoch:{passage}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(place) for place in range(passage - 1)]
    assert done.stderr == ""


@pytest.mark.parametrize("spec", [None, "", "epoch:9", "mid_artifact:1"])
def test_other_passages_are_survived(spec: str | None) -> None:
    choose(spec)
    for _ in range(3):
        passed("epoch")


def test_arming_again_counts_from_the_beginning() -> None:
    choose("epoch:2")
    passed("epoch")
    choose("epoch:2")
    passed("epoch")
    assert failpoint._passages["epoch"] == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("epochs:1", "no failpoint 'epochs' (did you mean 'epoch'?)"),
        ("epoch", "expected NAME:N"),
        ("epoch:0", "expected NAME:N"),
        ("epoch:-1", "expected NAME:N"),
        ("epoch:one", "expected NAME:N"),
        (":1", "no failpoint ''"),
    ],
)
def test_what_names_no_passage_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(spec)
    assert said in str(caught.value)
    assert spec in str(caught.value)
    passed("epoch")  # nothing is chosen


def test_the_failpoints_of_the_reliability_contract_are_there() -> None:
    assert {
        "after_ask",
        "run_opened",
        "epoch",
        "mid_checkpoint",
        "before_report",
        "before_tell",
        "after_tell_before_run_close",
        "after_fail_before_retry",
        "mid_artifact",
        "study_create",
        "reconcile",
    } <= set(NAMES)
