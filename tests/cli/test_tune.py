"""`segexp tune`: what it runs, records and refuses."""

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.planted_scores import faster_is_better, plant_scores
from harness.trees import camvid_like
from segexp.core.errors import OTHERS_RUN
from segexp.core.lease import this_process
from segexp.study.attributes import BEAT, OWNER, PRECISION
from segexp.training import compute
from tests.cli.running import (
    Outcome,
    client_of,
    runs_of,
    segexp,
    study_names,
    study_of,
    write_study,
)

ELSEWHERE = replace(this_process(), host="elsewhere", boot="elsewhere")

# At a learning rate of 100 the weights grow a thousandfold with every step.
DIVERGING = """\
config: {optimizer: sgd, weight_decay: 10, gradient_clip: 0, schedule: constant, warmup_epochs: 0,
  batch_size: 1, epochs: 3}
"""


FIXED = """\
name: tiny
sampler: {name: random, seed: 0}
pruner: none
space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
config: {mapping: camvid11, epochs: 1}
"""

# In this process, which takes a second less; some tests below use a worker, as a person does.
TINY = ("tune", "tiny", "--workers", "0")


def assert_nothing_was_begun(project: Path) -> None:
    assert study_names(project) == []
    names = [e.name for e in client_of(project).search_experiments()]
    assert sorted(names) == ["Default", "template"]


def test_the_first_trial_is_the_baseline(tuned: tuple[Path, Outcome]) -> None:
    project, outcome = tuned
    assert outcome.code == 0, outcome.err
    trials = study_of(project, "tiny").trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 2
    assert trials[0].params == {"mapping": "cityscapes19", "learning_rate": 1e-3}
    assert trials[1].params["learning_rate"] != 1e-3


def test_the_end_says_where_to_look_next_and_that_the_data_is_synthetic(
    tuned: tuple[Path, Outcome],
) -> None:
    _, outcome = tuned
    for words in (
        "study tiny has its 2 trials (2 complete)",
        "best: trial ",
        "tuning mIoU",
        "held-out mIoU",
    ):
        assert words in outcome.out
    for words in (
        "data: synthetic: 6 train, 3 val, 3 held-out",
        "segexp best tiny --predict IMAGE.png",
        "segexp ui tiny\n",
    ):
        assert words in outcome.err


def test_every_trial_is_a_child_run_with_the_tags_of_the_contract(
    tuned: tuple[Path, Outcome],
) -> None:
    project, _ = tuned
    (parent,), children = runs_of(project, "tiny")
    study = study_of(project, "tiny")
    assert parent.info.run_id == study.user_attrs["segexp.run_id"]
    assert parent.info.status == "FINISHED"
    assert len(children) == 2
    for trial, run in zip(study.trials, children, strict=True):
        tags = run.data.tags
        assert run.info.run_id == trial.user_attrs["segexp.run_id"]
        assert run.info.status == "FINISHED"
        assert tags["mlflow.parentRunId"] == parent.info.run_id
        assert tags["segexp.trial"] == str(trial.number)
        assert tags["segexp.study"] == "tiny"
        assert tags["segexp.state"] == trial.state.name
        assert tags["segexp.mapping"] == trial.params["mapping"]
        assert tags["segexp.seed"] == "0"
        assert tags["segexp.common_space"]
        assert {"segexp.mapping_hash", "segexp.dataset", "segexp.dataset_hash"} <= set(tags)
        assert run.data.params["mapping"] == trial.params["mapping"]
        assert "None" not in run.data.params.values()
        started = f"{trial.number:04d} {trial.params['mapping']} {run.data.params['arch']}"
        assert run.info.run_name == f"{started} {trial.value:.3f}"
        assert float(run.data.params["learning_rate"]) == trial.params["learning_rate"]
        assert run.data.metrics["best/miou_common"] == pytest.approx(trial.value)


