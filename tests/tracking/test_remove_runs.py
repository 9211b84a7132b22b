"""Runs of studies that are removed."""

from pathlib import Path

from segexp import tracking


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


def test_without_a_database_there_are_no_runs_and_none_is_made(tmp_path: Path) -> None:
    assert tracking.runs_of(tmp_path, None, "tiny", "1", ["tiny"]) == (None, [])
    assert not list(tmp_path.iterdir())
