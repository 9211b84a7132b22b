from pathlib import Path

import optuna
from optuna.pruners import MedianPruner

from segexp.study.attributes import DEFINITION
from segexp.study.open import join_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import opened, run


def test_a_study_is_whole_or_not_there(project: Path) -> None:
    """One that died while it was made has no definition yet; it is made again."""
    storage = open_storage(None, project)
    half = optuna.create_study(storage=storage, study_name="tiny", direction="maximize")
    half.enqueue_trial({"learning_rate": 1e-3})
    study, ran = run(project, trials=1)
    assert ran == 1
    assert len(study.trials) == 1
    assert study.user_attrs[DEFINITION]["training.epochs"] == "1"


def test_a_study_that_is_joined_has_the_trials_the_pruner_and_the_runs_of_the_one_that_is_open(
    project: Path,
) -> None:
    one = opened(project, pruner="median", trials=1)
    other = join_study(
        one.plan, one.dataset, open_storage(None, project), one.experiment, one.parent
    )
    assert type(other.study.pruner) is type(one.study.pruner) is MedianPruner
    one.study.enqueue_trial({"learning_rate": 1e-3})
    assert [t.state for t in other.study.trials] == [t.state for t in one.study.trials]
    assert (other.lock, other.parent) == (one.lock, one.parent)
    assert one.lock == project / ".segexp" / "locks" / "tiny.files.lock"


def test_the_first_trial_in_line_is_the_baseline_once_however_often_it_is_opened(
    project: Path,
) -> None:
    for _ in range(2):
        study = opened(project).study
        waiting = [t.system_attrs["fixed_params"] for t in study.trials]
        assert waiting == [{"learning_rate": 1e-3}]
