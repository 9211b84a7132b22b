"""Learning-rate schedules as pure functions of the step; a schedule is one function here."""

import math
from collections.abc import Callable

Schedule = Callable[[int, int, int], float]
"""Takes the step (from 0), the number of steps, and of warm-up steps; returns the factor of the
base learning rate."""

SCHEDULES: dict[str, Schedule] = {}

POLY_POWER = 0.9  # Chen et al. 2017 (DeepLab)
STEP_MILESTONES = (0.5, 0.75)  # He et al. 2016, CIFAR-10: 32k and 48k of 64k steps
STEP_GAMMA = 0.1  # He et al. 2016
ONECYCLE_RISE = 0.3  # torch's OneCycleLR: pct_start, div_factor, final_div_factor
ONECYCLE_START = 1 / 25
ONECYCLE_END = 1 / 25 / 1e4


def schedule(function: Schedule) -> Schedule:
    """Add a schedule, which does its own warm-up, under its function's name."""
    SCHEDULES[function.__name__] = function
    return function


def after_warmup(curve: Callable[[float], float]) -> Callable[[float], float]:
    """Add a schedule that follows a curve after a linear warm-up.

    The curve takes the share of the steps after the warm-up that are done, 0 to 1. The warm-up is
    (step + 1) / (warmup_steps + 1): the first step already learns, and the first step after the
    warm-up starts the curve (torch's LinearLR from 1 / (warmup_steps + 1)). A run shorter than its
    warm-up ends within it.
    """

    def factor(step: int, total_steps: int, warmup_steps: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return curve((step - warmup_steps) / (total_steps - warmup_steps))

    SCHEDULES[curve.__name__] = factor
    return curve


def learning_rate_factor(name: str, step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the factor of the base learning rate at one optimizer step.

    Args:
        name: One of ``SCHEDULES``.
        step: Optimizer step from 0. Steps past the end keep the last step's factor.
        total_steps: Optimizer steps of the whole run, at least 1.
        warmup_steps: Steps of the warm-up, at least 0.

    Returns:
        The factor, in (0, 1].
    """
    return SCHEDULES[name](min(step, total_steps - 1), total_steps, warmup_steps)


@after_warmup
def constant(done: float) -> float:
    """1."""
    return 1.0


@after_warmup
def cosine(done: float) -> float:
    """(1 + cos(pi t)) / 2 (Loshchilov & Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * done)) / 2


@after_warmup
def poly(done: float) -> float:
    """(1 - t)^0.9."""
    return float((1 - done) ** POLY_POWER)


@schedule
def onecycle(step: int, total_steps: int, warmup_steps: int) -> float:
    """Torch's OneCycleLR: a cosine rise from 1/25 to 1, then a cosine fall to 4e-6.

    The rise *is* the warm-up and takes ``warmup_steps``, or 30% of all steps if that is 0.
    """
    # torch would start a very short run after the peak, at its smallest factor.
    peak = max((warmup_steps or ONECYCLE_RISE * total_steps) - 1, 0.0)
    if step < peak:
        return _cosine_between(ONECYCLE_START, 1.0, step / peak)
    fall = total_steps - 1 - peak
    return _cosine_between(1.0, ONECYCLE_END, (step - peak) / fall if fall > 0 else 0.0)


@after_warmup
def step(done: float) -> float:
    """1, then 0.1 after half of the steps, then 0.01 after three quarters."""
    return float(STEP_GAMMA ** sum(done >= milestone for milestone in STEP_MILESTONES))


def _cosine_between(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
