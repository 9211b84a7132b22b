"""Runs of studies that are removed."""

from pathlib import Path

from segexp import tracking
from segexp.tracking.ui import VIEW_TAG, share_view


def test_the_runs_of_the_named_studies_are_deleted_and_no_others(project: Path) -> None:
    experiment = tracking.open_experiment(project, None, "shared")
    runs = {
        study: tracking.start_run(experiment, study, {"segexp.study": study}, {})
        for study in ("tiny", "tiny-rev2", "other")
    }
    place = (project, None, experiment.name, experiment.id)
    opened, found = tracking.runs_of(*place, ["tiny", "tiny-rev2"])
    assert set(found) == {runs["tiny"].id, runs["tiny-rev2"].id}
    assert opened is not None
    tracking.delete_runs(opened, found)
    assert tracking.runs_of(*place, ["tiny", "tiny-rev2"])[1] == []
    assert tracking.runs_of(*place, ["other"])[1] == [runs["other"].id]


def test_an_experiment_that_is_deleted_leaves_its_name_to_another(project: Path) -> None:
    experiment = tracking.open_experiment(project, None, "tiny")
    run = tracking.start_run(experiment, "tiny", {"segexp.study": "tiny"}, {})
    assert tracking.has_other_runs(experiment, [])
    assert not tracking.has_other_runs(experiment, [run.id])
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
    assert tracking.runs_of(tmp_path, None, "tiny", "1", ["tiny"]) == (None, [])
    assert not list(tmp_path.iterdir())
