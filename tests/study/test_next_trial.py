"""One trial of a study: taken, run to its end, and ended in Optuna and in MLflow."""

import errno
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from harness.postgres import PostgresServer, postgres_server, postgres_url  # noqa: F401
from segexp.core.errors import AwayError, Interrupted, WorkError
from segexp.core.lease import lease_seconds, this_process
from segexp.study.ask import is_exhausted
from segexp.study.attributes import BEAT, CRASHES, FAILURE, OWNER, RESULT, RETRY_OF
from segexp.study.best import find_best
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy
from segexp.study.reconcile import MAX_CRASHES, close_abandoned
from tests.tiny_study import (
    Said,
    finished,
    opened,
    raising,
    run,
    run_here,
    states,
    statuses,
)

OWN = this_process()
ELSEWHERE = replace(OWN, host="another", boot="another")


def run_all(study: OpenStudy, display: Said | None = None) -> None:
    while run_next_trial(study, display or Said()):
        pass


def declared_dead(study: OpenStudy, in_trial: int, in_epoch: int) -> Callable[[int, int], None]:
    """Let another process find in one epoch that this one was silent for longer than a lease."""

    def on_epoch(trial: int, epoch: int) -> None:
        if (trial, epoch) == (in_trial, in_epoch):
            storage = study.study._storage
            trial_id = study.study.trials[trial]._trial_id
            storage.set_trial_user_attr(trial_id, BEAT, time.time() - lease_seconds() - 1)
            assert close_abandoned(study.study)[0] == [trial]

    return on_epoch


