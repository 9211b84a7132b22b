"""Names of Optuna that are not public: some modules of storage use them, and they are there."""

import re
from importlib import import_module

import optuna
import pytest

from harness.project import ROOT

THE_MODULES = {
    ROOT / "segexp" / "study" / "storage" / name
    for name in ("access.py", "begin.py", "proxied.py", "retrying.py", "several.py")
}

USED = {
    "optuna.storages._rdb.storage:_create_scoped_session": (),
    "optuna.storages:RDBStorage": (
        *("_build_frozen_trial_from_trial_model", "_create_new_trial", "_get_best_trial_id"),
        *("_get_prepared_new_trial", "_get_trials", "_set_trial_attr_without_commit"),
        *("_set_trial_param", "_set_trial_value_without_commit"),
    ),
    "optuna.storages._rdb:models": (
        *("StudyDirectionModel", "StudyModel", "StudySystemAttributeModel"),
        *("StudyUserAttributeModel", "TrialModel", "TrialSystemAttributeModel"),
    ),
    "optuna.storages:GrpcStorageProxy": ("_setup",),
    "optuna.storages._grpc.client:GrpcClientCache": (),
    "optuna.storages._rdb.models:StudyModel": ("find_or_raise_by_id",),
    "optuna.storages._rdb.models:TrialModel": ("find_or_raise_by_id",),
    "optuna.storages._rdb.models:StudyUserAttributeModel": ("find_by_study_and_key",),
}


@pytest.mark.parametrize("place", USED)
def test_this_version_of_optuna_has_what_is_used_of_it(place: str) -> None:
    module, _, name = place.partition(":")
    try:
        found = getattr(import_module(module), name)
        missing = [attribute for attribute in USED[place] if not hasattr(found, attribute)]
    except (ImportError, AttributeError):
        missing = [name]
    assert not missing, f"Optuna {optuna.__version__}: {place} lacks {missing}; 5.0.0 had it"


def test_a_study_and_its_trials_have_what_is_used_of_them() -> None:
    study = optuna.create_study()
    lacking = [
        name for name in ("_storage", "_study_id", "_thread_local") if not hasattr(study, name)
    ]
    study.ask()
    lacking += ["_trial_id"] if not hasattr(study.trials[0], "_trial_id") else []
    assert not lacking, f"Optuna {optuna.__version__} has no {lacking}; 5.0.0 had them"


def test_no_other_module_uses_them() -> None:
    private = re.compile(r"optuna(\.\w+)*\._|\w\._(storage|study_id|trial_id|backend)\b")
    found = {
        path
        for path in (ROOT / "segexp").rglob("*.py")
        if private.search(path.read_text(encoding="utf-8"))
    }
    assert found == THE_MODULES
