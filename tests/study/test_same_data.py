"""The study that was begun on the same data, where its folder has another name."""

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest

from harness.trees import camvid_like
from segexp.core.errors import InputError
from segexp.data import open as opening
from segexp.data.open import digest_of
from segexp.study.attributes import DEFINITION
from segexp.study.naming import Naming
from segexp.study.same_data import beginning, name_on_same_data, on_same_data
from segexp.study.storage.open import open_storage
from tests.tiny_study import planned


@pytest.fixture
def copy(project: Path) -> Path:
    """The folder of data that studies were begun on elsewhere, under another name."""
    return camvid_like(project / "copy", train=3, val=2, test=1)


def plan_on(project: Path, root: Path) -> Any:
    return planned(project, mapping="camvid11", **{"data.format": "folder", "data.root": str(root)})


def begin(project: Path, *names: str, data: str) -> None:
    for name in names:
        study = optuna.create_study(study_name=name, storage=open_storage(None, project))
        parts = {"arms": "a, b"} if name.startswith("ab") else {}
        study.set_user_attr(DEFINITION, {"data": data, **parts})


def found(project: Path, root: Path, naming: Naming, **options: Any) -> tuple[str, list[str]]:
    said: list[str] = []
    base = plan_on(project, root).base
    storage = open_storage(None, project)
    name = name_on_same_data(naming, storage, project, base.source, said.append, **options)
    return name, said


def test_the_study_of_the_same_data_is_meant_whatever_its_folder_is_called(
    project: Path, copy: Path
) -> None:
    digest = digest_of(project, plan_on(project, copy).base.source)
    begin(project, "default-streets", data=f"streets {digest}")
    begin(project, "default-other", data="other 0123456789abcdef")
    begin(project, "default-long", data=f"streets {digest}")  # a person named it
    begin(project, "ab-streets", data=f"streets {digest}")
    name, (said,) = found(project, copy, Naming(("default",), "copy"))
    assert name == "default-streets"
    assert f"was begun on the data in {copy} ({digest})" in said and "--study-name" in said
    assert found(project, copy, Naming(("default",)))[0] == "default-streets"  # as SEGEXP_DATA
    assert found(project, copy, Naming(("default",), "copy", ("merged10",))) == (
        "default-copy-merged10",
        [],
    )
    assert found(project, copy, Naming(("ab",), "copy"), has_parts=True)[0] == "ab-streets"
    assert found(project, copy, Naming(("ab",), "copy")) == ("ab-copy", [])
    said_of_plan: list[str] = []
    naming, storage = Naming(("default",), "copy"), open_storage(None, project)
    plan = plan_on(project, copy)
    assert on_same_data(plan, None, storage, said_of_plan.append) is plan
    renamed = on_same_data(plan, naming, storage, said_of_plan.append)
    assert renamed.base.study.name == "default-streets" and len(said_of_plan) == 1


def test_a_study_that_is_new_because_its_data_differ_says_so(project: Path, copy: Path) -> None:
    begin(project, "default-streets", data="streets 0123456789abcdef")
    naming, said = Naming(("default",), "copy"), list[str]()
    assert found(project, copy, naming) == ("default-copy", [])  # it is not begun yet
    source, storage = plan_on(project, copy).base.source, open_storage(None, project)
    with beginning(naming, storage, project, source, said.append) as name:
        assert name == "default-copy"
    assert said == [f"study default-copy is new: default-streets has other data than {copy}"]


def test_the_projects_own_data_named_by_hand_is_its_own_study(project: Path, copy: Path) -> None:
    digest = digest_of(project, plan_on(project, copy).base.source)
    begin(project, "default", data=f"streets {digest}")
    assert found(project, copy, Naming(("default",), "copy"))[0] == "default"
    begin(project, "default-copy", data=f"copy {digest}")
    assert found(project, copy, Naming(("default",), "copy")) == ("default-copy", [])


def test_a_study_of_the_folders_name_and_of_other_data_does_not_hide_the_one_that_is_meant(
    project: Path, copy: Path
) -> None:
    digest = digest_of(project, plan_on(project, copy).base.source)
    begin(project, "default-copy", data="copy 0123456789abcdef")  # so are folders called often
    assert found(project, copy, Naming(("default",), "copy")) == ("default-copy", [])
    begin(project, "default-streets", data=f"streets {digest}")
    assert found(project, copy, Naming(("default",), "copy"))[0] == "default-streets"
    begin(project, "default-long", data=f"streets {digest}")
    assert found(project, copy, Naming(("default",), "long"))[0] == "default-long"  # a person's


def test_a_later_revision_may_be_of_the_data(project: Path, copy: Path) -> None:
    digest = digest_of(project, plan_on(project, copy).base.source)
    begin(project, "default-streets", data="streets 0123456789abcdef")
    begin(project, "default-streets-rev2", data=f"streets {digest}")
    assert found(project, copy, Naming(("default",), "copy"))[0] == "default-streets"


def test_several_studies_of_the_same_data_are_named(project: Path, copy: Path) -> None:
    digest = digest_of(project, plan_on(project, copy).base.source)
    begin(project, "default-a", data=f"a {digest}")
    begin(project, "default-b", data=f"b {digest}")
    with pytest.raises(InputError, match=r"the studies default-a, default-b: name one of them"):
        found(project, copy, Naming(("default",), "copy"))


def test_data_is_not_read_where_no_study_could_be_meant(
    project: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(project, "other-streets", data="streets 0")
    monkeypatch.setattr(opening, "source_hash", None)
    assert found(project, copy, Naming(("default",), "copy")) == ("default-copy", [])


def test_a_copy_has_the_digest_of_the_first_and_a_file_that_is_gone_is_named(
    project: Path, copy: Path
) -> None:
    shutil.copytree(copy, project / "again")
    source = plan_on(project, project / "again").base.source
    assert digest_of(project, source) == digest_of(project, plan_on(project, copy).base.source)
    mask = source.splits["val"][0].mask
    assert mask is not None
    mask.unlink()
    with pytest.raises(InputError, match=f"{mask}: cannot be read"):
        digest_of(project, source)
