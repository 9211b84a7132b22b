"""Models by the names of studies and the ids of MLflow runs."""

import json
from hashlib import sha256
from pathlib import Path

import optuna
import pytest

from segexp import tracking
from segexp.core.config import Config
from segexp.core.errors import InputError, WorkError
from segexp.study.attributes import FILES, PART_RUNS, RUN_ID
from segexp.study.model_reference import find_bundle
from segexp.study.recorded_bundle import bundles_of_study
from segexp.study.storage.open import open_storage
from tests.study.test_best import end
from tests.study.test_model_reference import planted


def found(project: Path, reference: str, said: list[str] | None = None) -> Path:
    say = (said if said is not None else []).append
    return find_bundle(reference, lambda: (project, Config()), say)


def study_in(project: Path, name: str) -> optuna.Study:
    storage = open_storage(None, project)
    return optuna.create_study(storage=storage, study_name=name, direction="maximize")


def test_a_study_is_its_best_trial(project: Path) -> None:
    study = study_in(project, "tiny")
    end(study, 0.1, 0.4, bundle=".segexp/studies/tiny/trial-0/bundle")
    end(study, 0.2, 0.6, bundle=".segexp/studies/tiny/trial-1/bundle")
    bundle = planted(project / ".segexp/studies/tiny/trial-1/bundle")
    assert found(project, "tiny") == bundle
    end(study_in(project, "tiny-rev2"), 0.1, 0.4)
    said: list[str] = []
    assert found(project, "tiny", said) == bundle
    assert said == ["tiny-rev2 is a newer revision of tiny"]


def test_a_study_alone_has_the_models_of_its_baseline_and_its_best_trial(project: Path) -> None:
    study = study_in(project, "tiny")
    study.enqueue_trial({"x": 0.25})
    places = [f".segexp/studies/tiny/trial-{number}/bundle" for number in range(3)]
    for x, value, place in zip((0.25, 0.2, 0.3), (0.4, 0.7, 0.6), places, strict=True):
        end(study, x, value, bundle=place)
        planted(project / place)
    found = bundles_of_study(project, Config(), study, print)
    assert found == [
        ("tiny, trial 0", project / places[0]),
        ("tiny, trial 1", project / places[1]),
    ]


def test_a_study_whose_baseline_is_its_best_has_nothing_to_compare(project: Path) -> None:
    study = study_in(project, "tiny")
    study.enqueue_trial({"x": 0.25})
    end(study, 0.25, 0.8, bundle=".segexp/studies/tiny/trial-0/bundle")
    end(study, 0.2, 0.4, bundle=None)
    with pytest.raises(InputError, match="no trial beat the baseline; name another: segexp"):
        bundles_of_study(project, Config(), study, print)


def test_a_baseline_that_keeps_no_model_is_refused(project: Path) -> None:
    study = study_in(project, "tiny")
    study.enqueue_trial({"x": 0.25})
    end(study, 0.25, 0.4, bundle=None)
    end(study, 0.2, 0.6, bundle=".segexp/studies/tiny/trial-1/bundle")
    with pytest.raises(WorkError, match=r"trial 0 keeps no model.* trials 1 are kept"):
        bundles_of_study(project, Config(), study, print)


def test_a_study_that_has_no_best_trial_says_why(project: Path) -> None:
    both = study_in(project, "both")
    both.set_user_attr(PART_RUNS, {"fine": "1", "coarse": "2"})
    with pytest.raises(InputError, match=r"is an A/B study.* name one of both-fine, both-coarse"):
        found(project, "both")
    study_in(project, "new")
    with pytest.raises(WorkError, match="'new' has no complete trial yet"):
        found(project, "new")


def test_an_unknown_name_is_refused_with_what_was_looked_for_and_what_there_is(
    project: Path,
) -> None:
    with pytest.raises(InputError, match="tinny: no model: no such folder; no study has been run"):
        found(project, "tinny")
    study_in(project, "tiny")
    study_in(project, "other")
    with pytest.raises(InputError) as error:
        found(project, "tinny")
    assert error.value.faults == (
        "tinny: no model: no such folder; no study 'tinny' (did you mean 'tiny'?), there are "
        "other, tiny; expected a bundle's folder, a results folder (runs/STUDY), a study's name or "
        "an MLflow run's id",
    )


def run_in(project: Path, directory: Path | None, **tags: str) -> str:
    """A run in MLflow, with a bundle among its artifacts if there is one."""
    experiment = tracking.open_experiment(project, None, "tiny")
    run = tracking.start_run(experiment, "a run", {"segexp.kind": "trial"} | tags, {})
    if directory:
        tracking.log_directory(run, directory, "bundle")
    return run.id


def test_a_run_is_the_bundle_among_its_artifacts(project: Path, tmp_path: Path) -> None:
    bundle = planted(tmp_path / "bundle")
    (bundle / "model.safetensors").write_bytes(b"weights")
    run = run_in(project, bundle)
    fetched = found(project, run)
    assert fetched.is_relative_to(project / ".segexp")
    assert (fetched / "model.safetensors").read_bytes() == b"weights"
    assert found(project, run) == fetched

    without = run_in(project, None)
    with pytest.raises(
        InputError,
        match=r"has no artifact 'bundle/model.safetensors': a model is kept of a study's",
    ):
        found(project, without)
    with pytest.raises(InputError, match=r"no run '0{32}'"):
        found(project, "0" * 32)


def test_what_is_not_what_the_trial_left_is_refused(project: Path, tmp_path: Path) -> None:
    bundle = planted(tmp_path / "bundle")
    run = run_in(project, bundle, **{"segexp.study": "tiny", "segexp.trial": "0"})
    study = study_in(project, "tiny")
    digests = {f"bundle/{path.name}": sha256(b"").hexdigest() for path in bundle.iterdir()}
    end(study, 0.1, 0.4, bundle=".segexp/studies/tiny/trial-0/bundle", **{FILES: digests})
    ran_as(project, study, run)
    fetched = found(project, run)
    assert fetched == project / ".segexp/studies/tiny/trial-0/bundle"
    (fetched / "bundle.json").unlink()
    (bundle / "bundle.json").write_text("another", encoding="utf-8")
    tracking.log_directory(
        tracking.Run(project, f"sqlite:///{project}/mlflow.db", "", run), bundle, "bundle"
    )
    with pytest.raises(WorkError, match="is not what trial 0 left"):
        found(project, run)


def ran_as(project: Path, study: optuna.Study, run: str) -> None:
    """Note a run at a trial that has ended, which Optuna itself does not."""
    import sqlite3

    with sqlite3.connect(project / "studies" / "optuna.db") as connection:
        connection.execute(
            "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?",
            (json.dumps(run), RUN_ID),
        )


def test_the_run_of_a_study_is_its_best_trial(project: Path) -> None:
    run = run_in(project, None, **{"segexp.kind": "study", "segexp.study": "tiny"})
    end(study_in(project, "tiny"), 0.1, 0.4, bundle=".segexp/studies/tiny/trial-0/bundle")
    bundle = planted(project / ".segexp/studies/tiny/trial-0/bundle")
    assert found(project, run) == bundle
