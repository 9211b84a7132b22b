from pathlib import Path

import optuna
import pytest

from segexp import tracking
from segexp.compare.answer_files import fetch_answer, note_answer_files
from segexp.core.errors import WorkError
from segexp.study.attributes import RUN_ID


def test_an_answer_is_read_from_its_run_once_and_only_as_it_was_given(
    tmp_path: Path, mlflow_template: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "mlflow.db").write_bytes(mlflow_template.read_bytes())
    experiment = tracking.open_experiment(tmp_path, uri, "ab")
    run = tracking.start_run(experiment, "ab", {}, {})
    study = optuna.create_study(study_name="ab")
    study.set_user_attr(RUN_ID, run.id)
    paths = [tmp_path / "ab_result.json", tmp_path / "ab.html"]
    for path in paths:
        path.write_text(f"{path.name}, as it was given", encoding="utf-8")
        tracking.log_file(run, path)
    note_answer_files(study, paths)
    elsewhere, said = tmp_path / "elsewhere", list[str]()
    fetch_answer(elsewhere, uri, study, said.append)
    directory = elsewhere / ".segexp" / "ab" / f"ab-{run.id[:8]}"
    for path in paths:
        assert (directory / path.name).read_bytes() == path.read_bytes()
    fetch_answer(elsewhere, uri, study, said.append)
    assert len(said) == 1

    (directory / "ab.html").write_text("of an earlier answer", encoding="utf-8")
    paths[1].write_text("another", encoding="utf-8")
    tracking.log_file(run, paths[1])
    with pytest.raises(WorkError, match=r"ab\.html among the artifacts of run .* is not what A/B"):
        fetch_answer(elsewhere, uri, study, said.append)
