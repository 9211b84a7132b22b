import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from PIL import Image

from harness.trees import npy_like
from segexp import tracking
from segexp.core.config_keys import load_config, with_values
from segexp.core.errors import Interrupted, WorkError
from segexp.data.open import find_source, open_data
from segexp.evaluation.confusions import CONFUSIONS_FILE, load_confusions, load_predictions
from segexp.evaluation.evaluate import Evaluation, evaluate_split
from segexp.evaluation.metrics import score
from segexp.evaluation.result import TrialResult
from segexp.evaluation.rulers import make_ruler
from segexp.evaluation.saved import evaluate_bundle
from segexp.evaluation.statistics.clusters import make_clusters
from segexp.evaluation.statistics.intervals import miou_interval
from segexp.labels.files import find_mappings
from segexp.labels.mapping import common_space
from segexp.study.trial import objective_value, run_trial
from segexp.study.trial_setup import TrialSetup, run_tags
from segexp.tracking import Run
from segexp.training.bundle import load_bundle
from segexp.training.compute import choose_compute
from segexp.training.cost import Cost
from segexp.training.fit import DivergedError, EpochResult, Step
from segexp.training.model_card import CARD_FILE
from tests.tiny_study import ALL_MEANS

COLUMNS = ["class", "iou", "precision", "recall", "f1", "pixels", "images", "predicted"]


