"""A task that arrives at another host."""

import pickle
import time
from dataclasses import replace
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.data.source import Sample, Source
from segexp.study.engines._sent_task import Own, pack, unpack
from segexp.study.engines._worker import Task
from segexp.study.stop import NEVER, StopRule
from tests.tiny_study import opened

SECRET = "postgresql://ann:s3cret@db.example/studies"


@pytest.fixture
def task(project: Path, tmp_path: Path) -> Task:
    """One whose data is in the project, and whose storage has a password."""
    study = opened(project, trials=2)
    plan = study.plan
    root = project / "data"
    root.mkdir()
    source: Source = replace(
        plan.base.source,
        root=root,
        splits={"train": (Sample("a", root / "images" / "a.png", root / "masks" / "a.png"),)},
    )
    config = plan.base.config.model_copy(update={"storage": SECRET})
    tracking = config.tracking.model_copy(update={"uri": "http://ann:s3cret@mlflow.example"})
    config = config.model_copy(update={"tracking": tracking})
    plan = replace(plan, base=replace(plan.base, source=source, config=config))
    experiment = replace(study.experiment, uri="http://ann:s3cret@mlflow.example")
    parent = replace(study.parent, uri="http://ann:s3cret@mlflow.example")
    return Task(((plan, experiment, parent),), "digest", "fp32", NEVER)


def arrived(content: bytes, own: Own) -> Task:
    found = unpack(content, own)
    assert isinstance(found, Task)
    return found


def test_it_has_the_paths_of_where_it_arrives(task: Task, tmp_path: Path) -> None:
    data = tmp_path / "elsewhere"
    data.mkdir()
    found = arrived(pack(task), Own(tmp_path / "worker", data))
    ((plan, experiment, run),) = found.studies
    assert plan.base.project == experiment.project == run.project == tmp_path / "worker"
    assert plan.base.source.root == data
    (sample,) = plan.base.source.splits["train"]
    assert sample.files == (data / "images" / "a.png", data / "masks" / "a.png")
    assert found.data_hash == "digest"
    ((before, _, _),) = task.studies
    assert plan.base.mappings.keys() == before.base.mappings.keys()
    assert plan.base.space == before.base.space


def test_no_password_is_sent_and_a_host_has_its_own(task: Task, tmp_path: Path) -> None:
    content = pack(task)
    assert b"s3cret" not in content
    ((plan, experiment, run),) = arrived(content, Own(tmp_path)).studies
    assert plan.base.config.storage == "postgresql://ann@db.example/studies"
    assert experiment.uri == run.uri == plan.base.config.tracking.uri == "http://mlflow.example"
    own = "postgresql://bob:other@db.example/studies"
    ((plan, _, _),) = arrived(content, Own(tmp_path, storage=own)).studies
    assert plan.base.config.storage == own
    with pytest.raises(InputError, match=r"names .*db2.example/studies, but the study is in"):
        unpack(content, Own(tmp_path, storage="postgresql://bob:other@db2.example/studies"))


def test_data_that_is_not_on_the_host_is_refused_with_where_it_was_looked_for(
    task: Task, project: Path, tmp_path: Path
) -> None:
    content = pack(task)
    (project / "data").rmdir()
    with pytest.raises(InputError, match=rf"data: {project}/data: no such folder on this host; na"):
        unpack(content, Own(tmp_path))
    with pytest.raises(InputError, match=rf"data: {tmp_path}/none: no such folder"):
        unpack(content, Own(tmp_path, tmp_path / "none"))


def test_its_time_is_counted_by_the_clock_of_where_it_arrives(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    content = pack(replace(task, stop=StopRule(now + 50, stagnation=3)))
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)  # of another machine
    assert arrived(content, Own(tmp_path)).stop == StopRule(pytest.approx(1050.0), 3)
    assert arrived(pack(task), Own(tmp_path)).stop == NEVER


def test_a_number_arrives_as_it_was_sent(tmp_path: Path) -> None:
    assert unpack(pickle.dumps(15), Own(tmp_path)) == 15
