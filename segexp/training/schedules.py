"""Learning-rate schedules as pure functions of the step."""

import math

from segexp.core.errors import InputError, did_you_mean

SCHEDULES = ("constant", "cosine", "poly", "onecycle", "step")

POLY_POWER = 0.9  # Chen et al. 2017 (DeepLab)
STEP_MILESTONES = (0.5, 0.75)  # He et al. 2016, CIFAR-10: 32k and 48k of 64k steps
STEP_GAMMA = 0.1  # He et al. 2016
ONECYCLE_RISE = 0.3  # torch's OneCycleLR: pct_start, div_factor, final_div_factor
ONECYCLE_START = 1 / 25
ONECYCLE_END = 1 / 25 / 1e4


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup_steps: int) -> float:
    """Multiplier of the base learning rate at one optimizer step.

    Warm-up is linear, (step + 1) / (warmup_steps + 1), so that the first step already learns and
    the step after the warm-up has the factor 1 (torch's LinearLR from 1 / (warmup_steps + 1)). With
    t = step - warmup_steps and T = total_steps - warmup_steps the rest is

    - ``constant``: 1.
    - ``cosine``: (1 + cos(pi t / T)) / 2 (Loshchilov & Hutter 2017, without restarts).
    - ``poly``: (1 - t / T)^0.9.
    - ``step``: 1, then 0.1 from t / T = 0.5, then 0.01 from 0.75.
    - ``onecycle``: torch's OneCycleLR. Its own cosine rise from 1/25 to 1 *is* the warm-up and
      takes ``warmup_steps``, or 30% of all steps where that is 0; then a cosine fall to 4e-6.

    A run shorter than its warm-up ends within the warm-up.

    Args:
        schedule: One of ``SCHEDULES``.
        step: Optimizer step from 0. Steps past the end keep the last step's factor.
        total_steps: Optimizer steps of the whole run, at least 1.
        warmup_steps: Steps of the warm-up, at least 0.

    Returns:
        The factor, in (0, 1].

    Raises:
        InputError: ``schedule`` is none of ``SCHEDULES``.
        ValueError: ``step`` or ``warmup_steps`` is negative, or ``total_steps`` is below 1.
    """
    if schedule not in SCHEDULES:
        hint = did_you_mean(schedule, SCHEDULES)
        raise InputError(f"schedule {schedule!r} is not one of {', '.join(SCHEDULES)}{hint}")
    if step < 0 or warmup_steps < 0 or total_steps < 1:
        raise ValueError(
            f"{step=} and {warmup_steps=} must be at least 0, {total_steps=} at least 1"
        )
    step = min(step, total_steps - 1)
    if schedule == "onecycle":
        return _onecycle(step, total_steps, warmup_steps or ONECYCLE_RISE * total_steps)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    done = (step - warmup_steps) / (total_steps - warmup_steps)
    if schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    if schedule == "poly":
        return float((1 - done) ** POLY_POWER)
    if schedule == "step":
        return float(STEP_GAMMA ** sum(done >= milestone for milestone in STEP_MILESTONES))
    return 1.0


def _onecycle(step: int, total_steps: int, rise_steps: float) -> float:
    # torch would start a very short run behind the peak, with its smallest factor.
    peak = max(rise_steps - 1, 0.0)
    if step < peak:
        return _cosine_between(ONECYCLE_START, 1.0, step / peak)
    fall = total_steps - 1 - peak
    return _cosine_between(1.0, ONECYCLE_END, (step - peak) / fall if fall > 0 else 0.0)


def _cosine_between(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
