"""How often a trial asks the storage, beside what Optuna itself asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import event

from harness.ended_trials import ended_trials, insert_trials
from harness.null_trials import EPOCHS, plant_no_records, plant_null_trials
from segexp.data.open import open_data
from segexp.study.definition import definition
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy, open_study
from segexp.study.plan import SearchPlan
from segexp.study.samplers import make_sampler, suggest
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, plan_of, planned

BESIDE_OPTUNA = 60
"""At most so many statements a trial."""


@contextmanager
def counted(storage: BaseStorage) -> Iterator[list[str]]:
    """Collect the statements that are sent to a database while the block runs."""
    backend = getattr(storage, "_backend", storage)
    assert isinstance(backend, RDBStorage)
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(backend.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(backend.engine, "before_cursor_execute", note)


@pytest.fixture
def study(project: Path, monkeypatch: pytest.MonkeyPatch) -> OpenStudy:
    """The default study, of trials that train nothing."""
    plan = planned(project, trials=10_000, **{"training.epochs": EPOCHS})
    return with_null_trials(plan, monkeypatch)


def with_null_trials(plan: SearchPlan, monkeypatch: pytest.MonkeyPatch) -> OpenStudy:
    project = plan.base.project
    data = open_data(project, plan.base.config, plan.base.source, lambda done, total: None)
    place = plant_no_records(monkeypatch.setattr)
    plant_null_trials(monkeypatch.setattr)
    return open_study(plan, data, open_storage(None, project), definition(plan.base, data), place)


def of_a_trial(study: OpenStudy) -> int:
    with counted(study.study._storage) as statements:
        assert run_next_trial(study, Said())
    return len(statements)


def of_optunas_own(study: OpenStudy, project: Path) -> int:
    """Count those of a trial that reports as many epochs, as Optuna's users write it."""
    base = study.plan.base
    storage = optuna.storages.get_storage(f"sqlite:///{project}/own.db")
    own = optuna.create_study(
        storage=storage,
        direction="maximize",
        sampler=make_sampler(base.study.sampler, base.space, 1),
        pruner=optuna.pruners.SuccessiveHalvingPruner(),
    )
    for _ in range(2):
        with counted(storage) as statements:
            trial = own.ask()
            suggest(trial, base.space)
            for epoch in range(1, EPOCHS + 1):
                trial.report(0.5, epoch)
                trial.should_prune()
            own.tell(trial, 0.5)
    return len(statements)


@pytest.mark.slow
def test_a_trial_asks_the_storage_little_more_often_than_optuna(
    study: OpenStudy, project: Path
) -> None:
    run_next_trial(study, Said())  # the baseline
    beside = of_a_trial(study) - of_optunas_own(study, project)
    assert 0 < beside <= BESIDE_OPTUNA


@pytest.mark.slow
def test_a_trial_asks_the_storage_as_often_after_ten_thousand_others(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"name": "successive_halving", "options": {"reduction_factor": 3}}
    plan = plan_of(project, trials=20_000, sampler="tpe", pruner=options)
    study = with_null_trials(plan, monkeypatch)
    study.study.add_trials(ended_trials(20, 0.0))  # the sampler draws its first ones at random
    of_a_trial(study)  # the baseline
    few = [of_a_trial(study) for _ in range(4)]
    insert_trials(study.study, ended_trials(10_000, 0.0))
    of_a_trial(study)  # each of the others is read once
    many = [of_a_trial(study) for _ in range(4)]
    # A trial that is pruned after its first epoch asks less often.
    assert max(many) <= max(few) and min(many) > 0


@pytest.mark.slow
def test_the_trials_of_a_study_are_read_a_few_times_a_trial(study: OpenStudy) -> None:
    run_next_trial(study, Said())
    with counted(study.study._storage) as statements:
        run_next_trial(study, Said())
    whole = [s for s in statements if "FROM trials" in s and "trials.study_id = ?" in s]
    # Before and after it is taken, by the sampler, by the pruner and for the best after each epoch,
    # and at its end.
    assert len(whole) <= 5 + 2 * EPOCHS
