"""Trainings on several devices, here processes on a CPU: whole ones, and how they end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from pathlib import Path

import optuna
import psutil
import pytest
import torch

from segexp import tracking
from segexp.core.config_keys import load_config, with_values
from segexp.core.errors import WorkError
from segexp.data.open import find_source, open_data
from segexp.evaluation.confusions import CONFUSIONS_FILE, load_confusions
from segexp.evaluation.evaluate import Evaluation, evaluate_split
from segexp.evaluation.result import TrialResult
from segexp.evaluation.rulers import make_ruler
from segexp.labels.files import find_mappings
from segexp.labels.mapping import common_space
from segexp.study.attributes import CRASHES, FAILURE, RETRY_OF
from segexp.study.engines.workers import prepare
from segexp.study.trial import run_trial
from segexp.study.trial_setup import TrialSetup
from segexp.training.bundle import load_bundle
from segexp.training.compute import choose_compute
from segexp.training.fit import DivergedError, EpochResult, Step
from tests.tiny_study import ALL_MEANS, Said, run, states, statuses

DROPPING = {"encoder": "efficientnet-b0"}
"""Drops paths at random, and has parameters that nothing uses."""


class KilledError(BaseException):
    """Ends a trial as a kill would at that moment: nobody else hears of it."""


@dataclass
class Watcher:
    """A display that remembers what it was shown."""

    epochs: list[tuple[int, float]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def step(self, step: Step, total_epochs: int) -> None:
        pass

    def doing(self, what: str) -> None:
        pass

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        self.epochs.append((result.epoch, result.train_loss))


def set_up(project: Path, **values: object) -> TrialSetup:
    """A trial on two devices: 5 images to train on, 20 to validate in batches of 16 and 4."""
    size: dict[str, object] = {
        "data.synthetic.train": 5,
        "data.synthetic.val": 20,
        "data.synthetic.test": 2,
        "batch_size": 2,
        "devices": 2,
    }
    config = with_values(load_config(project / "config.yaml", {}), size | values)
    fine, merged = find_mappings(project, ["cityscapes19", "merged10"])
    dataset = open_data(
        project, config, find_source(project, config, [fine]), lambda done, total: None
    )
    return TrialSetup(
        config,
        dataset,
        fine,
        common_space([fine, merged]),
        "val/miou_common",
        {"study": "street", "trial": 3},
        project=project,
    )


def run_in(
    directory: Path,
    setup: TrialSetup,
    display: Watcher | None = None,
    *,
    report: Callable[[int, float], None] = lambda epoch, value: None,
    prune: Callable[[int, float, Callable[[], None]], None] = lambda epoch, value, write: None,
) -> TrialResult:
    experiment = tracking.open_experiment(setup.project, None, "street")
    return run_trial(
        setup,
        tracking.start_run(experiment, "street-0003", {"segexp.kind": "trial"}, {}),
        directory,
        report=report,
        prune=prune,
        is_worth_keeping=lambda result: True,
        display=display or Watcher(),
    )


def other_processes() -> list[psutil.Process]:
    """The other ranks that this process has started."""
    prepare()
    server = psutil.Process(forkserver._forkserver._forkserver_pid)
    return [p for p in server.children() if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def nobody_is_left() -> Iterator[None]:
    yield
    assert other_processes() == []


@pytest.mark.slow
def test_a_trial_on_two_devices_resumes_to_the_bit_and_scores_as_one_device_scores_its_model(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_is_left: None
):
    """Killed after the epoch in which the encoder rests; each rank drops other paths."""
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")
    setup = set_up(project, epochs=2, **DROPPING, **ALL_MEANS)

    def killed(epoch: int, value: float) -> None:
        raise KilledError

    of_whole, of_cut = Watcher(), Watcher()
    whole = run_in(tmp_path / "whole", setup, of_whole)
    with pytest.raises(KilledError):
        run_in(tmp_path / "cut", setup, of_cut, report=killed)
    torch.manual_seed(99)  # another process
    resumed = run_in(tmp_path / "cut", setup, of_cut)
    assert of_cut.lines == ["resuming after epoch 1, from its checkpoint"]
    assert of_cut.epochs == of_whole.epochs[1:]
    assert (resumed.value, resumed.best_epoch, resumed.val) == (
        whole.value,
        whole.best_epoch,
        whole.val,
    )
    models = [load_bundle(Path(str(r.bundle))).model for r in (resumed, whole)]
    state = models[0].state_dict()
    assert all(torch.equal(state[name], v) for name, v in models[1].state_dict().items())

    bundle, compute = load_bundle(Path(str(whole.bundle))), choose_compute("fp32")
    ruler = make_ruler(setup.mapping, setup.mapping)
    alone = evaluate_split(
        compute.place(bundle.model),
        setup.dataset.val,
        {"own": ruler},
        preprocessing=bundle.preprocessing,
        compute=compute,
    )
    kept = load_confusions(tmp_path / "whole" / CONFUSIONS_FILE)["val"]
    assert kept.image_ids == alone.image_ids == setup.dataset.val.ids
    assert (kept.by["own"] == alone.confusions["own"]).all()
    assert kept.by["own"].sum() > 20 * 1000  # valid pixels


@pytest.mark.slow
def test_whatever_ends_a_training_ends_all_its_processes_and_says_why(
    project: Path, tmp_path: Path, nobody_is_left: None
):
    seen: list[int] = []

    def prune(epoch: int, value: float, write: Callable[[], None]) -> None:
        seen.append(len(other_processes()))
        raise optuna.TrialPruned(f"epoch {epoch}")

    setup = set_up(project, epochs=3)
    with pytest.raises(optuna.TrialPruned, match="epoch 1"):
        run_in(tmp_path / "pruned", setup, prune=prune)
    assert (seen, other_processes()) == ([1], [])

    # L2 decay of 10 at a rate of 100: each step multiplies the weights by about -1,000.
    grows: dict[str, object] = {"learning_rate": 100.0, "weight_decay": 10.0, "gradient_clip": 0.0}
    grows |= {"optimizer": "sgd", "schedule": "constant", "epochs": 30}
    with pytest.raises(DivergedError, match=r"in epoch \d+ at a learning rate of"):
        run_in(tmp_path / "diverged", set_up(project, **grows))
    assert other_processes() == []

    changed = replace(setup, dataset=replace(setup.dataset, hash="another"))
    why = "^rank 1: WorkError: the data has changed since rank 0 opened it$"
    with pytest.raises(WorkError, match=why):
        run_in(tmp_path / "failed", changed)


@pytest.mark.slow
def test_a_trial_whose_other_process_is_killed_fails_with_the_reason_and_is_resumed(
    project: Path, monkeypatch: pytest.MonkeyPatch, nobody_is_left: None
):
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")

    def kill_the_other(trial: int, epoch: int) -> None:
        if (trial, epoch) == (0, 1):
            (other,) = other_processes()
            other.kill()

    display = Said(on_epoch=kill_the_other)
    study, _ = run(project, display, trials=1, epochs=3, devices=2, batch_size=2)
    assert display.epochs == [(0, 1), (1, 2), (1, 3)]
    assert display.ended == [(0, "INTERRUPTED"), (1, "COMPLETE")]
    reason = (
        "the process of rank 1 was ended by SIGKILL (the system does that when memory runs out)"
    )
    assert display.texts[0] == f"{reason}; it is tried again"
    failed, retry = study.trials
    assert states(study) == ["FAIL", "COMPLETE"]
    assert failed.user_attrs[FAILURE] == reason
    assert (retry.user_attrs[RETRY_OF], retry.user_attrs[CRASHES]) == (0, 1)
    assert statuses(project, study) == ["KILLED", "FINISHED"]
