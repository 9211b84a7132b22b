"""Runs of studies that are removed."""

from pathlib import Path

from segexp import tracking
from segexp.tracking.ui import VIEW_TAG, share_view


def test_the_runs_of_the_named_studies_are_deleted_and_no_others(project: Path) -> None:
    experiment = tracking.open_experiment(project, None, "shared")

    def run(study: str, parent: tracking.Run | None = None, **tags: str) -> tracking.Run:
        return tracking.start_run(experiment, study, {"segexp.study": study, **tags}, {}, parent)

    tiny, later, other = run("tiny"), run("tiny-rev2", key="a key"), run("other")
    trial = run("tiny", tiny)
    of_another_storage = run("tiny")
    place = (project, None, experiment.name, experiment.id)
    names, marks = ["tiny", "tiny-rev2"], {tiny.id, "a key"}
    opened, found = tracking.runs_of(*place, names, marks)
    assert set(found) == {tiny.id, trial.id, later.id}
    assert opened is not None
    tracking.delete_runs(opened, found)
    assert tracking.runs_of(*place, names, marks)[1] == []
    for left in (other, of_another_storage):
        assert tracking.runs_of(*place, ["other", "tiny"], {left.id})[1] == [left.id]


def test_an_experiment_that_is_deleted_leaves_its_name_to_another(project: Path) -> None:
    experiment = tracking.open_experiment(project, None, "tiny")
    run = tracking.start_run(experiment, "tiny", {"segexp.study": "tiny"}, {})
    assert tracking.whose_others(experiment, []) == {"tiny"}
    assert tracking.whose_others(experiment, [run.id]) == set()
    tracking.delete_experiment(experiment)
    assert tracking.open_experiment(project, None, "tiny").id != experiment.id


def test_note_and_view_are_taken_off_an_experiment_that_stays(project: Path) -> None:
    experiment = tracking.open_experiment(project, None, "tiny")
    run = tracking.start_run(experiment, "other", {"segexp.study": "other"}, {})
    tracking.write_note(run, "the answer", of_experiment=True)
    assert share_view(project, None, experiment.id, "best/miou")
    experiment.client.set_experiment_tag(experiment.id, "owner", "ann")
    tags = experiment.client.get_experiment(experiment.id).tags
    assert {"mlflow.note.content", VIEW_TAG} <= tags.keys()
    tracking.delete_texts(experiment)
    assert experiment.client.get_experiment(experiment.id).tags.get("owner") == "ann"
    left = experiment.client.get_experiment(experiment.id).tags
    assert not {"mlflow.note.content", VIEW_TAG} & left.keys()


def test_without_a_database_there_are_no_runs_and_none_is_made(tmp_path: Path) -> None:
    assert tracking.runs_of(tmp_path, None, "tiny", "1", ["tiny"], {"a"}) == (None, [])
    assert not list(tmp_path.iterdir())
