"""Studies that take turns."""

from pathlib import Path

import pytest

from segexp.core.errors import Interrupted
from segexp.core.lease import this_process
from segexp.study.turns import close_trials, run_next
from tests.tiny_study import Said, opened, raising, record_of, states, statuses


def test_what_a_process_has_open_is_closed_and_tried_again(project: Path) -> None:
    study = opened(project, trials=2)
    with pytest.raises(Interrupted):
        while run_next([study], Said(raising(Interrupted(2), 1))):
            pass
    assert states(study.study) == ["COMPLETE", "RUNNING"]
    for expected in ([(study, 1)], []):
        closed = close_trials([study], this_process(), "interrupted by a signal", crashed=False)
        assert closed == expected
        assert states(study.study) == ["COMPLETE", "FAIL", "WAITING"]
        assert statuses(project, study.study) == ["FINISHED", "KILLED"]
    assert record_of(project, study.study).info.status == "RUNNING"
