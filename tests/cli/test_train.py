"""`segexp train`."""

import re
from pathlib import Path

from tests.cli.running import client_of, segexp


def test_one_configuration_is_recorded_as_a_trial_is(project: Path) -> None:
    outcome = segexp(project, "train", "--mapping", "merged10", "--set", "epochs=1")
    assert outcome.code == 0, outcome.err
    client = client_of(project)
    experiment = client.get_experiment_by_name("train")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert (tags["segexp.kind"], tags["segexp.state"]) == ("trial", "COMPLETE")
    assert tags["segexp.mapping"] == tags["segexp.common_space"] == "merged10"
    assert f"MLflow run: {run.info.run_id}" in outcome.out
    assert "per class, held-out images" in outcome.out
    assert "best/miou" in run.data.metrics
    artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
    assert {"bundle", "config.yaml", "mapping.yaml", "iou_table.json", "overlays"} <= artifacts
    (directory,) = (project / ".segexp" / "train").iterdir()
    assert {path.name for path in directory.iterdir()} == {"bundle", "confusions.npz", "overlays"}


def test_wrong_configuration_is_refused_before_a_run_starts(project: Path) -> None:
    outcome = segexp(project, "train", "--set", "arch=Unnet", "--set", "encoder=resnet81")
    assert outcome.code == 2
    assert "did you mean 'Unet'?" in outcome.err
    assert client_of(project).get_experiment_by_name("train") is None


def test_a_training_that_diverges_fails_with_its_reason(project: Path) -> None:
    words = ["optimizer=sgd", "weight_decay=10", "gradient_clip=0", "schedule=constant"]
    words += ["warmup_epochs=0", "batch_size=1", "epochs=3", "learning_rate=100"]
    outcome = segexp(project, "train", *[w for word in words for w in ("--set", word)])
    assert outcome.code == 1
    # The loss, a logit or a weight: what overflows first hangs on the processor.
    assert re.search(r" in epoch \d at a learning rate of 100$", outcome.err, re.MULTILINE)
    assert "Traceback" not in outcome.err
    client = client_of(project)
    experiment = client.get_experiment_by_name("train")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.tags["segexp.state"]) == ("FAILED", "FAIL")
    assert run.data.tags["segexp.failure"].startswith("DivergedError")
