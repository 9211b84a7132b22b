"""What a worker does with a task, wherever it runs."""

import multiprocessing
import pickle
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.project import PRECISION
from segexp.core.errors import InputError, Interrupted
from segexp.study.definition import definition
from segexp.study.engines._sent_display import SentDisplay
from segexp.study.engines._worker import Task, run_task
from segexp.study.open import join_study
from segexp.study.stop import NEVER
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, opened, run_here, states, statuses


def test_a_study_is_joined_from_what_is_sent(project: Path) -> None:
    first = opened(project, trials=2)
    sent = pickle.dumps((first.plan, first.experiment, first.parent))
    plan, experiment, parent = pickle.loads(sent)
    assert definition(plan.base, first.dataset) == definition(first.plan.base, first.dataset)
    joined = join_study(plan, first.dataset, open_storage(None, project), experiment, parent)
    assert joined.directory(3) == first.directory(3)
    assert joined.lock == first.lock
    assert run_here([joined], Said()) == 2
    assert states(first.study) == ["COMPLETE"] * 2
    assert statuses(project, first.study) == ["FINISHED"] * 2


def test_other_data_than_the_studys_is_refused_before_a_trial_is_taken(project: Path) -> None:
    study = opened(project, trials=2)
    task = Task(((study.plan, study.experiment, study.parent),), "0123456789abcdef", "fp32", NEVER)
    here, there = multiprocessing.Pipe()
    with here, there:
        ended = run_task(SentDisplay(there), task)
        assert isinstance(ended, InputError)
        assert f"its digest is {study.dataset.hash[:12]} here and 0123456789ab there" in str(ended)
        sent = [here.recv() for _ in range(2)]
    assert sent[1] == ("input_error", (ended.faults,))
    assert states(study.study) == ["WAITING"]


def test_a_host_whose_precision_is_another_is_refused_unless_the_study_is_mixed(
    project: Path,
) -> None:
    study = opened(project, trials=1)
    plan = study.plan
    here, there = multiprocessing.Pipe()
    with here, there:
        for is_mixed, refused in ((False, True), (True, False)):
            base = replace(plan.base, is_mixed=is_mixed)
            parts = ((replace(plan, base=base), study.experiment, study.parent),)
            task = Task(parts, study.dataset.hash, "fp16", NEVER)
            ended = run_task(SentDisplay(there), task)
            assert isinstance(ended, InputError) is refused
            if refused:
                assert f"{PRECISION} on this host, fp16 in the study; begin" in str(ended)
    assert states(study.study) == ["COMPLETE"]


@pytest.mark.parametrize("told_by", ["signal", "supervisor"])
def test_a_worker_whose_storage_is_away_when_it_opens_it_stops_when_it_is_told(
    project: Path, told_by: str
) -> None:
    pytest.importorskip("psycopg2")
    study = opened(project, trials=1)
    plan = study.plan
    here, there = multiprocessing.Pipe()
    with here, there, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening: nobody answers there
        away = f"postgresql://ann@127.0.0.1:{taken.getsockname()[1]}/studies"
        changes = {"storage": away, "storage_patience": 5.0}
        config = plan.base.config.model_copy(update=changes)
        plan = replace(plan, base=replace(plan.base, config=config))
        parts = ((plan, study.experiment, study.parent),)
        display = SentDisplay(there)
        if told_by == "signal":
            display.note_signal(signal.SIGTERM, None)
        else:
            here.send(int(signal.SIGTERM))
        ended = run_task(display, Task(parts, study.dataset.hash, PRECISION, NEVER))
        assert isinstance(ended, Interrupted)
        assert [here.recv()[0] for _ in range(1)] == ["owner"]
        assert not here.poll()
    assert display.is_told == (told_by == "supervisor")
