"""What there is of a study: other studies below it, and its folders."""

from pathlib import Path

import optuna

from segexp.study.attributes import LISTED, PART_RUNS, RUN_ID
from segexp.study.family import (
    Family,
    artifact_folders,
    families,
    named_parts,
    own_folders,
)

RUN, OTHER = "0123456789abcdef" * 2, "f" * 32


def storage_of_an_ab_study() -> optuna.storages.InMemoryStorage:
    storage = optuna.storages.InMemoryStorage()
    marks = {
        "ab": {PART_RUNS: {"fine": OTHER}},
        "ab-fine": {},
        "ab-fine-candidates": {LISTED: True},
        "ab-fine-tuned": {},  # a person may call a study so
        "default": {RUN_ID: RUN},
    }
    for name, attributes in marks.items():
        study = optuna.create_study(storage=storage, study_name=name)
        for key, value in attributes.items():
            study.set_user_attr(key, value)
    return storage


def test_the_studies_of_an_ab_study_are_below_it_and_those_of_people_are_not() -> None:
    found = families(storage_of_an_ab_study())
    assert [each.study.study_name for each in found] == ["ab", "ab-fine-tuned", "default"]
    assert [study.study_name for study in found[0].studies] == [
        "ab-fine",
        "ab-fine-candidates",
        "ab",
    ]
    assert [each.is_ab for each in found] == [True, False, False]


def test_parts_are_named_also_where_one_name_begins_with_another() -> None:
    storage = optuna.storages.InMemoryStorage()
    for name in ("ab-fine", "ab-fine-2", "ab-fine-candidates", "ab-fine-2-candidates"):
        study = optuna.create_study(storage=storage, study_name=name)
        study.set_user_attr(LISTED, name.endswith("candidates"))
    whole = optuna.create_study(storage=storage, study_name="ab")
    whole.set_user_attr(PART_RUNS, {"fine": RUN, "fine-2": OTHER})
    found = {study.study_name: part for part, study in named_parts(storage, whole)}
    assert found == {
        "ab-fine": "fine",
        "ab-fine-2": "fine-2",
        "ab-fine-candidates": "fine",
        "ab-fine-2-candidates": "fine-2",
    }


def test_folders_are_those_of_its_runs_and_name(tmp_path: Path) -> None:
    for place in (
        ".segexp/studies/default-01234567",
        ".segexp/studies/default-ffffffff",  # of a study of this name in another storage
        "runs/default",
        "runs/other",
        f"mlruns/default/{RUN}",
        f"mlruns/default/{OTHER}",
    ):
        (tmp_path / place).mkdir(parents=True)
    family = families(storage_of_an_ab_study())[-1]
    found = [path.relative_to(tmp_path).as_posix() for path in own_folders(tmp_path, family)]
    assert found == ["runs/default", ".segexp/studies/default-01234567"]
    assert artifact_folders(tmp_path, family) == [tmp_path / "mlruns" / "default" / RUN]


def test_no_name_of_a_storage_leads_to_another_folder(tmp_path: Path) -> None:
    """A name or an id with slashes in it, or a link that leads out of the project."""
    outside, project = tmp_path / "outside", tmp_path / "project"
    (outside / "data").mkdir(parents=True)
    (project / "mappings").mkdir(parents=True)
    (project / "runs").mkdir()
    (project / "runs" / "linked").symlink_to(outside, target_is_directory=True)
    (project / ".segexp" / "studies" / "evil-").mkdir(parents=True)
    storage = optuna.storages.InMemoryStorage()
    for name, run_id in (("../mappings", RUN), ("linked", RUN), ("evil", "/../../m" + "0" * 24)):
        study = optuna.create_study(storage=storage, study_name=name)
        study.set_user_attr(RUN_ID, run_id)
        assert own_folders(project, Family(study)) == []
