from pathlib import Path

import pytest
import torch
from torch import nn

from segexp.core.config import Config
from segexp.study import costs
from segexp.study.costs import cost_of
from segexp.training.compute import Compute
from segexp.training.cost import Cost

ON_CPU = Compute(torch.device("cpu"), bf16=False, channels_last=True)
MODEL = nn.Conv2d(3, 8, 3)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Count measurements; each costs a millisecond more than the one before."""
    sizes: list[tuple[int, int]] = []

    def measure(model: nn.Module, image_size: tuple[int, int], compute: Compute) -> Cost:
        sizes.append(image_size)
        return Cost(100, 1_000, float(len(sizes)), compute.description)

    monkeypatch.setattr(costs, "measure_cost", measure)
    monkeypatch.setattr(costs, "_measured", {})
    return sizes


def with_model(**values: object) -> Config:
    config = Config()
    return config.model_copy(update={"model": config.model.model_copy(update=values)})


def test_equal_models_are_measured_once_and_cost_the_same(
    measured: list[tuple[int, int]], tmp_path: Path
):
    first = cost_of(tmp_path, Config(), 19, MODEL, ON_CPU)
    again = cost_of(tmp_path, with_model(encoder_weights="imagenet"), 19, MODEL, ON_CPU)
    assert first == again
    assert measured == [(64, 128)]


def test_another_project_of_the_process_has_what_the_first_one_measured(
    measured: list[tuple[int, int]], tmp_path: Path
):
    first, second = (
        cost_of(tmp_path / name, Config(), 19, MODEL, ON_CPU) for name in ("first", "second")
    )
    assert first == second
    assert len(measured) == 1
    assert (tmp_path / "second" / ".segexp" / "costs.json").is_file()


def test_another_width_or_other_classes_are_measured(
    measured: list[tuple[int, int]], tmp_path: Path
):
    found = [
        cost_of(tmp_path, Config(), 19, MODEL, ON_CPU),
        cost_of(tmp_path, with_model(decoder_width=0.5), 19, MODEL, ON_CPU),
        cost_of(tmp_path, Config(), 10, MODEL, ON_CPU),
    ]
    assert [cost.latency_ms for cost in found] == [1.0, 2.0, 3.0]


def test_a_damaged_file_is_measured_anew(measured: list[tuple[int, int]], tmp_path: Path):
    file = tmp_path / ".segexp" / "costs.json"
    file.parent.mkdir()
    file.write_text("[", encoding="utf-8")
    cost_of(tmp_path, Config(), 19, MODEL, ON_CPU)
    cost_of(tmp_path, Config(), 19, MODEL, ON_CPU)
    assert len(measured) == 1


def test_of_two_that_measure_a_model_at_once_the_first_to_write_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    figures = [7.0, 5.0]

    def measure(model: nn.Module, image_size: tuple[int, int], compute: Compute) -> Cost:
        latency = figures.pop()
        if figures:  # another process begins later and is done first
            costs_of_another = cost_of(tmp_path, Config(), 19, model, compute)
            assert costs_of_another.latency_ms == 7.0
        return Cost(100, 1_000, latency, compute.description)

    monkeypatch.setattr(costs, "measure_cost", measure)
    monkeypatch.setattr(costs, "_measured", {})
    assert cost_of(tmp_path, Config(), 19, MODEL, ON_CPU).latency_ms == 7.0
    assert cost_of(tmp_path, Config(), 19, MODEL, ON_CPU).latency_ms == 7.0
    assert figures == []
