"""The model of a study's best trial, registered."""

from pathlib import Path

import pytest

from segexp import tracking
from segexp.core.errors import WorkError
from segexp.study.attributes import RUN_ID
from segexp.study.best import find_best
from segexp.study.register import register_best
from segexp.study.storage.open import load_study, read_storage
from tests.study.test_best import end
from tests.study.test_model_reference import planted
from tests.study.test_recorded_bundle import ran_as, run_in, study_in


def test_the_best_trials_model_has_the_studys_name_or_another(project: Path) -> None:
    study = study_in(project, "tiny")
    end(study, 0.1, 0.4, bundle=".segexp/studies/tiny/trial-0/bundle")
    planted(project / ".segexp/studies/tiny/trial-0/bundle")
    with pytest.raises(WorkError, match="the run of trial 0 is not in MLflow"):
        register_best(project, study, find_best(study), None, None, lambda line: None)
    ran_as(project, study, run_in(project, None))
    again = load_study(read_storage(None, project), "tiny")
    said: list[str] = []
    found = find_best(again)
    assert found.run_id == again.trials[0].user_attrs[RUN_ID]
    assert register_best(project, again, found, None, None, said.append) == "models:/tiny@best"
    assert register_best(project, again, found, None, "mine", said.append) == "models:/mine@best"
    assert said == [
        "version 1 of tiny: trial 0 of study tiny",
        "version 1 of mine: trial 0 of study tiny",
    ]
    client = tracking.open_experiment(project, None, "tiny").client
    assert client.get_model_version_by_alias("mine", "best").run_id == found.run_id
