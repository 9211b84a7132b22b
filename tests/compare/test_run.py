"""An A/B study that really runs: tiny trainings, real Optuna, real MLflow."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState
from sklearn.metrics import jaccard_score

from harness.trees import picture, save
from segexp.compare.design import Design, Question
from segexp.compare.pilot import outlooks, read_pilot
from segexp.core.errors import InputError, Interrupted, WorkError
from segexp.core.lease import lease_seconds
from segexp.data.open import find_source, open_data
from segexp.evaluation.confusions import CONFUSIONS_FILE, load_confusions, load_predictions
from segexp.labels.files import find_mappings
from segexp.labels.mapping import common_space
from segexp.study.attributes import BEAT, OWNER, RUN_ID
from segexp.study.best import find_best
from segexp.study.storage.open import load_study, open_storage
from segexp.study.trial_files import directory_of
from tests.compare.tiny_ab import Said, plan_of, run, study_of
from tests.report.parsed import read_page


@dataclass(frozen=True)
class Compared:
    """An A/B study that ran to its end, and what it left."""

    project: Path
    display: Said
    result: dict[str, Any]
    directory: Path

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=f"sqlite:///{self.project}/mlflow.db")

    def children(self, run_id: str) -> list[Any]:
        experiment = self.client.get_experiment_by_name("ab")
        assert experiment is not None
        found = self.client.search_runs(
            [experiment.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'"
        )
        return sorted(found, key=lambda r: r.info.start_time)

    @property
    def record(self) -> Any:
        return self.client.get_run(study_of(self.project, "ab").user_attrs[RUN_ID])


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Compared:
    project, display = lay_out_project(tmp_path_factory.mktemp("ab") / "project"), Said()
    result, directory = run(project, display)
    return Compared(project, display, result, directory)


def test_the_arms_take_turns(shared: Compared) -> None:
    fine, merged = "cityscapes19", "merged10"
    searches = [(mapping, number) for number in range(7) for mapping in (fine, merged)]
    finals = [(mapping, number) for number in range(2) for mapping in (fine, merged)]
    assert shared.display.started == searches + finals


def test_each_arm_has_its_own_study_with_the_same_baseline_and_other_draws(
    shared: Compared,
) -> None:
    first, second = (study_of(shared.project, f"ab-{m}") for m in ("cityscapes19", "merged10"))
    assert first.trials[0].params == second.trials[0].params == {"learning_rate": 1e-3}
    drawn = {t.params["learning_rate"] for t in (*first.trials[1:], *second.trials[1:])}
    assert len(drawn) == 12
    assert [t.state for t in (*first.trials, *second.trials)] == [TrialState.COMPLETE] * 14


def test_what_each_search_found_best_is_trained_once_in_every_arm(shared: Compared) -> None:
    mappings = [arm["mapping"] for arm in shared.result["arms"]]
    searches = [study_of(shared.project, f"ab-{mapping}") for mapping in mappings]
    bests = [max(study.trials, key=lambda t: t.value or 0).params for study in searches]
    first, second = shared.result["candidates"]
    assert [first["params"], second["params"]] == bests
    assert (first["named_by"], second["named_by"]) == ([mappings[0]], [mappings[1]])
    finals = [study_of(shared.project, f"ab-{mapping}-candidates") for mapping in mappings]
    assert [t.params for t in finals[0].trials] == [t.params for t in finals[1].trials]
    seeds = [t.params["seed"] for t in finals[0].trials]
    assert len({*seeds, 0}) == 3  # tuning has used 0
    assert shared.result["seeds"] == seeds
    for arm, final in zip(shared.result["arms"], finals, strict=True):
        assert arm["run_ids"] == [t.user_attrs[RUN_ID] for t in final.trials]


def test_the_answer_is_the_mean_of_the_candidates_differences(shared: Compared) -> None:
    a, b = shared.result["arms"]
    (pair,) = shared.result["pairs"]
    differences = np.subtract(b["common"]["runs"], a["common"]["runs"])
    assert pair["differences"] == pytest.approx(differences)
    assert pair["delta"] == pytest.approx(differences.mean())
    assert pair["by_origin"] == pytest.approx(
        {"cityscapes19": differences[0], "merged10": differences[1]}
    )
    assert pair["signs_differ"] == (differences[0] * differences[1] < 0)
    for place, arm in enumerate((a, b)):
        assert arm["winner"]["trial"] == arm["search"]["best_trial"]
        assert arm["winner"]["tuning"] == arm["search"]["best_value"]
        assert arm["winner"]["heldout"] == pytest.approx(arm["common"]["runs"][place])
    assert "On two configurations that tuning found good in either arm" in pair["sentence"]


def test_mlflow_has_the_arms_below_the_ab_run_and_the_trials_below_the_arms(
    shared: Compared,
) -> None:
    record = shared.record
    assert record.data.tags["segexp.kind"] == "ab"
    assert record.info.status == "FINISHED"
    arms = shared.children(record.info.run_id)
    assert [a.data.tags["segexp.kind"] for a in arms] == ["arm", "arm"]
    assert [a.data.tags["segexp.mapping"] for a in arms] == ["cityscapes19", "merged10"]
    assert [a.info.status for a in arms] == ["FINISHED", "FINISHED"]
    for arm in arms:
        trials = shared.children(arm.info.run_id)
        mapping = arm.data.tags["segexp.mapping"]
        assert [t.data.tags["segexp.kind"] for t in trials] == ["trial"] * 9
        assert {t.data.tags["segexp.mapping"] for t in trials} == {mapping}
        assert {t.info.status for t in trials} == {"FINISHED"}
        assert [t.data.tags["segexp.seed"] for t in trials] == [
            *["0"] * 7,
            *map(str, shared.result["seeds"]),
        ]
        assert arm.data.metrics["best/miou_common"] == pytest.approx(
            study_of(shared.project, f"ab-{mapping}").best_value
        )


def test_result_page_and_tables_are_artifacts_of_the_ab_run(shared: Compared) -> None:
    run_id = shared.record.info.run_id
    names = {file.path for file in shared.client.list_artifacts(run_id)}
    assert {
        "ab_result.json",
        "ab.html",
        "gallery.html",
        "gallery-2.html",
        "trials.html",
        "ab_arms.json",
        "ab_pairs.json",
        "ab_classes.json",
    } < names
    for name in ("ab_result.json", "ab.html"):
        recorded = Path(shared.client.download_artifacts(run_id, name)).read_bytes()
        assert recorded == (shared.directory / name).read_bytes()
    assert json.loads((shared.directory / "ab_result.json").read_text()) == shared.result
    arms = json.loads(Path(shared.client.download_artifacts(run_id, "ab_arms.json")).read_text())
    assert [row[0] for row in arms["data"]] == ["cityscapes19", "merged10"]
    (pair,) = shared.result["pairs"]
    assert '<img class="picture"' in (shared.directory / "ab.html").read_text(encoding="utf-8")
    assert shared.record.data.metrics["delta/merged10-cityscapes19"] == pytest.approx(pair["delta"])
    assert shared.record.data.tags["segexp.verdict.merged10-cityscapes19"] == pair["verdict"]
    assert pair["sentence"] in (shared.directory / "ab.html").read_text(encoding="utf-8")


def test_the_scores_are_those_of_the_saved_predictions_by_scikit_learn(shared: Compared) -> None:
    fine, merged = find_mappings(shared.project, ["cityscapes19", "merged10"])
    common = common_space([fine, merged])
    plan = plan_of(shared.project)
    source = find_source(shared.project, plan.config, [fine, merged])
    heldout = open_data(shared.project, plan.config, source, lambda done, total: None).heldout
    for arm, mapping in zip(shared.result["arms"], (fine, merged), strict=True):
        ious = []
        for run_id, stored in zip(arm["run_ids"], arm["common"]["runs"], strict=True):
            path = Path(shared.client.download_artifacts(run_id, "predictions.npz"))
            predictions = load_predictions(path)
            assert predictions.image_ids == heldout.ids
            decided = np.stack(predictions.by["common"])
            truth = common.lookup()[heldout.labels]
            known = truth != 255
            classes = np.arange(len(common.classes))
            true = [c for c in classes if (truth[known] == c).any()]
            of_class = jaccard_score(truth[known], decided[known], labels=true, average=None)
            assert stored == pytest.approx(of_class.mean(), abs=1e-9)
            assert arm["common"]["classes_in_mean"] == len(true)
            called = set(decided[known].ravel()) & set(classes)
            only_predicted = arm["common"]["classes_predicted_only"][len(ious)]
            assert only_predicted == len(called - set(true))
            ious.append(dict(zip((common.names[c] for c in true), of_class, strict=True)))
            own_truth = mapping.lookup()[heldout.labels]
            own_known = own_truth != 255
            own = jaccard_score(
                own_truth[own_known],
                np.stack(predictions.by["own"])[own_known],
                labels=np.unique(own_truth[own_known]),
                average=None,
            )
            place = arm["run_ids"].index(run_id)
            assert arm["native"]["runs"][place] == pytest.approx(own.mean(), abs=1e-9)
        for name, iou in arm["iou_common"].items():
            of_runs = [found[name] for found in ious if name in found]
            assert iou == (pytest.approx(np.mean(of_runs), abs=1e-9) if of_runs else None)
    a, b = (arm["common"]["mean"] for arm in shared.result["arms"])
    (pair,) = shared.result["pairs"]
    assert (pair["images"], pair["clusters"], pair["runs"], pair["margin"]) == (3, 3, 2, 0.01)
    assert pair["delta"] == pytest.approx(b - a, abs=1e-12)
    terms = pair["decomposition"]
    assert terms["ruler_a"] + terms["training"] + terms["ruler_b"] == pytest.approx(
        terms["native_gap"], abs=1e-12
    )


def test_the_final_scores_come_from_images_that_tuning_did_not_see(shared: Compared) -> None:
    run_id = shared.result["arms"][1]["run_ids"][0]
    splits = load_confusions(Path(shared.client.download_artifacts(run_id, "confusions.npz")))
    assert not set(splits["heldout"].image_ids) & set(splits["val"].image_ids)
    assert shared.result["images"] == len(splits["heldout"].image_ids) == 3


def test_run_again_it_trains_nothing_and_answers_another_margin(shared: Compared) -> None:
    display = Said()
    again, directory = run(shared.project, display)
    assert display.started == []
    assert directory == shared.directory
    assert again == shared.result
    other, _ = run(shared.project, Said(), Question(margin=0.9, cluster="none"))
    (pair,), (before,) = other["pairs"], shared.result["pairs"]
    assert pair["delta"] == before["delta"]
    assert pair["verdict"] == "equivalent"
    run_id = shared.record.info.run_id
    table = json.loads(Path(shared.client.download_artifacts(run_id, "ab_pairs.json")).read_text())
    assert len(table["data"]) == 1  # in place of the first answer's, not below it
    run(shared.project)


def test_once_it_has_answered_other_numbers_are_refused_and_train_nothing(
    shared: Compared,
) -> None:
    display = Said()
    with pytest.raises(InputError) as caught:
        run(shared.project, display, design=Design("shared", 3, 2), overrides={"trials": 10})
    assert list(caught.value.faults[:3]) == [
        "--trials: A/B study 'ab' has compared its arms with 7, now it is 10",
        "--candidates: A/B study 'ab' has compared its arms with 2, now it is 3",
        "--seeds: A/B study 'ab' has compared its arms with 1, now it is 2",
    ]
    assert "--study-name" in caught.value.faults[3]
    assert display.started == []


@pytest.fixture(scope="module")
def recipes(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Compared:
    """A mapping, and a configuration of it that fixes a searched key and another one."""
    project, display = lay_out_project(tmp_path_factory.mktemp("recipes") / "project"), Said()
    arms = ("merged10", "slow: {mapping: merged10, learning_rate: 1e-3, augmentation: 0.1}")
    overrides = {"space.batch_size": [3, 6]}
    result, directory = run(project, display, mappings=arms, overrides=overrides)
    return Compared(project, display, result, directory)


def test_configurations_are_compared_by_their_names(recipes: Compared) -> None:
    plain, slow = recipes.result["arms"]
    assert (plain["name"], slow["name"]) == ("merged10", "slow")
    assert (plain["mapping"], slow["mapping"]) == ("merged10", "merged10")
    assert plain["settings"] == {
        "training.learning_rate": "searched",
        "training.augmentation": 0.3,
    }
    assert slow["settings"] == {"training.learning_rate": 0.001, "training.augmentation": 0.1}
    (pair,) = recipes.result["pairs"]
    assert (pair["a"], pair["b"]) == ("merged10", "slow")
    assert "slow" in pair["sentence"]
    page = (recipes.directory / "ab.html").read_text(encoding="utf-8")
    assert "slow against merged10" in page
    assert "What the arms fix" in page
    assert "What a mapping costs" not in page  # they have the same


def test_both_arms_train_every_candidate_the_configuration_with_what_it_fixes(
    recipes: Compared,
) -> None:
    plain, slow = (study_of(recipes.project, f"ab-{n}-candidates") for n in ("merged10", "slow"))
    assert [{**t.params, "learning_rate": 0} for t in plain.trials] == [
        {**t.params, "learning_rate": 0} for t in slow.trials
    ]
    assert not any("learning_rate" in trial.params for trial in slow.trials)
    runs = [recipes.client.get_run(t.user_attrs[RUN_ID]) for t in slow.trials]
    assert {run.data.params["learning_rate"] for run in runs} == {"0.001"}
    assert {run.data.params["augmentation"] for run in runs} == {"0.1"}
    for place, candidate in enumerate(recipes.result["candidates"]):
        assert candidate["params"].keys() == {"learning_rate", "batch_size"}
        assert candidate["common"]["slow"] == pytest.approx(
            recipes.result["arms"][1]["common"]["runs"][place]
        )
    winner = recipes.result["arms"][1]["winner"]
    assert winner["params"]["learning_rate"] == 0.001


def test_run_again_with_another_value_it_is_another_study(recipes: Compared) -> None:
    arms = ("merged10", "slow: {mapping: merged10, learning_rate: 1e-3, augmentation: 0.2}")
    with pytest.raises(InputError) as caught:
        run(recipes.project, mappings=arms, overrides={"space.batch_size": [3, 6]})
    assert any("arms.slow = " in fault for fault in caught.value.faults)


@pytest.mark.slow
def test_a_look_that_settles_it_ends_the_study_and_stays_the_answer(project: Path) -> None:
    design, easy = Design("matched", configs=8, seeds=1, looks=2), Question(0.99, "auto")
    display = Said()
    result, _ = run(project, display, easy, design=design)
    assert len(display.started) == 8  # four configurations in two arms
    assert result["pairs"][0]["verdict"] == "equivalent"
    assert result["look"] == {"number": 1, "configs": 4, "fractions": [0.5]}
    again = Said()
    # Another margin that is settled, too, is asked of what was trained.
    other, _ = run(project, again, Question(0.98, "auto"), design=design)
    assert again.started == []
    assert other["look"] == result["look"]
    assert other["pairs"][0]["delta"] == result["pairs"][0]["delta"]
    assert other["caveats"][0].startswith(
        "The arms were first compared with a margin of 0.99, now it is 0.98:"
    )


@pytest.mark.slow
def test_an_unsettled_new_margin_continues_to_the_next_planned_look(
    project: Path,
) -> None:
    design, display = Design("matched", configs=8, seeds=1, looks=2), Said()
    first, _ = run(project, Said(), Question(0.99, "auto"), design=design)
    assert first["look"]["number"] == 1
    second, _ = run(project, display, Question(1e-6, "auto"), design=design)
    assert len(display.started) == 8
    assert second["look"] == {"number": 2, "configs": 8, "fractions": [0.5, 1.0]}
    again = Said()
    assert run(project, again, Question(1e-6, "auto"), design=design)[0] == second
    assert again.started == []


@pytest.mark.slow
def test_a_look_that_does_not_settle_it_leads_to_the_last(project: Path) -> None:
    design, display = Design("matched", configs=4, seeds=1, looks=2), Said()
    result, _ = run(project, display, Question(1e-6, "auto"), design=design)
    assert "look 1 of 2, at 2 of 4 configurations, does not settle it: continuing" in display.lines
    assert len(display.started) == 8
    assert result["look"] == {"number": 2, "configs": 4, "fractions": [0.5, 1.0]}
    assert result["arms"][0]["configs"] == 4


@pytest.mark.slow
def test_the_numbers_are_fixed_with_the_first_look_and_not_with_the_answer(project: Path) -> None:
    design, question = Design("matched", configs=4, seeds=1, looks=2), Question(1e-6, "auto")
    with pytest.raises(Interrupted):  # in the first training after the first look
        run(project, Said(interrupt_at=4), question, design=design)
    with pytest.raises(InputError, match="--looks: A/B study 'ab' has compared its arms with 2"):
        run(project, Said(), question, design=Design("matched", configs=4, seeds=1))
    assert run(project, Said(), question, design=design)[0]["look"]["number"] == 2


@pytest.mark.slow
def test_a_study_is_planned_from_its_own_first_candidates(project: Path) -> None:
    design, question = Design("matched", configs=6, seeds=1, looks=2), Question(1e-6, "auto")
    with pytest.raises(Interrupted):  # in the first training after the first look
        run(project, Said(interrupt_at=6), question, design=design)
    pilot = read_pilot(project, "ab")
    assert pilot["look"] == {"number": 1, "configs": 3, "fractions": [0.5]}
    (outlook,) = outlooks(pilot, ["cityscapes19", "merged10"], design, 1, 0.01)
    assert outlook.pilot == "ab"
    assert outlook.configs == 6
    answer, _ = run(project, Said(), question, design=design)
    assert read_pilot(project, "ab")["look"] == answer["look"]


@pytest.mark.slow
def test_a_failed_training_before_an_early_look_leaves_the_later_ones(project: Path) -> None:
    design = Design("matched", configs=4, seeds=1, looks=2)
    result, _ = run(project, Said(fail_in=1), Question(1e-6, "auto"), design=design)
    assert result["look"]["number"] == 2
    assert result["arms"][0]["configs"] == 3


@pytest.mark.slow
def test_before_it_has_answered_the_list_of_trainings_may_change(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_at=10), configs=2, seeds=3)
    page = project / "runs" / "ab" / "report.html"
    words = " ".join(read_page(page.read_text(encoding="utf-8")).texts)
    assert "10 of 12" in words
    assert "ended before it had an answer" in words
    display = Said()
    result, _ = run(project, display, configs=3, seeds=2)
    assert "No answer yet" not in page.read_text(encoding="utf-8")
    trained = [t.params["seed"] for t in study_of(project, "ab-merged10").trials]
    assert trained == [1, 2, 3, 1, 2, 1, 2]
    assert result["pairs"][0]["runs"] == 6
    assert run(project, display, configs=3, seeds=2)[0] == result


@pytest.mark.slow
def test_after_an_interruption_fewer_seeds_train_no_others(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_at=4), configs=1, seeds=5)
    result, _ = run(project, configs=1, seeds=3)
    assert [len(arm["run_ids"]) for arm in result["arms"]] == [3, 3]
    for mapping in ("cityscapes19", "merged10"):
        complete = [
            t.params["seed"]
            for t in study_of(project, f"ab-{mapping}").trials
            if t.state == TrialState.COMPLETE
        ]
        assert complete == [1, 2, 3]


@pytest.mark.slow
def test_what_an_arm_suggests_and_reports_does_not_depend_on_the_other_arms(
    project: Path,
) -> None:
    text = (project / "mappings" / "merged10.yaml").read_text(encoding="utf-8")
    text = text.replace("name: merged10", "name: finer").replace(
        "labels: [road, sidewalk]}",
        "labels: [road]}\n  - {name: sidewalk, color: [244, 35, 232], labels: [sidewalk]}",
    )
    (project / "mappings" / "finer.yaml").write_text(text, encoding="utf-8")
    # A sampler that learns from what its study has seen, also of pruned trials.
    learning = {
        "trials": 7,
        "sampler": {"name": "tpe", "seed": 3, "options": {"n_startup_trials": 2}},
        "pruner": {"name": "hyperband", "options": {"reduction_factor": 2}},
        "epochs": 2,
    }
    searches = []
    # By these names Optuna's own Hyperband would put equal trials in different brackets.
    for name, arms in {"one": ("cityscapes19", "merged10"), "two": ("merged10", "finer")}.items():
        run(project, mappings=arms, name=name, overrides=learning)
        searches.append(study_of(project, f"{name}-merged10").trials)
    with_fine, with_finer = (
        [(t.params, t.state, t.intermediate_values) for t in trials] for trials in searches
    )
    assert len({t.params["learning_rate"] for t in searches[0]}) == 7
    assert with_fine == with_finer


@pytest.mark.slow
def test_trials_of_another_host_are_waited_for_until_it_was_silent_for_a_lease(
    project: Path,
) -> None:
    with pytest.raises(Interrupted):  # in the third training of the first arm
        run(project, Said(interrupt_at=4), configs=1, seeds=3)
    study = study_of(project, "ab-merged10")
    study.enqueue_trial({"learning_rate": 1e-3, "seed": 3})
    elsewhere = {"host": "elsewhere", "boot": "", "pid": 1, "started": 0.0}
    trial = study.ask()
    trial.set_user_attr(OWNER, elsewhere)
    waiting = "waiting for what other processes run: trial 2 of ab-merged10 on elsewhere"

    class Display(Said):
        def say(self, text: str) -> None:
            super().say(text)
            if text == waiting:
                trial.set_user_attr(BEAT, time.time() - lease_seconds() - 1)

    display = Display()
    result, _ = run(project, display, configs=1, seeds=3)
    assert display.lines.count(waiting) == 1
    assert "trial 2 was left by a process that ended; it is tried again" in display.lines
    assert display.started == [("cityscapes19", 3), ("merged10", 3)]
    assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert [len(arm["run_ids"]) for arm in result["arms"]] == [3, 3]


@pytest.mark.slow
def test_matched_arms_train_what_is_listed_and_nothing_else(project: Path) -> None:
    display = Said()
    result, _ = run(project, display, configs=2, seeds=2)
    assert [mapping for mapping, _ in display.started] == ["cityscapes19", "merged10"] * 4
    first, second = (study_of(project, f"ab-{m}") for m in ("cityscapes19", "merged10"))
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    assert [t.params["seed"] for t in first.trials] == [1, 2, 1, 2]
    assert len({t.params["learning_rate"] for t in first.trials}) == 2
    assert result["mode"] == "matched"
    assert result["candidates"] == []
    assert "drawn at random" in result["pairs"][0]["sentence"]
    assert [arm["params"] for arm in result["arms"]] == [None, None]
    assert [arm["configs"] for arm in result["arms"]] == [2, 2]
    assert result["pairs"][0]["runs"] == 4


@pytest.mark.slow
def test_an_interrupted_study_is_balanced_and_resumes(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_at=2))
    done = [study_of(project, f"ab-{m}") for m in ("cityscapes19", "merged10")]
    complete = [sum(t.state == TrialState.COMPLETE for t in study.trials) for study in done]
    assert complete == [1, 1]
    assert done[0].trials[1].state == TrialState.FAIL
    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    record = client.get_run(study_of(project, "ab").user_attrs[RUN_ID])
    assert record.info.status == "KILLED"
    display = Said()
    result, _ = run(project, display)
    assert [mapping for mapping, _ in display.started][:2] == ["cityscapes19", "merged10"]
    assert len(display.started) == 16
    assert result["pairs"][0]["runs"] == 2
    experiment = client.get_experiment_by_name("ab")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sum(r.info.status == "RUNNING" for r in runs) == 0
    assert sum(r.data.tags["segexp.kind"] == "ab" for r in runs) == 1
    assert sum(r.data.tags["segexp.kind"] == "arm" for r in runs) == 2


def test_matrices_that_are_gone_are_read_from_mlflow_or_named_with_their_run(
    project: Path,
) -> None:
    before, _ = run(project, configs=1)
    (path,) = (project / ".segexp" / "studies").glob("ab-merged10-*/trial-0000/confusions.npz")
    content = path.read_bytes()
    path.unlink()
    after, _ = run(project, configs=1)
    assert after == before and path.read_bytes() == content
    for copy in project.rglob("confusions.npz"):
        copy.unlink()
    with pytest.raises(
        WorkError, match=r"confusions\.npz of trial 0 is not here, .*: run .* has no"
    ):
        run(project, configs=1)


def test_best_without_a_name_after_an_ab_study_names_its_arms(shared: Compared) -> None:
    storage = open_storage(None, shared.project)
    assert load_study(storage, None).study_name == "ab"
    (final,) = [n for n in optuna.get_all_study_names(storage) if "merged10-candidates" in n]
    assert find_best(load_study(storage, final)).baseline is None
    with pytest.raises(InputError, match=r"name one of ab-cityscapes19, ab-merged10"):
        find_best(load_study(storage, None))


@pytest.mark.slow
def test_arms_are_scored_at_the_masks_own_size_where_that_is_asked_for(
    tmp_path: Path, lay_out_project: Callable[[Path], Path]
) -> None:
    """With protocols and pictures from what each run kept; the images are of two sizes."""
    project = lay_out_project(tmp_path / "project")
    for split, count in {"train": 6, "val": 3, "test": 4}.items():
        for number in range(count):
            size = (48, 80) if number % 2 else (60, 100)
            mask = np.random.default_rng(number).integers(-1, 19, size)
            folder = project / "streets" / split
            save(folder / "label" / f"{number}.npy", mask)
            save(folder / "image" / f"{number}.npy", picture(100 * count + number, size))
    data = {"data.format": "auto", "data.root": str(project / "streets"), "data.resize": "stretch"}
    display = Said()
    result, directory = run(
        project, display, overrides={**data, "data.scored_at": "own"}, configs=2, seeds=1
    )
    assert result["scored_at"] == "the masks' own size"
    assert result["image_size"] == [32, 64]
    pixels = sum(int((np.load(path) >= 0).sum()) for path in project.glob("streets/test/label/*"))
    (trial, *_) = study_of(project, "ab-cityscapes19").trials
    found = load_confusions(directory_of(project, trial) / CONFUSIONS_FILE)["heldout"]
    assert found.by["own"].sum() == pixels
    rows = {row["key"]: row for row in result["protocols"]["common"]}
    assert rows["void_error"]["missing"] is None
    (missing,) = result["protocols"]["missing"]
    assert missing.startswith("At 32x64: the networks were scored only at the masks' own size")
    assert not [line for line in display.lines if "no images on the page" in line]
    page = read_page((directory / "ab.html").read_text(encoding="utf-8"))
    assert "tuning never saw, at the masks' own size. " in " ".join(page.texts)
    assert {"0", "1", "2", "3"} <= {alt.split()[0].strip(":,") for _, alt in page.pictures}
