import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from segexp.training.schedules import SCHEDULES, learning_rate_factor

TOTAL = 40
WARMUP = 5

NAMES = st.sampled_from(tuple(SCHEDULES))


def factors(schedule: str, total_steps: int = TOTAL, warmup_steps: int = 0) -> list[float]:
    return [
        learning_rate_factor(schedule, step, total_steps, warmup_steps)
        for step in range(total_steps)
    ]


def torch_factors(make_scheduler, steps: int = TOTAL) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make_scheduler(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "make_scheduler"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL)),
        ("poly", lambda o: lr_scheduler.PolynomialLR(o, total_iters=TOTAL, power=0.9)),
        ("step", lambda o: lr_scheduler.MultiStepLR(o, [20, 30], gamma=0.1)),
        ("onecycle", lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=TOTAL)),
    ],
)
def test_without_warmup_a_schedule_equals_torchs(schedule, make_scheduler):
    # torch's one-cycle scheduler may be stepped total_steps - 1 times after its construction.
    steps = TOTAL - 1 if schedule == "onecycle" else TOTAL
    expected = torch_factors(make_scheduler, steps)
    assert factors(schedule)[:steps] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "make_scheduler"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL - WARMUP)),
        ("poly", lambda o: lr_scheduler.PolynomialLR(o, total_iters=TOTAL - WARMUP, power=0.9)),
    ],
)
def test_warmup_equals_torchs_linear_one_and_the_rest_follows_it(schedule, make_scheduler):
    rise = torch_factors(
        lambda o: lr_scheduler.LinearLR(o, start_factor=1 / (WARMUP + 1), total_iters=WARMUP),
        WARMUP,
    )
    fall = torch_factors(make_scheduler, TOTAL - WARMUP)
    found = factors(schedule, warmup_steps=WARMUP)
    assert found == pytest.approx(rise + fall, rel=1e-6, abs=1e-9)


def test_onecycles_warmup_is_its_own_rise():
    expected = torch_factors(
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=TOTAL, pct_start=WARMUP / TOTAL),
        TOTAL - 1,
    )
    found = factors("onecycle", warmup_steps=WARMUP)
    assert found[:-1] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found[WARMUP - 1] == 1
    assert found[-1] == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 2, 3 / 5),  # the third of 4 steps of warm-up, of 5 that reach 1
        ("constant", 4, 1.0),
        ("cosine", 8, (1 + math.cos(math.pi / 4)) / 2),  # 4 of 16 steps after the warm-up
        ("poly", 12, 0.5**0.9),
        ("step", 11, 1.0),
        ("step", 12, 0.1),
        ("step", 16, 0.01),
        ("onecycle", 0, 0.04),
        ("onecycle", 3, 1.0),
    ],
)
def test_hand_worked_factors_of_20_steps_with_4_of_warmup(schedule, step, expected):
    assert learning_rate_factor(schedule, step, 20, 4) == pytest.approx(expected)


@given(NAMES, st.integers(1, 300), st.integers(0, 400), st.integers(0, 300))
def test_factors_are_above_0_and_at_most_1(schedule, total_steps, warmup_steps, step):
    assert 0 < learning_rate_factor(schedule, step, total_steps, warmup_steps) <= 1


@given(NAMES, st.integers(1, 60), st.integers(0, 60))
def test_factors_rise_to_one_peak_and_never_rise_after_it(schedule, total_steps, warmup_steps):
    found = factors(schedule, total_steps, warmup_steps)
    peak = found.index(max(found))
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_of_one_step_has_the_full_rate_and_the_end_is_kept(schedule):
    assert learning_rate_factor(schedule, 0, 1, 0) == 1
    last = learning_rate_factor(schedule, TOTAL - 1, TOTAL, WARMUP)
    assert learning_rate_factor(schedule, TOTAL + 3, TOTAL, WARMUP) == last


def test_a_run_shorter_than_its_warmup_ends_within_it():
    assert factors("cosine", total_steps=3, warmup_steps=9) == pytest.approx([0.1, 0.2, 0.3])
