"""How many worker processes run a study's trials, and what each of them computes on.

On a CPU of two cores, two workers of one thread do more than one worker of two threads, and two of
two threads far less: their threads spin while they wait. So threads add up to the cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import psutil
import torch

from segexp.core.config import Config
from segexp.study.plan import ListPlan, SearchPlan
from segexp.training.compute import choose_compute

# Measured with seven models at 128x256: 750 to 830 MB before the first batch, and 1 to 6 kB per
# pixel of a batch, with weights and optimizer.
_BYTES = 1_000_000_000
_BYTES_PER_PIXEL = 4_000
_SHARE_OF_MEMORY = 0.8

_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Seat:
    """What one worker computes on.

    Attributes:
        threads: Of torch; 0 for its own choice.
        gpu: The index of its CUDA device, or of the first of several; None where there is none.
    """

    threads: int
    gpu: int | None = None


def seat_workers(plans: Sequence[SearchPlan | ListPlan], workers: int | None) -> list[Seat]:
    """Divide the machine among workers.

    Args:
        plans: Of the studies that take turns.
        workers: How many; None for as many as have GPUs, `training.devices` each. Without a GPU:
            as many as cores and memory allow, but no more than can be sampled before others end: a
            fifth of a study's trials, at least four.
    """
    devices = plans[0].base.config.training.devices
    gpus = torch.cuda.device_count()
    cores = joblib.cpu_count()
    if workers is None:
        device = choose_compute(plans[0].base.config.training.precision).device.type
        workers = _most_on_cpu(plans, cores) if device == "cpu" else max(1, gpus // devices)
    # OMP_NUM_THREADS may ask for fewer.
    threads = min(max(1, cores // workers), torch.get_num_threads()) if workers > 1 else 0
    return [Seat(threads, place * devices % gpus if gpus else None) for place in range(workers)]


def describe_team(seats: Sequence[Seat], precision: str, devices: int = 1) -> str:
    """Say who computes, such as ``2 workers of 1 thread on cpu, bf16, channels_last``."""
    compute = choose_compute(precision).description
    if devices > 1:
        compute += f", {devices} devices each"
    if len(seats) < 2:
        return f"1 worker on {compute}"
    threads = seats[0].threads
    return f"{len(seats)} workers of {threads} thread{'s'[: threads > 1]} on {compute}"


def _most_on_cpu(plans: Sequence[SearchPlan | ListPlan], cores: int) -> int:
    at_once = sum(
        len(p.listed) if isinstance(p, ListPlan) else max(4, p.base.study.trials // 5)
        for p in plans
    )
    config = plans[0].base.config
    in_memory = int(_SHARE_OF_MEMORY * _memory() / _bytes_of_worker(config))
    return max(1, min(cores // config.training.devices, at_once, in_memory))


def _bytes_of_worker(config: Config) -> int:
    height, width = config.crop_size
    training = config.training
    return training.devices * _BYTES + training.batch_size * height * width * _BYTES_PER_PIXEL


def _memory() -> int:
    """Bytes of memory that this process may have, with others or without."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = _MEMORY_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total
