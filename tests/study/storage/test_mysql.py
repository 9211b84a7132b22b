"""Optuna's tables on MariaDB hold what segexp stores, whoever made them."""

from datetime import datetime
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import DuplicatedStudyError

from harness.databases import mariadb_server  # noqa: F401
from harness.mariadb import MariadbServer
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, finished, run, states

LONG = "x" * 1_000_000  # a result of a trial with a thousand classes has a third of it


@pytest.mark.slow
def test_attributes_are_long_times_are_exact_and_names_have_their_case(
    mariadb_server: MariadbServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    url = mariadb_server.make_database()
    database = url.rpartition("/")[2]
    mariadb_server.execute(f"ALTER DATABASE {database} CHARACTER SET latin1")  # a server's default
    before = optuna.create_study(storage=url, study_name="street")  # by Optuna alone
    before.set_user_attr("kept", "as it was")
    with pytest.raises(DuplicatedStudyError):
        optuna.create_study(storage=url, study_name="Street")
    with pytest.raises(optuna.exceptions.StorageInternalError):
        before.set_user_attr("long", LONG)
    for _ in range(2):  # the second time there is nothing left to change
        storage = open_storage(url, tmp_path)
    study = optuna.create_study(storage=storage, study_name="Street")
    study.set_user_attr("long", LONG)
    study.set_user_attr("Long", "another")
    begun = datetime.now()
    trial = study.ask()
    trial.set_user_attr("long", LONG)
    storage.set_trial_system_attr(trial._trial_id, "long", LONG)
    study.tell(trial, 0.5)
    read = optuna.load_study(study_name="Street", storage=url)
    assert read.user_attrs == {"long": LONG, "Long": "another"}
    (found,) = read.trials
    assert (found.user_attrs["long"], found.system_attrs["long"]) == (LONG, LONG)
    assert found.datetime_start is not None and found.datetime_start >= begun
    assert optuna.load_study(study_name="street", storage=url).user_attrs == {"kept": "as it was"}


@pytest.mark.slow
def test_a_study_outlasts_a_restart_of_the_server(
    mariadb_server: MariadbServer,  # noqa: F811
    project: Path,
) -> None:
    url = mariadb_server.make_database()
    restarted: list[int] = []

    def on_epoch(trial: int, epoch: int) -> None:
        if not restarted:
            restarted.append(trial)
            with mariadb_server.away(url):
                pass

    study, ran = run(project, Said(on_epoch=on_epoch), workers=2, trials=3, storage=url)
    assert (ran, len(restarted)) == (3, 1)
    assert finished(study) == states(study) == ["COMPLETE"] * 3
