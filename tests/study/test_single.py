import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from segexp import tracking
from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError, Interrupted
from segexp.core.lease import this_process
from segexp.evaluation.evaluate import Evaluation
from segexp.study.single import run_training
from segexp.training.bundle import load_bundle
from segexp.training.fit import DivergedError, EpochResult, Step


class Shown:
    """A display that remembers the lines that it was given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def caching(self, done: int, total: int) -> None:
        pass

    def trial_started(self, number: int, place: int, total: int, params: Any) -> None:
        pass

    def trial_ended(self, number: int, state: str, text: str) -> None:
        pass

    def doing(self, what: str) -> None:
        pass

    def step(self, step: Step, total_epochs: int) -> None:
        pass

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        pass


class Stopping(Shown):
    """A person who presses Ctrl-C, or a system that ends the process, in the first step."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def step(self, step: Step, total_epochs: int) -> None:
        raise self.error


def configured(project: Path, **values: Any) -> Config:
    return load_config(project / "config.yaml", values)


def runs_of(project: Path, experiment: str = "train") -> list[Run]:
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def test_a_training_is_recorded_as_a_trial_is(project: Path):
    display = Shown()
    config = configured(project, mapping="merged10")
    run_id, result, _ = run_training(project, config, display)
    (run,) = runs_of(project)
    assert run.info.run_id == run_id
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert tags["segexp.kind"] == "trial"
    assert tags["segexp.state"] == "COMPLETE"
    assert tags["segexp.mapping"] == tags["segexp.common_space"] == "merged10"
    assert tags["segexp.dataset"] == "synthetic"
    assert tags["segexp.seed"] == "0"
    assert all(tags[f"segexp.{name}"] for name in ("mapping_hash", "dataset_hash"))
    assert run.data.params["mapping"] == "merged10"
    assert run.data.params["encoder"] == "mobilenet_v2"
    assert run.data.metrics["best/miou"] == result.val.of("miou") == result.value
    assert run.data.metrics["heldout/miou"] == result.heldout.of("miou")
    assert display.lines[0].startswith("data: synthetic: 6 train, 3 val, 3 held-out")


def test_the_bundle_of_the_best_epoch_is_kept_and_no_checkpoint(project: Path):
    _, result, _ = run_training(project, configured(project, epochs=3), Shown())
    bundle = Path(result.bundle)
    assert bundle.is_relative_to(project / ".segexp" / "train")
    assert {path.name for path in bundle.parent.iterdir()} == {
        "bundle",
        "confusions.npz",
        "overlays",
    }
    assert load_bundle(bundle).scores["val/miou"] == result.value


def test_two_trainings_are_two_runs_with_the_same_scores(project: Path):
    config = configured(project, epochs=1)
    results = [run_training(project, config, Shown())[1] for _ in range(2)]
    plain = [replace(result, seconds=0, bundle=None) for result in results]
    assert plain[0] == plain[1]
    assert len({run.info.run_name for run in runs_of(project)}) == 2


def test_the_experiment_can_be_named(project: Path):
    overrides = {"tracking.experiment": "my-streets", "epochs": 1}
    run_training(project, load_config(project / "config.yaml", overrides), Shown())
    assert len(runs_of(project, "my-streets")) == 1
    assert runs_of(project, "train") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted(15)], ids=repr)
def test_an_interrupted_training_is_killed_in_mlflow(project: Path, error: BaseException):
    with pytest.raises(type(error)):
        run_training(project, configured(project), Stopping(error))
    (run,) = runs_of(project)
    assert run.info.status == "KILLED"
    assert run.data.tags["segexp.state"] == "FAIL"
    assert "interrupted" in run.data.tags["segexp.failure"]
    assert list((project / ".segexp" / "train").glob("*/*")) == []


def test_a_failed_training_says_why_in_mlflow(project: Path):
    config = configured(
        project,
        optimizer="sgd",
        learning_rate=100,
        weight_decay=10,
        gradient_clip=0,
        schedule="constant",
        epochs=30,
    )
    with pytest.raises(DivergedError):
        run_training(project, config, Shown())
    (run,) = runs_of(project)
    assert run.info.status == "FAILED"
    assert run.data.tags["segexp.state"] == "FAIL"
    reason = run.data.tags["segexp.failure"]
    assert reason.startswith("DivergedError: ")
    assert re.search(r"in epoch \d at a learning rate of 100", reason)


def test_a_training_that_was_killed_is_closed_by_the_next_one(project: Path):
    experiment = tracking.open_experiment(project, None, "train")
    runs = {}
    for name, owner in {
        "dead": replace(this_process(), started=1.0),  # its pid was given again
        "alive": this_process(),
        "elsewhere": replace(this_process(), host="another", started=1.0),
    }.items():
        runs[name] = tracking.start_run(experiment, name, {"segexp.kind": "trial"}, {})
        content = {"owner": owner.to_dict(), "uri": None, "experiment": "train"}
        directory = project / ".segexp" / "train" / name
        (directory / "checkpoints").mkdir(parents=True)
        (directory / "owner.json").write_text(json.dumps({**content, "run": runs[name].id}))
    broken = project / ".segexp" / "train" / "broken"
    broken.mkdir()
    (broken / "owner.json").write_text("{")

    run_training(project, configured(project, epochs=1), Shown())
    status = {r.info.run_name: r.info.status for r in runs_of(project)}
    assert [status[name] for name in runs] == ["KILLED", "RUNNING", "RUNNING"]
    left = {path.name for path in (project / ".segexp" / "train").iterdir()}
    assert "dead" not in left
    assert {"alive", "elsewhere", "broken"} < left


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mapping": "merged01"}, "did you mean 'merged10'"),
        ({"mapping": "camvid11"}, "labelled in cityscapes19"),
        ({"arch": "Unett"}, "did you mean 'Unet'"),
        ({"arch": "PAN"}, "PAN needs at least 128"),
        ({"encoder_weights": "/nowhere"}, "/nowhere"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_recorded(
    project: Path, values: dict[str, Any], said: str
):
    with pytest.raises(InputError, match=said):
        run_training(project, configured(project, **values), Shown())
    assert runs_of(project) == []
    assert not (project / ".segexp" / "train").exists()
