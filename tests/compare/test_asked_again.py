"""An answer that is asked for again from its records alone: the two URLs and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.hosts import lay_out_reader_of
from segexp.compare import asked_again
from segexp.compare.answered import Wanted
from segexp.compare.arms import parse_arms
from segexp.compare.asked_again import ask_again
from segexp.compare.design import Question
from segexp.compare.looks import numbers_of
from segexp.compare.plan import arms_definition
from segexp.core.config import CONFIG_FILE, WORK_DIRECTORY
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError, WorkError
from segexp.study.attributes import ANSWER_FILES, RUN_ID
from tests.compare.tiny_ab import plan_of, run, study_of

ARMS = ("cityscapes19", "merged10")
WIDER = Question(margin=0.9, cluster="none")


@pytest.fixture(scope="module")
def answered(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Path:
    """A project with an A/B study that has answered by a margin of 0.01. Only ask it again."""
    project = lay_out_project(tmp_path_factory.mktemp("answered") / "project")
    run(project, configs=2, seeds=1)
    return project


def wanted(project: Path, question: Question = WIDER, **changes: Any) -> Wanted:
    design = plan_of(project, configs=2, seeds=1).design
    asked = {
        "name": "ab",
        "naming": None,
        "arms": arms_definition(design.mode, parse_arms(ARMS)),
        "numbers": numbers_of(design, None),
        "question": question,
        "settings": {},
    }
    return Wanted(**{**asked, **changes})


def ask(place: Path, which: Wanted, said: list[str] | None = None) -> tuple[dict[str, Any], Path]:
    config = load_config(place / CONFIG_FILE, {})
    say: Callable[[str], None] = [].append if said is None else said.append
    return ask_again(place, config, "ab", which, say)


def test_another_margin_gives_the_answer_that_the_place_of_the_data_gives(
    answered: Path, tmp_path: Path
) -> None:
    place, said = lay_out_reader_of(tmp_path / "third", answered), list[str]()
    result, directory = ask(place, wanted(answered), said)
    at_home, home = run(answered, question=WIDER, configs=2, seeds=1)
    assert result == at_home
    assert result["margin"] == 0.9
    assert result["caveats"][0].startswith("The arms were first compared with a margin of 0.01")
    page = (directory / "ab.html").read_text(encoding="utf-8")
    assert page == (home / "ab.html").read_text(encoding="utf-8")
    assert "data:image/webp" in page
    assert (place / "runs" / "ab" / "gallery.html").is_file()
    assert not (place / WORK_DIRECTORY / "cache").exists()
    # What it says is in MLflow, too, and the file that a fourth place reads is noted.
    client = MlflowClient(tracking_uri=f"sqlite:///{answered}/mlflow.db")
    record = client.get_run(study_of(answered, "ab").user_attrs[RUN_ID])
    assert (record.data.tags["segexp.margin"], record.info.status) == ("0.9", "FINISHED")
    fourth = ask(lay_out_reader_of(tmp_path / "fourth", answered), wanted(answered))
    assert fourth[0] == result


def test_what_was_fetched_is_read_once(answered: Path, tmp_path: Path) -> None:
    place = lay_out_reader_of(tmp_path / "third", answered)
    first, again = list[str](), list[str]()
    ask(place, wanted(answered), first)
    ask(place, wanted(answered, Question(0.8, "auto")), again)
    assert sum("confusions.npz" in line for line in first) == 4
    assert not any("confusions.npz" in line for line in again)


def test_other_numbers_are_refused_as_where_the_data_is(answered: Path, tmp_path: Path) -> None:
    place = lay_out_reader_of(tmp_path / "third", answered)
    with pytest.raises(InputError, match="--configs: A/B study 'ab' has compared its arms with 2"):
        ask(place, wanted(answered, numbers={"configs": 3, "seeds": 1, "looks": 1}))


def test_other_settings_are_refused_as_where_the_data_is(answered: Path, tmp_path: Path) -> None:
    place = lay_out_reader_of(tmp_path / "third", answered)
    ask(place, wanted(answered, settings={"training.epochs": "1"}))
    with pytest.raises(InputError) as refused:
        ask(place, wanted(answered, settings={"training.epochs": "30", "model.encoder": "mit_b0"}))
    epochs, encoder, _ = refused.value.faults
    assert epochs == "study 'ab' was begun with training.epochs = 1, now it is 30"
    assert encoder.endswith("was begun with model.encoder = mobilenet_v2, now it is mit_b0")


def test_what_is_refused_leaves_the_record_of_the_answer_as_it_is(
    answered: Path, tmp_path: Path
) -> None:
    place = lay_out_reader_of(tmp_path / "third", answered)
    with pytest.raises(InputError, match="--cluster"):
        ask(place, wanted(answered, Question(0.01, "city")))
    client = MlflowClient(tracking_uri=f"sqlite:///{answered}/mlflow.db")
    assert client.get_run(study_of(answered, "ab").user_attrs[RUN_ID]).info.status == "FINISHED"


def test_the_records_are_waited_for_before_others_are_told_what_to_read(
    answered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> object:
        return study_of(answered, "ab").user_attrs[ANSWER_FILES]

    before, seen = files(), list[object]()
    monkeypatch.setattr(asked_again, "say_what_waits", lambda *_: seen.append(files()))
    ask(lay_out_reader_of(tmp_path / "third", answered), wanted(answered, Question(0.7, "auto")))
    assert seen == [before]
    assert files() != before


def test_an_answer_is_given_where_its_results_folder_cannot_be_written(
    answered: Path, tmp_path: Path
) -> None:
    place, said = lay_out_reader_of(tmp_path / "third", answered), list[str]()
    (place / "runs").touch()
    result, _ = ask(place, wanted(answered), said)
    assert result["margin"] == 0.9
    assert any("cannot be written" in line for line in said)


def test_an_answer_without_what_it_needs_says_where_to_ask(answered: Path, tmp_path: Path) -> None:
    place = lay_out_reader_of(tmp_path / "third", answered)
    ask(place, wanted(answered))
    study = study_of(answered, "ab")
    (directory,) = (place / WORK_DIRECTORY / "ab").iterdir()
    result = directory / "ab_result.json"
    result.write_text('{"version": 3}', encoding="utf-8")
    known = study.user_attrs[ANSWER_FILES]
    study.set_user_attr(ANSWER_FILES, {})
    try:
        with pytest.raises(WorkError, match=r"by an earlier segexp.* once where its data is"):
            ask(place, wanted(answered))
    finally:
        study.set_user_attr(ANSWER_FILES, known)