def test_metrics_of_an_epoch_have_the_epoch_as_their_step(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    _, (first, _) = runs_of(project, "tiny")
    history = client_of(project).get_metric_history(first.info.run_id, "val/miou_common")
    reported = study_of(project, "tiny").trials[0].intermediate_values
    assert {m.step: m.value for m in history} == pytest.approx(reported)
    assert sorted(reported) == [1, 2]


@pytest.mark.slow
def test_a_finished_study_has_nothing_to_do_and_more_trials_continue_it(project: Path) -> None:
    write_study(project)
    assert segexp(project, "tune", "tiny", "--trials", "1").code == 0
    again = segexp(project, "tune", "tiny", "--trials", "1")
    assert again.code == 0
    assert "nothing to do: study tiny has its 1 trial" in again.out
    assert len(study_of(project, "tiny").trials) == 1

    more = segexp(project, "tune", "tiny", "--trials", "2")
    assert more.code == 0
    assert "1 trial in" in more.out
    states = [t.state for t in study_of(project, "tiny").trials]
    assert states == [TrialState.COMPLETE] * 2
    parents, children = runs_of(project, "tiny")
    assert (len(parents), len(children)) == (1, 2)


def test_a_study_ends_when_time_is_up_and_resumes_the_next_time(project: Path) -> None:
    write_study(project)
    outcome = segexp(project, *TINY, "--timeout", "0.001")
    assert outcome.code == 0, outcome.err
    assert (
        "study tiny has no complete trial yet; time is up, and the same command resumes it"
        in outcome.out
    )
    assert [t.state for t in study_of(project, "tiny").trials] == [TrialState.WAITING]
    outcome = segexp(project, *TINY, "--trials", "1", "--timeout", "2h")
    assert outcome.code == 0, outcome.err
    assert "study tiny has its 1 trial (1 complete)" in outcome.out
    outcome = segexp(project, *TINY, "--timeout", "0.001")
    assert outcome.code == 0, outcome.err
    assert (
        "nothing to do: study tiny has 1 of its 2 trials (1 complete); "
        "time is up, and the same command resumes it" in outcome.out
    )
    assert "best: trial 0" in outcome.out


def test_a_study_that_others_still_run_when_time_is_up_ends_with_a_code_of_its_own(
    project: Path,
) -> None:
    write_study(project)
    segexp(project, *TINY, "--timeout", "0.001")
    trial = study_of(project, "tiny").ask()
    trial.set_user_attr(OWNER, ELSEWHERE.to_dict())
    trial.set_user_attr(BEAT, time.time())
    outcome = segexp(project, *TINY, "--timeout", "0.001")
    assert outcome.code == OTHERS_RUN == 3
    assert "still running elsewhere: 1 trial on elsewhere" in outcome.err


def test_a_study_that_stops_improving_can_be_told_to_end(project: Path) -> None:
    write_study(project)
    words = ["--set", "epochs=1", "--trials", "50"]
    outcome = segexp(project, *TINY, *words, "--stop-early", "1")
    assert outcome.code == 0, outcome.err
    trials = study_of(project, "tiny").trials
    assert trials[-1].value <= max(t.value for t in trials[:-1])
    assert (
        f"study tiny has {len(trials)} of its 50 trials ({len(trials)} complete); "
        "1 trial brought no better one, and the same command without --stop-early resumes it"
        in outcome.out
    )


def test_mapping_and_set_fix_a_key_and_take_it_out_of_the_space(project: Path) -> None:
    write_study(project)
    words = ["--mapping", "merged10", "--set", "epochs=1"]
    assert segexp(project, *TINY, *words, "--trials", "1").code == 0
    (trial,) = study_of(project, "tiny-merged10").trials
    assert trial.params == {"learning_rate": 1e-3}
    _, (run,) = runs_of(project, "tiny-merged10")
    assert run.data.tags["segexp.mapping"] == run.data.params["mapping"] == "merged10"
    assert run.data.tags["segexp.common_space"] == "merged10"

    words = ["--set", "training.learning_rate=3e-3", "--study-name", "fixed-rate"]
    assert segexp(project, *TINY, *words, "--trials", "1").code == 0
    (trial,) = study_of(project, "fixed-rate").trials
    assert trial.params == {"mapping": "cityscapes19"}
    _, (run,) = runs_of(project, "fixed-rate")
    assert float(run.data.params["learning_rate"]) == 3e-3


def test_the_name_of_a_study_says_its_data_and_mapping(project: Path) -> None:
    write_study(project)
    segexp(project, "data", "synth", "my_scenes")
    words = ["--data", "my_scenes", "--mapping", "merged10", "--set", "epochs=1"]
    outcome = segexp(project, *TINY, *words, "--trials", "1")
    assert outcome.code == 0, outcome.err
    assert study_names(project) == ["tiny-my_scenes-merged10"]
    assert "data: cityscapes-npy in" in outcome.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tinny"], ["no study 'tinny'", "did you mean 'tiny'?"]),
        (["tiny", "--mapping", "merged1"], ["no mapping 'merged1'", "did you mean 'merged10'?"]),
        (["tiny", "--mapping", "camvid11"], ["camvid11", "labelled in cityscapes19", "merged10"]),
        (["tiny", "--set", "model.encoder=resnet81"], ["'resnet81'", "resnet18"]),
        (["tiny", "--set", "training.epoch=2"], ["training.epoch", "did you mean"]),
        (["tiny", "--set", "sampler=tpee"], ["tpee", "did you mean 'tpe'?"]),
        (["tiny", "--set", "sampler.options={n_startup: 3}"], ["sampler: ", "n_startup"]),
        (["tiny", "--set", "pruner={name: median, options: {warm: 3}}"], ["pruner: ", "warm"]),
        (["tiny", "--set", "sampler=grid"], ["space.learning_rate", "choices or a step"]),
        (["tiny", "--set", "training.epochs"], ["--set training.epochs", "key=value"]),
        (["tiny", "--set", "training.epochs=[1"], ["--set training.epochs"]),
        (["tiny", "--study-name", "a/b"], ["study name 'a/b': use 1 to 100"]),
        (["tiny", "--data", "nowhere"], ["nowhere", "no such folder"]),
        (
            ["tiny", "--storage", "postgre://x"],
            ["storage: 'postgre://x'", "expected an Optuna URL"],
        ),
        (["tiny", "--storage", "sqlite:///studies/tiny.yaml"], ["storage: ", "tiny.yaml"]),
        (["tiny", "--set", "tracking.uri=nonsense://x"], ["tracking.uri: nonsense://x"]),
        (["tiny", "--trials", "0"], ["--trials"]),
        (["tiny", "--stop-early", "0"], ["--stop-early"]),
        *[
            (["tiny", "--timeout", text], [f"--timeout {text!r}", "over 0", "30m", "1h30m"])
            for text in ("0", "0s", "", "30x", "1m1h", "h", "-5", "1.m", "1e3", "30 m", "\u0663m")
        ],
        (["tiny", "--project", "studies"], ["--project studies", "no config.yaml"]),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    project: Path, words: list[str], expected: list[str]
) -> None:
    write_study(project)
    outcome = segexp(project, "tune", *words)
    assert outcome.code == 2, outcome.err
    for word in expected:
        assert word in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert_nothing_was_begun(project)


