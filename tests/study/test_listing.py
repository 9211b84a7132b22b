"""The studies of a storage, a row for each."""

from pathlib import Path

import optuna
from optuna.trial import TrialState, create_trial

from segexp.study.attributes import PART_RUNS, RESULT, RUN_ID
from segexp.study.listing import list_studies

RUN = "0123456789abcdef" * 2


def test_a_study_is_its_trials_its_best_and_what_it_takes(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="empty")
    study = optuna.create_study(storage=storage, study_name="tiny", direction="maximize")
    study.set_user_attr(RUN_ID, RUN)
    for value in (0.2, 0.4, 0.3):
        study.add_trial(create_trial(value=value, user_attrs={RESULT: {}}))
    study.add_trial(create_trial(state=TrialState.PRUNED))
    for place, size in ((f"mlruns/tiny/{RUN}", 300_000), ("runs/tiny", 1_000_000)):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "file").write_bytes(bytes(size))
    first, last = list_studies(tmp_path, storage)
    assert (first.name, first.kind, first.best, first.score) == ("tiny", "study", 1, 0.4)
    assert first.states == {"COMPLETE": 3, "PRUNED": 1}
    assert (first.megabytes, first.is_running) == (1.3, False)
    assert first.last is not None
    assert (last.name, last.states, last.best, last.last) == ("empty", {}, None, None)
    assert last.to_dict()["last"] is None


def test_an_ab_study_has_the_trials_of_its_arms_and_no_best(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    whole = optuna.create_study(storage=storage, study_name="ab")
    whole.set_user_attr(PART_RUNS, {"fine": RUN, "coarse": RUN})
    for arm in ("fine", "coarse"):
        study = optuna.create_study(storage=storage, study_name=f"ab-{arm}")
        study.add_trial(create_trial(value=0.2, user_attrs={RESULT: {}}))
    (row,) = list_studies(tmp_path, storage)
    assert (row.name, row.kind, row.best) == ("ab", "A/B", None)
    assert row.states == {"COMPLETE": 2}
