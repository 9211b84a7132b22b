"""The page of an A/B study's trials, of each arm."""

from pathlib import Path

import optuna
import pytest

from segexp.compare.arm_trials import arms_trials_page
from segexp.study.attributes import PART_RUNS
from tests.report.parsed import read_page
from tests.study.test_trial_pictures import add_trial, experiment, recorded

__all__ = ["experiment"]


def test_the_trials_of_all_arms_are_on_one_page(
    project: Path, request: pytest.FixtureRequest
) -> None:
    run = recorded(request.getfixturevalue("experiment"))
    storage = optuna.storages.InMemoryStorage()
    for arm, value in (("fine", 0.25), ("mild", 0.5)):
        study = optuna.create_study(storage=storage, study_name=f"ab-{arm}", direction="maximize")
        add_trial(study, value, run)
    whole = optuna.create_study(storage=storage, study_name="ab")
    whole.set_user_attr(PART_RUNS, {"fine": "", "mild": ""})
    page = read_page(arms_trials_page(project, None, storage, whole))
    assert [alt for _, alt in page.pictures] == [
        "city/a, image; enlarge",
        "city/a, truth; enlarge",
        "city/a, trial 0, 0.5000, fine, mild; enlarge",
        "city/a, trial 0, 0.2500, fine; enlarge",
    ]
    assert "arm " in page.texts