@dataclass
class Watcher:
    """A display that remembers what it was shown."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def doing(self, what: str) -> None:
        self.done.append(what)

    def step(self, step: Step, total_epochs: int) -> None:
        self.steps.append((step.epoch, step.step))

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        self.values.append(value)


def set_up(project: Path, **values: object) -> TrialSetup:
    """A trial of cityscapes19 that is compared with merged10."""
    config = with_values(load_config(project / "config.yaml", {}), values)
    fine, merged = find_mappings(project, ["cityscapes19", "merged10"])
    source = find_source(project, config, [fine, merged])
    dataset = open_data(project, config, source, lambda done, total: None)
    origin: dict[str, str | int | None] = {"study": "street", "trial": 3}
    return TrialSetup(
        config,
        dataset,
        fine,
        common_space([fine, merged]),
        "val/miou_common",
        origin,
        project=project,
    )


def start(project: Path, setup: TrialSetup) -> Run:
    experiment = tracking.open_experiment(project, None, "street")
    return tracking.start_run(
        experiment, "street-0003", {"segexp.kind": "trial"}, tracking.config_params(setup.config)
    )


@dataclass(frozen=True)
class Finished:
    """A trial that ran to its end, and what it left."""

    project: Path
    setup: TrialSetup
    run: Run
    display: Watcher
    reports: list[tuple[int, float]]
    asked: list[TrialResult]
    result: TrialResult

    @property
    def record(self) -> MlflowRun:
        return self.run.client.get_run(self.run.id)

    def artifact(self, name: str) -> Path:
        return Path(self.run.client.download_artifacts(self.run.id, name))

    def artifacts(self, folder: str | None = None) -> set[str]:
        return {file.path for file in self.run.client.list_artifacts(self.run.id, folder)}


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Finished:
    project = lay_out_project(tmp_path_factory.mktemp("trial") / "project")
    # Without a decay the last of four epochs is a worse one (the third is the best here).
    setup = set_up(project, epochs=4, learning_rate=0.01, schedule="constant")
    run, display = start(project, setup), Watcher()
    reports: list[tuple[int, float]] = []
    asked: list[TrialResult] = []

    def keep(result: TrialResult) -> bool:
        asked.append(result)
        return True

    result = run_trial(
        setup,
        run,
        project / ".segexp" / "trial-0003",
        report=lambda epoch, value: reports.append((epoch, value)),
        prune=lambda epoch, value, write: None,
        is_worth_keeping=keep,
        display=display,
    )
    tracking.close_run(run, "FINISHED", "COMPLETE")
    return Finished(project, setup, run, display, reports, asked, result)


def test_the_value_is_the_best_reported_objective(finished: Finished):
    assert [epoch for epoch, _ in finished.reports] == [1, 2, 3, 4]
    values = [value for _, value in finished.reports]
    assert len(set(values)) == 4
    assert finished.result.value == max(values)
    assert [result.value for result in finished.asked] == [max(values)]
    assert finished.result.best_epoch == 1 + values.index(max(values))
    assert finished.result.value == finished.result.val.of("miou", "common")
    assert finished.result.seconds > 0


def test_the_display_sees_every_step_and_epoch(finished: Finished):
    assert finished.display.steps == [(epoch, step) for epoch in (1, 2, 3, 4) for step in (1, 2)]
    assert finished.display.done == ["scoring", "writing"]
    assert finished.display.values == [value for _, value in finished.reports]


def test_each_epochs_metrics_are_in_mlflow_with_the_epoch_as_step(finished: Finished):
    client = finished.run.client
    for name in (
        "train/loss",
        "train/lr",
        "val/loss",
        "val/miou",
        "val/miou_common",
        "val/miou_common_argmax",
        "val/pixel_accuracy",
        "time/epoch_s",
        "time/images_per_s",
    ):
        history = client.get_metric_history(finished.run.id, name)
        assert [metric.step for metric in history] == [1, 2, 3, 4], name
        assert all(math.isfinite(metric.value) for metric in history), name
    history = client.get_metric_history(finished.run.id, "val/miou_common")
    assert [metric.value for metric in history] == [value for _, value in finished.reports]


def test_the_best_epochs_scores_are_in_mlflow(finished: Finished):
    metrics, val = finished.record.data.metrics, finished.result.val
    assert metrics["best/miou"] == val.of("miou")
    assert metrics["best/miou_common"] == val.of("miou", "common")
    assert metrics["best/epoch"] == finished.result.best_epoch
    for name, iou in zip(*(val.tables["own"][key] for key in ("class", "iou")), strict=True):
        assert metrics.get(f"iou/{name}") == iou, name
    assert sum(name.startswith("iou/") for name in metrics) == val.of("classes_in_mean")
    assert metrics["heldout/miou"] == finished.result.heldout.of("miou")


def test_the_models_cost_is_in_mlflow_and_in_the_result(finished: Finished):
    data, cost = finished.record.data, finished.result.cost
    assert cost is not None
    for name in ("parameters", "macs", "latency_ms"):
        assert data.metrics[f"cost/{name}"] == cost[name] > 0
    assert data.tags["segexp.measured_on"] == cost["measured_on"]


def test_a_trial_that_is_not_admitted_is_not_trained(finished: Finished, tmp_path: Path):
    def refuse(cost: Cost) -> None:
        raise optuna.TrialPruned(f"{cost.parameters} parameters")

    display = Watcher()
    with pytest.raises(optuna.TrialPruned, match="parameters"):
        run_trial(
            finished.setup,
            start(finished.project, finished.setup),
            tmp_path,
            report=lambda epoch, value: None,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=display,
            admit=refuse,
        )
    assert not display.steps


def test_the_tables_in_mlflow_are_the_results(finished: Finished, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(finished.project)
    client = MlflowClient()  # as a person has it who knows nothing but MLflow
    experiment = client.get_experiment_by_name("street")
    tables = finished.result.val.tables
    for name, table, classes in (
        ("iou_table.json", tables["own"], finished.setup.mapping.names),
        ("iou_table_common.json", tables["common"], finished.setup.common.names),
    ):
        frame = client.load_table(experiment.experiment_id, name, [finished.run.id])
        assert list(frame) == COLUMNS
        assert frame["class"].tolist() == table["class"] == list(classes)
        assert frame["pixels"].tolist() == table["pixels"]
        for column in ("iou", "precision", "recall", "f1"):
            expected = np.array(table[column], float)  # None becomes NaN
            np.testing.assert_allclose(frame[column].to_numpy(float), expected, rtol=5e-4)


def test_the_artifacts_are_those_of_the_contract(finished: Finished):
    assert finished.artifacts() == {
        "iou_table.json",
        "iou_table_common.json",
        "iou_table_heldout.json",
        "confusion_matrix.html",
        "confusions.npz",
        "overlays",
        "mapping.yaml",
        "config.yaml",
        "bundle",
    }
    assert finished.artifacts("bundle") == {
        "bundle/README.md",
        "bundle/bundle.json",
        "bundle/model.safetensors",
    }
    val = finished.setup.dataset.val
    assert finished.artifacts("overlays") == {f"overlays/{name}.png" for name in val.ids}
    height, width = finished.setup.config.data.image_size
    for name in finished.artifacts("overlays"):
        picture = Image.open(finished.artifact(name))
        picture.load()
        assert picture.width > 4 * width
        assert picture.height > height


def test_config_and_mapping_in_mlflow_are_what_the_trial_ran_with(finished: Finished):
    config = yaml.safe_load(finished.artifact("config.yaml").read_text("utf-8"))
    assert config == finished.setup.config.to_dict()
    mapping = yaml.safe_load(finished.artifact("mapping.yaml").read_text("utf-8"))
    shipped = (finished.project / "mappings" / "cityscapes19.yaml").read_text("utf-8")
    assert mapping["classes"] == yaml.safe_load(shipped)["classes"]


def test_the_confusion_page_is_of_the_val_split(finished: Finished):
    page = finished.artifact("confusion_matrix.html").read_text("utf-8")
    assert "cityscapes19, val" in page
    assert "traffic light" in page


@pytest.mark.parametrize("split", ["val", "heldout"])
@pytest.mark.parametrize("place", ["directory", "MLflow"])
def test_the_reloaded_bundle_reproduces_the_recorded_scores(
    finished: Finished, split: str, place: str
):
    bundle = Path(finished.result.bundle) if place == "directory" else finished.artifact("bundle")
    recorded = getattr(finished.result, split)
    config = finished.setup.config
    own = evaluate_bundle(
        finished.project,
        config,
        bundle,
        split=split,
        space=None,
        rule="sum",
        full_size=False,
        caching=lambda done, total: None,
    )
    assert own.scores == pytest.approx(recorded.scores["own"], abs=1e-9)
    assert own.table == recorded.tables["own"]


def test_the_common_scores_are_those_of_the_reloaded_model_in_the_common_space(finished: Finished):
    bundle = load_bundle(Path(finished.result.bundle))
    setup = finished.setup
    assert bundle.reading is not None
    assert bundle.reading.temperature != 1
    rulers = {
        rule: make_ruler(bundle.mapping, setup.common, rule, bundle.reading)
        for rule in ("sum", "argmax")
    }
    compute = choose_compute(setup.config.training.precision)
    evaluation = evaluate_split(
        compute.place(bundle.model),
        setup.dataset.heldout,
        rulers,
        preprocessing=bundle.preprocessing,
        compute=compute,
    )
    heldout = finished.result.heldout
    summed, by_argmax = (score(evaluation.confusion(rule)) for rule in ("sum", "argmax"))
    assert heldout.of("miou", "common") == pytest.approx(summed.miou, abs=1e-9)
    assert heldout.of("miou", "common_argmax") == pytest.approx(by_argmax.miou, abs=1e-9)
    assert heldout.of("classes_in_mean", "common") == summed.classes_in_mean
    low, high = finished.result.heldout_interval
    assert low <= summed.miou <= high and low < high


def test_the_bundle_says_where_it_comes_from(finished: Finished):
    bundle = load_bundle(Path(finished.result.bundle))
    dataset = finished.setup.dataset
    assert bundle.mapping == finished.setup.mapping
    assert bundle.preprocessing.image_size == (32, 64)
    assert bundle.preprocessing.mean == pytest.approx(dataset.mean)
    assert bundle.origin == {
        "study": "street",
        "trial": 3,
        "run_id": finished.run.id,
        "dataset": "synthetic",
        "dataset_hash": dataset.hash,
        "train_images": len(dataset.train),
        "val_images": len(dataset.val),
        "heldout_images": len(dataset.heldout),
        "heldout_by": None,  # there is a test split
        "heldout_size": "32x64",
        "common_space": finished.setup.common.name,
    }
    assert bundle.scores["val/miou"] == finished.result.val.of("miou")
    assert bundle.scores["heldout/miou_common"] == finished.result.heldout.of("miou", "common")
    matrices = load_confusions(Path(finished.result.bundle).parent / CONFUSIONS_FILE)
    for split in ("val", "heldout"):
        found = matrices[split]
        clusters = make_clusters("auto", found.image_ids, "synthetic")
        ends = tuple(bundle.scores[f"{split}/miou_{end}"] for end in ("low", "high"))
        assert ends == miou_interval(found.by["own"], clusters)
    card = (Path(finished.result.bundle) / CARD_FILE).read_text(encoding="utf-8")
    assert f"({ends[0]:.3f} to {ends[1]:.3f}) |" in card


def test_the_result_is_plain_json(finished: Finished):
    json.dumps(finished.result.to_dict(), allow_nan=False)


def test_the_same_configuration_gives_the_same_trial(finished: Finished, tmp_path: Path):
    result = run_trial(
        finished.setup,
        start(finished.project, finished.setup),
        tmp_path,
        report=lambda epoch, value: None,
        prune=lambda epoch, value, write: None,
        is_worth_keeping=lambda result: True,
        display=Watcher(),
    )
    assert replace(result, seconds=0, bundle=None) == replace(
        finished.result, seconds=0, bundle=None
    )


def test_a_trial_on_every_device_is_scored_as_its_bundle_is_on_the_cpu(
    project: Path, tmp_path: Path, device: torch.device, monkeypatch: pytest.MonkeyPatch
):
    setup = set_up(project, epochs=3, learning_rate=0.01, augmentation=0.0)
    result = run_trial(
        setup,
        start(project, setup),
        tmp_path,
        report=lambda epoch, value: None,
        prune=lambda epoch, value, write: None,
        is_worth_keeping=lambda result: True,
        display=Watcher(),
    )
    assert choose_compute("auto").device.type == device.type
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for split in ("val", "heldout"):
        recorded = getattr(result, split)
        again = evaluate_bundle(
            project,
            setup.config,
            Path(str(result.bundle)),
            split=split,
            space=None,
            rule="sum",
            full_size=False,
            caching=lambda done, total: None,
        )
        # Another order of sums decides a pixel in a thousand otherwise, of 3 x 32 x 64.
        tolerance = 1e-9 if device.type == "cpu" else 0.001
        for metric, allowed in (("pixel_accuracy", tolerance), ("miou", 10 * tolerance)):
            assert again.scores[metric] == pytest.approx(recorded.of(metric), abs=allowed)


class KilledError(BaseException):
    """Ends a trial as a kill would at that moment: nobody else hears of it."""


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_trial_with_all_means_of_training_resumes_to_the_bit(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
):
    """Killed after the epoch in which the encoder rests, before the one in which it learns."""
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")
    size = {"synthetic.train": 5, "synthetic.val": 2, "synthetic.test": 2}
    values = {f"data.{key}": value for key, value in size.items()}
    values |= {"data.image_size": [32, 64], "batch_size": 2, "epochs": 2, "optimizer": optimizer}
    setup = set_up(project, **values, **ALL_MEANS)

    display = Watcher()

    def run_in(name: str, report: Callable[[int, float], None]) -> TrialResult:
        return run_trial(
            setup,
            start(project, setup),
            tmp_path / name,
            report=report,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=display,
        )

    def killed(epoch: int, value: float) -> None:
        raise KilledError

    whole = run_in("whole", lambda epoch, value: None)
    with pytest.raises(KilledError):
        run_in("cut", killed)
    torch.manual_seed(99)  # another process
    resumed = run_in("cut", lambda epoch, value: None)
    assert display.lines == ["resuming after epoch 1, from its checkpoint"]
    assert display.steps == [(1, 1), (1, 2), (2, 1), (2, 2), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert (resumed.value, resumed.best_epoch, resumed.val) == (
        whole.value,
        whole.best_epoch,
        whole.val,
    )
    states = [load_bundle(Path(str(r.bundle))).model.state_dict() for r in (resumed, whole)]
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


@pytest.mark.slow
def test_a_killed_trial_resumes_and_ends_like_one_that_was_not(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")

    def killed_in_2(epoch: int, value: float) -> None:
        if epoch == 2:  # the checkpoint has it, the report does not
            raise KilledError

    with pytest.raises(KilledError):
        run_trial(
            finished.setup,
            start(finished.project, finished.setup),
            tmp_path,
            report=killed_in_2,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=Watcher(),
        )
    run, display = start(finished.project, finished.setup), Watcher()
    reports: list[tuple[int, float]] = []
    asked_to_prune: list[tuple[int, float]] = []
    result = run_trial(
        finished.setup,
        run,
        tmp_path,
        report=lambda epoch, value: reports.append((epoch, value)),
        prune=lambda epoch, value, write: asked_to_prune.append((epoch, value)),
        is_worth_keeping=lambda result: True,
        display=display,
    )
    assert display.steps == [(3, 1), (3, 2), (4, 1), (4, 2)]
    assert reports == finished.reports
    assert asked_to_prune == finished.reports[1:]
    assert replace(result, seconds=0, bundle=None) == replace(
        finished.result, seconds=0, bundle=None
    )
    bundles = [load_bundle(Path(str(r.bundle))).model for r in (result, finished.result)]
    states = [bundle.state_dict() for bundle in bundles]
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())
    for name in ("train/loss", "train/lr", "val/loss", "val/miou", "best/miou", "best/epoch"):
        histories = [
            [(m.step, m.value) for m in run.client.get_metric_history(run_id, name)]
            for run_id in (run.id, finished.run.id)
        ]
        assert histories[0] == histories[1], name


@dataclass
class Interrupting(Watcher):
    """A display that is told to stop in a step, as SIGTERM tells a worker."""

    at: tuple[int, int] = (0, 0)

    def step(self, step: Step, total_epochs: int) -> None:
        super().step(step, total_epochs)
        if self.steps[-1] == self.at:
            raise Interrupted(15)


@pytest.mark.slow
def test_a_trial_that_a_signal_ends_loses_the_epoch_that_it_is_in_and_no_other(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "1000")  # no state while it trains
    displays = [Interrupting(at=(4, 1)), Watcher()]

    def go_on(display: Watcher) -> TrialResult:
        return run_trial(
            finished.setup,
            start(finished.project, finished.setup),
            tmp_path,
            report=lambda epoch, value: None,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=display,
        )

    with pytest.raises(Interrupted):
        go_on(displays[0])
    result = go_on(displays[1])
    assert displays[1].steps == [(4, 1), (4, 2)]
    assert replace(result, seconds=0, bundle=None) == replace(
        finished.result, seconds=0, bundle=None
    )


def test_a_checkpoint_of_another_configuration_is_not_gone_on_from(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")

    def steps_of(setup: TrialSetup, stop_in: int) -> list[tuple[int, int]]:
        display = Watcher()

        def stop(epoch: int, value: float, write: Callable[[], None]) -> None:
            if epoch == stop_in:
                raise KilledError

        with pytest.raises(KilledError):
            run_trial(
                setup,
                start(project, setup),
                tmp_path,
                report=lambda epoch, value: None,
                prune=stop,
                is_worth_keeping=lambda result: False,
                display=display,
            )
        return display.steps

    setup = set_up(project, epochs=4)
    assert steps_of(setup, 1) == [(1, 1), (1, 2)]
    moved = replace(setup, config=with_values(setup.config, {"data.root": str(tmp_path)}))
    assert steps_of(moved, 2) == [(2, 1), (2, 2)]
    other_rate = set_up(project, epochs=4, learning_rate=0.02)
    assert steps_of(other_rate, 1) == [(1, 1), (1, 2)]
    other_space = replace(other_rate, common=other_rate.mapping)
    assert steps_of(other_space, 1) == [(1, 1), (1, 2)]
    other_objective = replace(other_space, objective="val/miou")
    assert steps_of(other_objective, 1) == [(1, 1), (1, 2)]
    assert steps_of(other_objective, 2) == [(2, 1), (2, 2)]


def test_a_trial_that_is_pruned_stops_after_that_epoch(project: Path, tmp_path: Path):
    setup = set_up(project, epochs=4)
    run, display = start(project, setup), Watcher()

    def prune_at_2(epoch: int, value: float, write: Callable[[], None]) -> None:
        if epoch == 2:
            raise optuna.TrialPruned

    with pytest.raises(optuna.TrialPruned):
        run_trial(
            setup,
            run,
            tmp_path / "trial",
            report=lambda epoch, value: None,
            prune=prune_at_2,
            is_worth_keeping=lambda result: True,
            display=display,
        )
    assert len(display.values) == 2
    history = run.client.get_metric_history(run.id, "val/miou_common")
    assert [metric.step for metric in history] == [1, 2]
    # What it was can be read, and that it was never scored in full, too.
    names = {file.path for file in run.client.list_artifacts(run.id)}
    assert names == {"config.yaml", "mapping.yaml"}
    assert not (tmp_path / "trial" / "bundle").exists()


def test_a_trial_not_worth_keeping_leaves_no_bundle_and_never_sees_the_heldout_images(
    project: Path, tmp_path: Path
):
    setup = set_up(project, epochs=1)
    run = start(project, setup)
    result = run_trial(
        setup,
        run,
        tmp_path / "trial",
        report=lambda epoch, value: None,
        prune=lambda epoch, value, write: None,
        is_worth_keeping=lambda result: False,
        display=Watcher(),
    )
    assert result.heldout is None
    assert result.bundle is None
    assert not (tmp_path / "trial" / "bundle").exists()
    names = {file.path for file in run.client.list_artifacts(run.id)}
    assert {"iou_table.json", "confusion_matrix.html", "overlays"} <= names
    assert not names & {"bundle", "iou_table_heldout.json"}


def test_a_trial_that_diverges_says_so(project: Path, tmp_path: Path):
    # L2 decay of 10 at a rate of 100: each step multiplies the weights by about -1,000.
    setup = set_up(
        project,
        optimizer="sgd",
        learning_rate=100,
        weight_decay=10,
        gradient_clip=0,
        schedule="constant",
        epochs=30,
    )
    with pytest.raises(WorkError, match=r"in epoch \d at a learning rate of") as caught:
        run_trial(
            setup,
            start(project, setup),
            tmp_path,
            report=lambda epoch, value: None,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=Watcher(),
        )
    assert isinstance(caught.value, DivergedError)


@pytest.mark.parametrize(
    "values",
    [
        {"arch": "DeepLabV3Plus", "batch_size": 5},  # a last batch of one image, which it refuses
        {"loss": "focal", "loss_weighting": "enet_log", "augmentation": 1.0},
        {"loss": "ce_dice", "loss_weighting": "median_frequency", "normalization": "imagenet"},
        {"loss": "lovasz", "optimizer": "sgd", "schedule": "onecycle", "precision": "bf16"},
    ],
    ids=lambda values: values.get("arch") or values["loss"],
)
def test_other_configurations_run_to_their_end(project: Path, tmp_path: Path, values: dict):
    setup = set_up(project, epochs=1, **values)
    result = run_trial(
        setup,
        start(project, setup),
        tmp_path,
        report=lambda epoch, value: None,
        prune=lambda epoch, value, write: None,
        is_worth_keeping=lambda result: False,
        display=Watcher(),
    )
    assert 0 < result.val.of("pixel_accuracy") < 1


def confusion(right: int, wrong: int) -> np.ndarray:
    return np.array([[[right, wrong, 0], [0, 0, 0]]])


def test_the_objective_is_the_miou_of_the_space_that_it_names():
    # Own space: one class found in 1 of 4 pixels; common space: in 3 of 4. The other is absent in
    # the truth and predicted: its IoU is 0, and it is not in the mean.
    evaluation = Evaluation(("x",), 0.0, {"own": confusion(1, 3), "common": confusion(3, 1)})
    assert objective_value(evaluation, "val/miou") == 0.25
    assert objective_value(evaluation, "val/miou_common") == 0.75


@pytest.mark.parametrize("objective", ["val/miou", "val/miou_common"])
def test_an_objective_without_a_class_is_refused(objective: str):
    nothing = confusion(0, 0)
    evaluation = Evaluation(("x",), 0.0, {"own": nothing, "common": nothing})
    with pytest.raises(WorkError, match=f"{objective} is nan on the val images: it is undefined"):
        objective_value(evaluation, objective)


def test_final_scores_are_at_the_masks_own_size_where_that_is_asked_for(
    tmp_path: Path, lay_out_project: Callable[[Path], Path]
):
    project = lay_out_project(tmp_path / "project")
    root = npy_like(project / "streets", train=4, val=2, test=2)  # of 6 x 8 pixels
    data = {"data.format": "auto", "data.root": str(root), "data.resize": "stretch"}
    setup = set_up(project, **data, epochs=1, **{"data.scored_at": "own"})
    setup = replace(setup, keeps_predictions=True)
    run = start(project, setup)
    result = run_trial(
        setup,
        run,
        project / ".segexp" / "trial-0000",
        report=lambda epoch, value: None,
        prune=lambda epoch, value, write: None,
        is_worth_keeping=lambda value: True,
        display=Watcher(),
    )
    assert result.sizes == {"val": "32x64", "heldout": "the masks' own size"}
    assert result.size_note == (
        "tuning scores are at 32x64, held-out scores at the masks' own size"
    )
    assert result.heldout is not None
    # One pixel of each mask is void: 5 rows by 8 columns at 32 x 64.
    assert sum(result.val.tables["own"]["pixels"]) == 2 * (32 * 64 - 40)
    assert sum(result.heldout.tables["own"]["pixels"]) == 2 * (6 * 8 - 1)
    kept = load_predictions(project / ".segexp" / "trial-0000" / "predictions.npz")
    assert [mask.shape for mask in kept.by["own"]] == [(6, 8)] * 2
    assert run_tags(setup)["segexp.heldout_size"] == "the masks' own size"
    assert load_bundle(Path(str(result.bundle))).origin["heldout_size"] == "the masks' own size"
