"""What a model costs to run: parameters, multiplications, and the time for one image."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segexp.training.compute import Compute
from segexp.training.network import REFUSALS

WARM_UP, PASSES = 2, 5
ROUND_SECONDS = 0.1
"""A round of passes that take longer has fewer of them: there is less chance in each."""

FEWEST_ROUNDS, MOST_ROUNDS = 4, 8
AGREEMENT = 0.02
"""The two fastest rounds differ by no more than this when enough have been run."""


@dataclass(frozen=True)
class Cost:
    """The cost of one image, at the size that the network sees.

    Attributes:
        parameters: Numbers that are trained.
        macs: Multiplications with an addition, of convolutions and matrix products; from the shapes
            alone, so the same on every machine.
        latency_ms: Milliseconds for one image, normalised and on the device already, up to its
            logits.
        measured_on: The device, the number format and, on a CPU, the threads.
    """

    parameters: int
    macs: int
    latency_ms: float
    measured_on: str


def measure_cost(model: nn.Module, image_size: tuple[int, int], compute: Compute) -> Cost:
    """Measure a model in evaluation mode, and leave it in the mode that it was in.

    Args:
        model: On its device already.
        image_size: Height and width in pixels, multiples of 32.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():  # not inference mode: what a model keeps of a pass may be trained on
            macs = count_macs(model, image_size)
            latency, device = measure_latency(model, image_size, compute)
    finally:
        model.train(was_training)
    parameters = sum(p.numel() for p in model.parameters())
    return Cost(parameters, macs, latency, device)


def count_macs(model: nn.Module, image_size: tuple[int, int]) -> int:
    """Count the multiply-accumulates of one image: half of the FLOPs that torch counts.

    The image and the weights are shapes without values where a model allows that: at any size it
    takes a fraction of a second.
    """
    state = model.state_dict(keep_vars=True)
    try:
        return _flops(model, {k: v.to("meta") for k, v in state.items()}, image_size) // 2
    except REFUSALS:  # it reads a value, as of `.item()`
        return _flops(model, dict(state), image_size) // 2


def _flops(model: nn.Module, state: dict[str, Tensor], image_size: tuple[int, int]) -> int:
    device = next(iter(state.values())).device
    image = torch.empty(1, 3, *image_size, device=device)
    with FlopCounterMode(display=False) as counter:
        torch.func.functional_call(model, state, (image,))
    return int(counter.get_total_flops())


def measure_latency(
    model: nn.Module, image_size: tuple[int, int], compute: Compute
) -> tuple[float, str]:
    """Measure the milliseconds for one image, on a machine that may be busy.

    On a CPU it is the time of one thread on its core: what other processes take does not count, and
    workers with different numbers of threads measure the same. On a GPU it is the time between two
    events there. Other work makes a pass longer even so, through caches and memory, and never
    shorter: the fastest pass counts. Passes are timed in rounds of five, or of a tenth of a second
    where five take longer, until the two fastest rounds agree.

    Args:
        model: In evaluation mode, on its device.

    Returns:
        The latency, and where it was measured.
    """
    image = compute.send(torch.zeros(1, 3, *image_size))
    threads = torch.get_num_threads()
    is_cpu = compute.device.type == "cpu"
    timed = {"cpu": _seconds_of_thread, "cuda": _seconds_of_gpu}.get(
        compute.device.type, _seconds_of_other
    )
    if is_cpu:
        torch.set_num_threads(1)
    try:
        rounds: list[float] = []
        with compute.autocast():
            for _ in range(WARM_UP):
                seconds = timed(lambda: model(image))
            passes = min(PASSES, max(1, round(ROUND_SECONDS / max(seconds, 1e-9))))
            while len(rounds) < FEWEST_ROUNDS or (
                len(rounds) < MOST_ROUNDS and not _agree(sorted(rounds))
            ):
                rounds.append(min(timed(lambda: model(image)) for _ in range(passes)))
    finally:
        torch.set_num_threads(threads)
    return 1e3 * min(rounds), f"{compute.description}{', 1 thread' if is_cpu else ''}"


def _agree(fastest_first: list[float]) -> bool:
    return fastest_first[1] <= (1 + AGREEMENT) * fastest_first[0]


def _seconds_of_thread(run: Callable[[], object]) -> float:
    started = time.thread_time()
    run()
    return time.thread_time() - started


def _seconds_of_gpu(run: Callable[[], object]) -> float:
    started: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    ended: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    started.record()
    run()
    ended.record()
    ended.synchronize()
    return float(started.elapsed_time(ended)) / 1e3


def _seconds_of_other(run: Callable[[], object]) -> float:
    """Time a pass on a device without events of its own, such as Apple's."""
    started = time.perf_counter()
    run()
    torch.mps.synchronize()
    return time.perf_counter() - started
