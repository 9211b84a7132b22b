"""Processes that start the same study at the same moment, in a directory without any database."""

from harness.crash_check import Faults, check_invariants
from harness.crash_study import Study, Warm, lay_out


def run_together(warm: Warm, study: Study, processes: int) -> Faults:
    """Lay out a fresh project, run its study by several commands at once, and check it."""
    lay_out(study.project)
    faults = Faults()
    runs = [warm.run(study.tune(), study.project) for _ in range(processes)]
    for run in runs:
        code = run.wait(timeout=3600)
        if code != 0:
            faults.other.append(f"exit code {code}:\n{run.said()}")
    check_invariants(study, faults)
    return faults
