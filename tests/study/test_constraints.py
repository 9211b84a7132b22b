import math
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.results import made_scores
from segexp.core.errors import InputError
from segexp.evaluation.result import TrialResult
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.study.constraints import (
    Constraint,
    as_definition,
    describe_miss,
    of_space,
    parse_constraints,
    stored_constraints,
)


@pytest.fixture
def common(project: Path) -> Mapping:
    return common_space(find_mappings(project, ["cityscapes19", "merged10"]))


def faults_of(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(InputError) as refused:
        call()
    return refused.value.faults


def result(iou: float | None, lower: float | None = None) -> TrialResult:
    scores = made_scores(0.5, 0.5, {"class": ["road", "person"], "iou": [0.9, iou]})
    lowest = None if lower is None else {"person": lower}
    cost = {"latency_ms": 25.0, "parameters": 3_000_000}
    return TrialResult(0.5, 1, 1.0, scores, cost=cost, lower_iou=lowest)


def test_floors_and_ceilings_are_read_as_a_file_writes_them():
    texts = {"iou/person": ">= 0.3 (lower)", "iou/road": ">=0.9", "parameters": "<= 5e6"}
    found = parse_constraints("s.yaml", texts)
    assert found == [
        Constraint("iou/person", 0.3, by_lower_end=True),
        Constraint("iou/road", 0.9),
        Constraint("parameters", 5e6),
    ]
    assert [c.text for c in found] == [">= 0.3 (lower)", ">= 0.9", "<= 5000000"]


def test_every_fault_says_what_to_write():
    texts = {
        "person": ">= 0.3",
        "latncy_ms": "<= 3",
        "iou/person": "<= 0.3",
        "iou/road": ">= 1.5",
        "iou/car": 0.3,
        "macs": "<= 0",
        "latency_ms": "<= 20 (lower)",
    }
    floor = 'write ">= 0.3, or >= 0.3 (lower)"'
    known = "neither iou/CLASS nor one of latency_ms, parameters, macs"
    assert faults_of(lambda: parse_constraints("s.yaml", texts)) == (
        f"s.yaml: constraints.person: {known} (did you mean 'iou/person'?)",
        f"s.yaml: constraints.latncy_ms: {known} (did you mean 'latency_ms'?)",
        f"s.yaml: constraints.iou/person: '<= 0.3': {floor}",
        "s.yaml: constraints.iou/road: '>= 1.5': an IoU is at most 1",
        f"s.yaml: constraints.iou/car: 0.3: {floor}",
        "s.yaml: constraints.macs: '<= 0': write \"<= 20\"",
        "s.yaml: constraints.latency_ms: '<= 20 (lower)': (lower) is for iou/CLASS: a cost has no "
        "interval",
    )


def test_a_label_stands_for_the_class_that_holds_it_in_the_common_space(common: Mapping):
    rider = parse_constraints("s.yaml", {"iou/rider": ">= 0.3", "macs": "<= 1e9"})
    assert [c.on for c in of_space("s.yaml", rider, common)] == ["iou/person", "macs"]


def test_a_name_that_nothing_has_is_refused_with_what_may_be_meant(common: Mapping):
    texts = {"iou/persn": ">= 0.3", "iou/rider": ">= 0.3", "iou/person": ">= 0.3"}
    first, second = faults_of(
        lambda: of_space("s.yaml", parse_constraints("s.yaml", texts), common)
    )
    assert "constraints.iou/persn: no class of the common space" in first
    assert "(did you mean 'person'?); the classes are road, " in first
    assert second == "s.yaml: constraints: iou/person is named twice"


def test_a_constraint_is_on_the_common_space_or_on_the_cost():
    assert Constraint("iou/person", 0.3).value_in(result(0.2)) == 0.2
    assert Constraint("iou/person", 0.3, True).value_in(result(0.4, 0.25)) == 0.25
    assert Constraint("latency_ms", 20).value_in(result(0.2)) == 25.0
    for unknown in (
        Constraint("iou/person", 0.3).value_in(result(None)),
        Constraint("iou/person", 0.3, True).value_in(result(0.4)),
        Constraint("macs", 1e9).value_in(result(0.2)),
    ):
        assert math.isnan(unknown)


def test_a_miss_is_relative_to_the_bound_and_said_in_its_own_unit():
    floor, ceiling = Constraint("iou/person", 0.3), Constraint("latency_ms", 20)
    assert floor.excess(0.3) == 0
    assert floor.excess(0.225) == pytest.approx(0.25)
    assert ceiling.excess(25.0) == pytest.approx(0.25)
    assert floor.excess(math.nan) == 1.0
    assert describe_miss(floor, 0.225) == "iou/person 0.225, 0.075 below 0.3"
    assert describe_miss(ceiling, 25.0) == "latency_ms 25, 5 above 20"
    parameters = Constraint("parameters", 12e6)
    assert describe_miss(parameters, 14.33e6) == "parameters 14.3M, 2.33M above 12M"
    lower = Constraint("iou/person", 0.3, by_lower_end=True)
    assert (
        describe_miss(lower, math.nan) == "iou/person (lower end) not known, to be >= 0.3 (lower)"
    )


def test_what_a_study_stores_is_what_it_requires():
    constraints = [Constraint("iou/person", 0.3, True), Constraint("parameters", 5_123_457)]
    stored = {"data": "synthetic", **as_definition(constraints)}
    assert stored_constraints(stored) == constraints
