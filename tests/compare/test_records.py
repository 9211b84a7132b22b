"""What an A/B study records, and what may change when it is run again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from segexp.compare.run import begun_as
from segexp.core.errors import InputError, Interrupted
from segexp.study.attributes import PART_RUNS, RUN_ID
from segexp.training import compute
from tests.compare.tiny_ab import TUNED, Said, run, study_of


@pytest.fixture(scope="module")
def matched(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Path:
    """A project with an A/B study of one configuration that ran to its end. Read it only."""
    project = lay_out_project(tmp_path_factory.mktemp("matched") / "project")
    run(project, configs=1)
    return project


@pytest.mark.slow
def test_a_study_whose_runs_mlflow_lost_answers_all_the_same(project: Path) -> None:
    before, _ = run(project, configs=1)
    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    for arm_run in study_of(project, "ab").user_attrs[PART_RUNS].values():
        client.delete_run(arm_run)
    after, _ = run(project, configs=1)
    assert after == before
    (project / "mlflow.db").unlink()  # all of them: another place is taken only then
    elsewhere, _ = run(project, configs=1, overrides={"tracking.uri": "sqlite:///other.db"})
    assert elsewhere == before


@pytest.mark.slow
def test_a_study_of_the_earlier_design_continues_with_that_design(project: Path) -> None:
    """Its arms' winners with several seeds, and that this knows nothing of the searches' luck."""
    assert begun_as(None, project, "ab") is None
    result, _ = run(project, design=TUNED, overrides={"trials": 2})
    assert begun_as(None, project, "ab") == "tuned"
    for arm in result["arms"]:
        search = study_of(project, f"ab-{arm['mapping']}")
        best = max(search.trials, key=lambda t: t.value or 0)
        assert arm["params"] == pytest.approx(best.params)
        final = study_of(project, f"ab-{arm['mapping']}-trial-{best.number:04d}")
        assert [t.params for t in final.trials] == [{"seed": 1}, {"seed": 2}]
        assert arm["run_ids"] == [t.user_attrs[RUN_ID] for t in final.trials]
    assert (result["mode"], result["seeds"], result["candidates"]) == ("tuned", [1, 2], [])
    assert any("not the luck of a search of 2 trials" in note for note in result["caveats"])
    assert "the one configuration that a search found in each arm" in result["pairs"][0]["sentence"]
    with pytest.raises(InputError, match="mode = tuned, now it is shared"):
        run(project)


def test_a_name_that_another_study_has_is_refused(matched: Path) -> None:
    with pytest.raises(InputError, match="'ab-merged10' is not an A/B study"):
        run(matched, configs=1, name="ab-merged10")


def test_settings_that_were_forgotten_are_named_and_not_the_digest_alone(matched: Path) -> None:
    forgotten = {"data.image_size": [64, 64], "training.epochs": 3}
    with pytest.raises(InputError) as refused:
        run(matched, configs=1, overrides=forgotten)
    digest, size, epochs, way_out = refused.value.faults
    assert digest.startswith("study 'ab' was begun with data = synthetic ")
    assert size.endswith(" was begun with data.image_size = [32, 64], now it is [64, 64]")
    assert epochs.endswith(" was begun with training.epochs = 1, now it is 3")
    assert way_out.startswith("study 'ab' cannot be resumed as something else")


@pytest.mark.slow
def test_a_changed_mapping_is_refused_with_the_labels_that_changed(project: Path) -> None:
    run(project, configs=1)
    path = project / "mappings" / "merged10.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("labels: [motorcycle]", "labels: [motorcycle, bicycle]").replace(
            "void: [pole, bicycle]", "void: [pole]"
        ),
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        run(project, configs=1)
    changed, way_out = caught.value.faults
    assert changed == (
        "mapping 'merged10' has changed since study 'ab' was begun: "
        "label bicycle was in void, now in motorcycle"
    )
    assert "--study-name" in way_out


def test_other_arms_or_another_mode_under_the_same_name_are_refused(matched: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(matched, mappings=("cityscapes19", "categories7"), configs=1)
    assert any(
        "arms = cityscapes19, merged10, now it is cityscapes19, categories7" in fault
        for fault in caught.value.faults
    )
    with pytest.raises(InputError, match="mode = matched, now it is shared"):
        run(matched)


def test_a_refusal_leaves_the_records_of_what_was_finished_alone(matched: Path) -> None:
    client = MlflowClient(tracking_uri=f"sqlite:///{matched}/mlflow.db")
    ab = study_of(matched, "ab")
    runs = [ab.user_attrs[RUN_ID], *ab.user_attrs[PART_RUNS].values()]
    with pytest.raises(InputError, match=r"training\.batch_size = 3, now it is 2"):
        run(matched, configs=1, overrides={"batch_size": 2})
    assert [client.get_run(run_id).info.status for run_id in runs] == ["FINISHED"] * 3


@pytest.mark.slow
def test_final_trainings_of_hosts_that_differ_in_precision_are_refused_or_said_to_be_mixed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = {"training.precision": "auto"}
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: True)
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_at=2), configs=2, overrides=auto)
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: False)
    with pytest.raises(InputError, match=r"begun with training\.precision = bf16, on "):
        run(project, configs=2, overrides=auto)
    result, _ = run(project, configs=2, overrides=auto, mixed=True)
    (note,) = (text for text in result["caveats"] if "mixed precision" in text)
    assert "in bf16" in note and "in fp32" in note