def test_every_fault_is_listed_together(project: Path) -> None:
    write_study(project)
    words = ["--set", "encoder=resnet81", "--set", "sampler.options={a: 1}"]
    outcome = segexp(project, *TINY, *words, "--set", "pruner.options={b: 2}")
    assert outcome.code == 2
    assert outcome.err.count("error:") == 3
    assert_nothing_was_begun(project)

    outcome = segexp(project, *TINY, "--set", "epochs=0", "--set", "trials=no")
    assert outcome.code == 2
    assert "trials" in outcome.err
    assert "training.epochs" in outcome.err


def test_bad_yaml_is_named_with_its_place(project: Path) -> None:
    write_study(project, "name: tiny\nspace:\n  mapping: [a\n")
    outcome = segexp(project, *TINY)
    assert outcome.code == 2
    assert "tiny.yaml:4:" in outcome.err or "tiny.yaml:3:" in outcome.err
    (project / "config.yaml").write_text("data: {root: 1, root: 2}\n")
    outcome = segexp(project, "tune", "camvid")
    assert outcome.code == 2
    assert "config.yaml:1:" in outcome.err
    assert "'root' appears twice" in outcome.err


def test_without_a_project_the_way_to_one_is_named(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "tune")
    assert outcome.code == 2
    assert "segexp init" in outcome.err


