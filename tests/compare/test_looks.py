"""When an A/B study is looked at."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from segexp.compare.design import Design
from segexp.compare.looks import planned_looks, refuse_other_numbers
from segexp.core.errors import InputError


def looks(design: Design, available: int) -> list[tuple[int, int, tuple[float, ...]]]:
    found = planned_looks(design, available)
    return [(look.number, look.configs, look.fractions) for look in found]


def test_each_look_knows_what_part_of_all_the_looks_so_far_have_seen() -> None:
    third, two = pytest.approx(1 / 3), pytest.approx(2 / 3)
    assert looks(Design("shared", 12, 1, looks=3), 12) == [
        (1, 4, (third,)),
        (2, 8, (third, two)),
        (3, 12, (third, two, 1.0)),
    ]
    assert looks(Design("shared", 6, 1), 6) == [(1, 6, (1.0,))]


def test_of_searches_that_found_fewer_there_are_fewer_looks() -> None:
    assert looks(Design("shared", 6, 1, looks=3), 4) == [(1, 2, (0.5,)), (2, 4, (0.5, 1.0))]
    assert looks(Design("shared", 6, 1, looks=3), 2) == [(1, 2, (1.0,))]


def test_a_study_of_the_earlier_design_is_looked_at_once() -> None:
    assert looks(Design("tuned", 1, 5), 2) == [(1, 1, (1.0,))]


def test_the_numbers_of_an_answer_of_an_earlier_version_are_fixed_too(tmp_path: Path) -> None:
    """It noted none in the study: its result has the configurations and the seeds."""
    result = {
        "pairs": [{"a": "x", "b": "y", "images": 3, "run_groups": 2, "unit": "configurations"}]
    }
    result |= {"arms": [{"configs": 2}, {"configs": 2}], "seeds": [1, 2]}
    path = tmp_path / ".segexp" / "ab" / "old-0001" / "ab_result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="old", storage=storage)
    study = SimpleNamespace(trials=20)

    def plan(configs: int, seeds: int) -> Any:
        design = Design("matched", configs=configs, seeds=seeds)
        arms = (SimpleNamespace(study=study),)
        return SimpleNamespace(project=tmp_path, name="old", design=design, arms=arms)

    refuse_other_numbers(plan(2, 2), storage)
    with pytest.raises(InputError) as refused:
        refuse_other_numbers(plan(3, 1), storage)
    assert [fault.split(":")[0] for fault in refused.value.faults[:2]] == ["--configs", "--seeds"]
