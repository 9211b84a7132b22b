"""Places where a test can kill the process, to see what survives a crash.

``SEGEXP_FAILPOINT=name:n`` ends the process with SIGKILL at its n-th passage of ``name``. Unset,
a passage costs one comparison.
"""

import os
import signal
from collections import Counter

from segexp.core.errors import InputError, did_you_mean

VARIABLE = "SEGEXP_FAILPOINT"

NAMES = (
    "study_create",  # Optuna has the study; its MLflow run and definition are missing
    "reconcile",  # something abandoned was found and is still open
    "after_ask",  # a trial is running in Optuna and has no params
    "run_opened",  # MLflow has the run; Optuna does not know its id
    "epoch",  # an epoch is trained and validated, but not recorded
    "mid_checkpoint",  # a file is written beside its place, and not moved into it
    "before_report",  # the checkpoint knows of an epoch that Optuna does not
    "mid_artifact",  # some of the artifacts are recorded
    "before_tell",  # a trial's work is done; Optuna does not know
    "after_tell_before_run_close",  # finished in Optuna, running in MLflow
    "after_fail_before_retry",  # failed in Optuna; its params are not queued again
)

_passages: Counter[str] = Counter()
_chosen: tuple[str, int] | None = None


def choose(spec: str | None) -> None:
    """Choose where this process is to die; none where None.

    Raises:
        InputError: For anything but ``NAME:N`` with a known name and N of at least 1.
    """
    global _chosen  # noqa: PLW0603 - the state of the process
    _passages.clear()
    _chosen = None
    if not spec:
        return
    name, _, count = spec.partition(":")
    if name not in NAMES:
        raise InputError(f"{VARIABLE}={spec}: no failpoint {name!r}{did_you_mean(name, NAMES)}")
    if not count.isdecimal() or int(count) < 1:
        raise InputError(f"{VARIABLE}={spec}: expected NAME:N with N of at least 1")
    _chosen = (name, int(count))


def passed(name: str) -> None:
    """Die here if this is the passage that was chosen."""
    if _chosen is None or _chosen[0] != name:
        return
    _passages[name] += 1
    if _passages[name] == _chosen[1]:
        os.kill(os.getpid(), signal.SIGKILL)