def test_a_changed_definition_is_refused_with_the_difference(project: Path) -> None:
    write_study(project)
    assert segexp(project, *TINY, "--trials", "1").code == 0
    before = study_of(project, "tiny")

    def refused(*words: str) -> str:
        outcome = segexp(project, *TINY, *words)
        assert outcome.code == 2, outcome.err
        return outcome.err

    assert "training.epochs = 2, now it is 1" in refused("--set", "epochs=1")
    err = refused("--set", "data.image_size=[32,32]")
    assert "data.image_size = [32, 64], now it is [32, 32]" in err
    err = refused("--set", "space.learning_rate={low: 1e-4, high: 1e-1, log: true}")
    assert "space.learning_rate = 0.0001 to 0.01 (log), now it is 0.0001 to 0.1 (log)" in err
    assert err.count("error:") == 2  # the difference, and the ways on
    assert "--study-name" in err
    mapping = project / "mappings" / "merged10.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("large_vehicle", "big_vehicle"), encoding="utf-8")
    err = refused()
    assert "begun: label truck was in large_vehicle, now in big_vehicle; label bus" in err
    assert err.count("error:") == 2
    mapping.write_text(text, encoding="utf-8")

    after = study_of(project, "tiny")
    assert after.user_attrs == before.user_attrs
    assert len(after.trials) == 1
    assert segexp(project, *TINY, "--trials", "1").code == 0


def test_a_study_that_segexp_did_not_make_is_left_alone(project: Path) -> None:
    write_study(project)
    foreign = optuna.create_study(
        study_name="tiny", storage=f"sqlite:///{project}/studies/optuna.db", direction="minimize"
    )
    outcome = segexp(project, *TINY)
    assert outcome.code == 2
    assert "segexp did not make it" in outcome.err
    assert foreign.trials == []


def test_a_trial_that_diverges_fails_with_its_reason_and_the_study_continues(
    project: Path,
) -> None:
    write_study(
        project,
        "name: tiny\ntrials: 3\nsampler: {name: grid}\npruner: none\n"
        "space: {learning_rate: [100.0, 1e-3]}\nbaseline: {learning_rate: 100.0}\n" + DIVERGING,
    )
    outcome = segexp(project, *TINY)
    assert outcome.code == 0, outcome.err
    failed, *rest = study_of(project, "tiny").trials
    assert failed.state == TrialState.FAIL
    reason = failed.user_attrs["segexp.failure"]
    # The loss, a logit or a weight: what overflows first hangs on the processor.
    assert re.match(r"DivergedError: .* in epoch \d at a learning rate of 100$", reason)
    assert TrialState.COMPLETE in [t.state for t in rest]
    _, (run, *_) = runs_of(project, "tiny")
    assert run.info.status == "FAILED"
    assert run.data.tags["segexp.state"] == "FAIL"
    assert run.data.tags["segexp.failure"] == reason
    assert "Traceback" not in outcome.err


@pytest.mark.slow
def test_three_failures_at_the_start_end_a_study_with_their_reasons(project: Path) -> None:
    write_study(
        project,
        "name: tiny\ntrials: 9\nsampler: random\npruner: none\n"
        "space: {learning_rate: {low: 90.0, high: 100.0}}\nbaseline: {learning_rate: 95.0}\n"
        + DIVERGING,
    )
    outcome = segexp(project, "tune", "tiny", "--workers", "1")
    assert outcome.code == 1
    assert "the first 3 trials all failed: DivergedError" in outcome.err
    assert "Traceback" not in outcome.err
    assert [t.state for t in study_of(project, "tiny").trials] == [TrialState.FAIL] * 3
    (parent,), children = runs_of(project, "tiny")
    assert parent.info.status == "FAILED"
    assert len(children) == 3

    outcome = segexp(project, "tune", "tiny", "--debug")
    assert outcome.code == 1
    assert "Traceback" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_study_ends_when_all_points_are_tried(project: Path, sampler: str) -> None:
    write_study(
        project,
        f"name: tiny\ntrials: 9\nsampler: {sampler}\npruner: none\n"
        "space: {loss: [cross_entropy, focal]}\nconfig: {epochs: 1}\n",
    )
    outcome = segexp(project, *TINY)
    assert outcome.code == 0, outcome.err
    assert "study tiny has tried all 2 points of its space (2 complete)" in outcome.out
    losses = [t.params["loss"] for t in study_of(project, "tiny").trials]
    assert sorted(losses) == ["cross_entropy", "focal"]
    again = segexp(project, *TINY)
    assert again.code == 0, again.err
    assert "nothing to do: study tiny has tried all 2 points of its space" in again.out


