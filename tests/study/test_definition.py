"""What the scores of a study depend on."""

from pathlib import Path
from typing import Any

import pytest

from segexp.data.open import open_data
from segexp.study.changes import change_faults, definition_changes
from segexp.study.definition import (
    PRECISION,
    as_written_now,
    data_of,
    definition,
    with_known_precision,
)
from segexp.training import compute
from tests.tiny_study import definition_of, planned


def test_what_is_searched_and_where_things_are_is_not_in_the_definition(project: Path) -> None:
    found = definition_of(planned(project))
    assert found["objective"] == "val/miou_common"
    assert found["space.mapping"] == "cityscapes19, merged10"
    assert found["training.epochs"] == "2"
    assert {"mappings.cityscapes19", "mappings.merged10"} <= set(found)
    for key in ("training.learning_rate", "model.arch", "storage", "data.root", "mapping"):
        assert key not in found
    moved = planned(project, storage="journal:a", **{"tracking.experiment": "b", "trials": 3})
    assert definition_of(moved) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.epochs", 3),
        ("data.image_size", [64, 64]),
        ("data.synthetic.seed", 1),
        ("data.normalization", "imagenet"),
        ("training.seed", 7),
        ("objective", "val/miou"),
        ("space.augmentation", {"low": 0.0, "high": 0.5}),
    ],
)
def test_what_scores_depend_on_is_in_the_definition(project: Path, key: str, value: Any) -> None:
    base = {"mapping": "merged10", "learning_rate": 1e-3}
    before = definition_of(planned(project, **base))
    after = definition_of(planned(project, **base, **{key: value}))
    faults = change_faults("default", definition_changes(before, after))
    assert len(faults) >= 2
    assert all("study 'default' was begun with " in fault for fault in faults[:-1])
    assert "--study-name" in faults[-1]


def test_rules_of_resizing_differ_where_an_image_has_another_shape(project: Path) -> None:
    rules = ("stretch", "fit", "none", {"factor": 0.5})
    found = [definition_of(planned(project, **{"data.resize": rule})) for rule in rules]
    assert found[0] == found[1] == found[2]  # scenes are drawn at data.image_size
    assert found[3]["data.resize"] == "{'factor': 0.5}"


def test_the_size_of_final_scores_is_in_the_definition_and_an_older_study_has_todays_default(
    project: Path,
) -> None:
    now = definition_of(planned(project))
    assert now["data.scored_at"] == "resized"
    before = {key: value for key, value in now.items() if key != "data.scored_at"}
    assert change_faults("default", definition_changes(before, now)) == []
    own = definition_of(planned(project, **{"data.scored_at": "own"}))
    fault, _ = change_faults("default", definition_changes(before, own))
    assert "was begun with data.scored_at = resized, now it is own" in fault


def test_the_digest_of_data_tells_it_and_its_name_is_for_people() -> None:
    stored = {"data": "my old camvid 0123456789abcdef", "heldout": "test split"}
    assert data_of(stored) == ("my old camvid", "0123456789abcdef")
    copied = {**stored, "data": "copy 0123456789abcdef"}
    assert as_written_now(stored, copied) == copied
    other = {**stored, "data": "my old camvid fedcba9876543210"}
    assert as_written_now(stored, other) == stored


@pytest.mark.parametrize(("has_units", "found"), [(True, "bf16"), (False, "fp32")])
def test_the_definition_has_what_auto_precision_comes_to(
    project: Path, monkeypatch: pytest.MonkeyPatch, has_units: bool, found: str
) -> None:
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: has_units)
    automatic = planned(project, **{"training.precision": "auto"})
    assert definition_of(automatic)[PRECISION] == found
    for named in ("bf16", "fp32"):
        assert definition_of(planned(project, **{"training.precision": named}))[PRECISION] == named
    base = automatic.base
    data = open_data(project, base.config, base.source, lambda done, total: None)
    assert definition(base, data, {PRECISION: "of another host"})[PRECISION] == "of another host"
    assert definition(base, data, {PRECISION: "auto"})[PRECISION] == found


def test_a_definition_from_before_has_what_auto_comes_to_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: False)
    before, now = {PRECISION: "auto"}, {PRECISION: "fp32"}
    assert as_written_now(before, now) == now == with_known_precision(before)
    assert with_known_precision(now) is None
    assert as_written_now(before, {PRECISION: "bf16"}) == now  # and that is another one
    assert as_written_now({}, now) == now