@pytest.mark.slow
@pytest.mark.parametrize(
    "epoch", [pytest.param(1, id="and reports"), pytest.param(2, id="and is complete")]
)
def test_a_process_declared_dead_discards_its_result_and_continues(
    project: Path, epoch: int
) -> None:
    study = opened(project, trials=2, epochs=2)
    display = Said(on_epoch=declared_dead(study, 0, epoch))
    run_all(study, display)
    assert states(study.study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert display.ended == [(0, "DISCARDED"), (1, "COMPLETE"), (2, "COMPLETE")]
    assert "taken for dead" in display.texts[0]
    first, retry, _ = study.study.trials
    assert retry.user_attrs[RETRY_OF] == 0
    assert retry.params == first.params
    assert RESULT not in first.user_attrs
    assert finished(study.study) == ["COMPLETE"] * 2
    assert statuses(project, study.study)[1:] == ["FINISHED"] * 2
    # Its own run is closed by whoever closed the trial, or by the end of the study.
    run(project, trials=2, epochs=2)
    assert statuses(project, study.study) == ["KILLED", "FINISHED", "FINISHED"]


@pytest.mark.slow
def test_an_interrupted_trial_resumes_from_its_checkpoint_under_another_number(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")
    study = opened(project, trials=1, epochs=3)
    with pytest.raises(Interrupted):
        run_here([study], Said(raising(Interrupted(2), 0, in_epoch=3)))
    assert states(study.study) == ["FAIL", "WAITING"]
    assert study.study.trials[0].user_attrs[FAILURE] == "interrupted by a signal"
    assert (study.directory(0) / "checkpoints" / "state.safetensors").is_file()
    display = Said()
    assert run_here([study], display) == 1
    assert display.epochs == [(1, 3)]
    assert not study.directory(0).exists()
    kept = {path.name for path in study.directory(1).iterdir()}
    assert kept == {"bundle", "confusions.npz", "overlays"}
    first, retry = study.study.trials
    assert retry.params == first.params
    assert list(retry.intermediate_values) == [1, 2, 3]
    assert {k: retry.intermediate_values[k] for k in (1, 2)} == first.intermediate_values
    assert statuses(project, study.study) == ["KILLED", "FINISHED"]
    straight, _ = run(project, trials=1, epochs=3, name="straight")
    assert straight.trials[0].intermediate_values == retry.intermediate_values
    assert straight.trials[0].value == retry.value


def test_a_full_disk_ends_the_study_and_its_trial_is_tried_again(project: Path) -> None:
    study = opened(project, trials=1)
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(WorkError, match=r"No space left on device; .* MB are free in .*; free som"):
        run_here([study], Said(raising(full, 0)))
    assert states(study.study) == ["FAIL", "WAITING"]
    assert "No space left on device" in study.study.trials[0].user_attrs[FAILURE]
    assert statuses(project, study.study) == ["KILLED"]
    run_all(study)
    assert finished(study.study) == ["COMPLETE"]
    assert study.study.trials[1].user_attrs[CRASHES] == 0


def test_what_a_trial_throws_is_its_failure_and_not_the_studys(project: Path) -> None:
    study = opened(project, trials=3)
    display = Said(raising(RuntimeError("CUDA error: an illegal access\nsecond line"), 1))
    run_all(study, display)
    assert states(study.study) == ["COMPLETE", "FAIL", "COMPLETE"]
    reason = "RuntimeError: CUDA error: an illegal access"
    assert study.study.trials[1].user_attrs[FAILURE] == reason
    assert statuses(project, study.study) == ["FINISHED", "FAILED", "FINISHED"]
    assert not study.directory(1).exists()


def test_a_trial_that_processes_die_in_counts_as_failed(project: Path) -> None:
    study = opened(project, trials=2)
    for _ in range(MAX_CRASHES):
        trial = study.study.ask()
        trial.set_user_attr(OWNER, replace(OWN, started=1.0).to_dict())
        trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
        close_abandoned(study.study)
    run_all(study)
    assert finished(study.study) == ["FAIL", "COMPLETE"]


def test_the_baseline_is_scored_on_held_out_images_though_a_better_trial_ended_before_it(
    project: Path,
) -> None:
    study = opened(project, trials=3)
    study.study.add_trial(
        create_trial(value=0.99, user_attrs={RESULT: {"bundle": None}})  # of another worker
    )
    run_all(study)
    baseline, _, other = study.study.trials
    assert baseline.params == {"learning_rate": 1e-3}
    assert baseline.user_attrs[RESULT]["heldout"] is not None
    assert other.user_attrs[RESULT]["heldout"] is None


def test_the_baseline_is_never_pruned(project: Path) -> None:
    # Of this pruner's first four trials none passes an epoch.
    options = {"reduction_factor": 2, "bootstrap_count": 4}
    pruner = {"name": "successive_halving", "options": options}
    study, _ = run(project, trials=2, pruner=pruner, **{"training.epochs": 2})
    assert states(study) == ["COMPLETE", "PRUNED"]
    assert find_best(study).baseline is not None


TWO_POINTS = {
    "space.loss": ["cross_entropy", "focal"],
    "space.learning_rate": [1e-3],
    "sampler": "tpe",
    "baseline": {"loss": "focal"},
}


def test_an_older_study_with_repeated_params_resumes(project: Path) -> None:
    study = opened(project, trials=4, **TWO_POINTS)
    for number in range(2):  # as segexp did: what the sampler says, whatever was tried
        trial = study.study.ask(
            {
                "loss": CategoricalDistribution(("cross_entropy", "focal")),
                "learning_rate": CategoricalDistribution((1e-3,)),
            }
        )
        study.study.tell(trial, 0.1 * number)
    run_all(study)
    tried = [t.params["loss"] for t in study.study.trials]
    assert set(tried) == {"cross_entropy", "focal"}
    assert is_exhausted(study.plan, study.study.trials)


@pytest.mark.slow
def test_pairs_that_were_left_out_are_never_started(project: Path) -> None:
    """Linknet needs features at half the size, which mit_b0 has not; the study goes on without."""
    study = opened(
        project,
        trials=9,
        **{
            "space.arch": ["Unet", "Linknet"],
            "space.encoder": ["mobilenet_v2", "mit_b0"],
            "space.learning_rate": [1e-3],
        },
    )
    run_all(study)
    pairs = {(t.params["arch"], t.params["encoder"]) for t in study.study.trials}
    assert pairs == {("Unet", "mobilenet_v2"), ("Unet", "mit_b0"), ("Linknet", "mobilenet_v2")}
    assert finished(study.study) == ["COMPLETE"] * 3


@pytest.mark.slow
def test_a_storage_that_is_away_for_too_long_is_no_failure_of_the_trial(
    project: Path,
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
) -> None:
    study = opened(project, trials=2, storage=postgres_url, storage_patience=0.3)
    with ExitStack() as outage:

        def on_epoch(trial: int, epoch: int) -> None:
            outage.enter_context(postgres_server.away(postgres_url))

        display = Said(on_epoch=on_epoch)
        with pytest.raises(AwayError, match=r"no answer for 0\.3 s"):
            run_next_trial(study, display)
        assert display.ended == []
    assert states(study.study) == ["RUNNING"]  # its process is to end now
    assert close_abandoned(study.study, lambda owner, beat: True)[0] == [0]
    run_all(study)
    assert finished(study.study) == ["COMPLETE", "COMPLETE"]
    assert study.study.trials[1].user_attrs[RETRY_OF] == 0


def test_a_disk_that_is_cut_off_is_no_failure_of_the_trial(project: Path) -> None:
    study = opened(project, trials=1)
    stale = OSError(errno.ESTALE, "Stale file handle")
    with pytest.raises(AwayError, match="Stale file handle"):
        run_next_trial(study, Said(on_epoch=raising(stale, 0)))
    assert states(study.study) == ["RUNNING"]