def test_a_pruned_trial_is_a_finished_run_with_the_state_pruned(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_scores(faster_is_better, monkeypatch.setattr)
    write_study(
        project,
        "name: tiny\ntrials: 3\nsampler: random\n"
        "pruner: {name: percentile, options: {percentile: 0.0, n_startup_trials: 1,"
        " n_warmup_steps: 0}}\n"
        "space: {learning_rate: [1e-3, 1e-9]}\nbaseline: {learning_rate: 1e-3}\n",
    )
    outcome = segexp(project, *TINY)
    assert outcome.code == 0, outcome.err
    pruned = [t for t in study_of(project, "tiny").trials if t.state == TrialState.PRUNED]
    _, runs = runs_of(project, "tiny")
    assert pruned
    for trial in pruned:
        assert runs[trial.number].info.status == "KILLED"
        assert runs[trial.number].data.tags["segexp.state"] == "PRUNED"
        assert not list((project / ".segexp" / "studies").glob(f"tiny-*/trial-{trial.number:04d}"))


@pytest.mark.slow
def test_a_study_of_the_same_name_in_another_storage_leaves_the_bundle_alone(
    project: Path,
) -> None:
    write_study(project)
    assert segexp(project, *TINY, "--trials", "1").code == 0
    bundle = Path(json.loads(segexp(project, "best", "tiny", "--json").out)["bundle"])
    before = (bundle / "bundle.json").read_bytes()
    words = ["--storage", "sqlite:///studies/other.db", "--set", "arch=FPN"]
    outcome = segexp(project, *TINY, "--trials", "1", *words)
    assert outcome.code == 0, outcome.err
    assert "segexp best tiny --storage sqlite:///studies/other.db" in outcome.err
    assert (bundle / "bundle.json").read_bytes() == before


def test_a_journal_file_stores_a_study_as_sqlite_does(project: Path) -> None:
    write_study(project)
    words = [*TINY, "--storage", "journal:studies/log", "--trials", "1"]
    assert segexp(project, *words).code == 0
    assert (project / "studies" / "log").stat().st_size > 0
    assert not (project / "studies" / "optuna.db").exists()
    again = segexp(project, *words)
    assert "nothing to do" in again.out
    best = segexp(project, "best", "--storage", "journal:studies/log", "--json")
    assert best.code == 0
    assert '"study": "tiny"' in best.out


def test_the_same_data_in_a_folder_of_another_name_is_the_same_study(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(project, FIXED)
    root = camvid_like(tmp_path / "streets", train=3, val=2, test=1)
    begun = segexp(project, *TINY, "--trials", "1", "--data", str(root))
    assert begun.code == 0, begun.err
    assert study_names(project) == ["tiny-streets"]
    shutil.copytree(root, tmp_path / "Copy of streets")
    there = ("--data", str(tmp_path / "Copy of streets"))
    resumed = segexp(project, *TINY, "--trials", "2", *there)
    assert resumed.code == 0, resumed.err
    assert study_names(project) == ["tiny-streets"]
    assert "study tiny-streets has its 2 trials" in resumed.out
    line = f"study tiny-streets: was begun on the data in {tmp_path / 'Copy of streets'}"
    assert line in " ".join(resumed.err.split())
    monkeypatch.setenv("SEGEXP_DATA", there[1])
    here = segexp(project, *TINY, "--trials", "2")
    assert "study tiny-streets has its 2 trials" in here.out
    another = segexp(project, *TINY, "--trials", "1", "--study-name", "another")
    assert another.code == 0, another.err
    assert study_names(project) == ["tiny-streets", "another"]


def test_a_study_of_another_precision_is_joined_by_mixed_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(project)
    words = (*TINY, "--set", "precision=auto", "--set", "epochs=1", "--trials")
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: True)
    assert segexp(project, *words, "1").code == 0
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: False)
    refused = segexp(project, *words, "2")
    assert refused.code == 2
    said = " ".join(refused.err.split())
    assert "was begun with training.precision = bf16" in said and "--mixed joins it" in said
    joined = segexp(project, *words, "2", "--mixed")
    assert joined.code == 0, joined.err
    trials = study_of(project, "tiny").trials
    assert [trial.user_attrs[PRECISION] for trial in trials] == ["bf16", "fp32"]
