"""How many trials a cluster has room for."""

from collections.abc import Mapping

from segexp.core.config import EngineConfig
from segexp.core.errors import InputError


def resources_of_trial(
    engine: EngineConfig, devices: int, per_gpu: int | None, there_are: Mapping[str, float]
) -> tuple[float, float]:
    """Return how many CPUs and GPUs a trial has.

    Args:
        engine: What is configured; its ``num_gpus`` is null for one share of a GPU, or for
            ``devices`` of them, where the cluster has any.
        devices: How many a training uses.
        there_are: Ray's resources of the cluster.
    """
    if engine.num_gpus is not None:
        return engine.num_cpus, engine.num_gpus
    share = float(devices) if devices > 1 else 1 / (per_gpu or 1)
    return engine.num_cpus, share if there_are.get("GPU") else 0.0


def room_for(resources: tuple[float, float], there_are: Mapping[str, float]) -> int:
    """Return how many trials of so many CPUs and GPUs a cluster has room for.

    Raises:
        InputError: When there is none.
    """
    rooms = [
        int(there_are.get(name, 0.0) / each + 1e-6)
        for name, each in zip(("CPU", "GPU"), resources, strict=True)
        if each
    ]
    if not rooms or min(rooms) < 1:
        raise InputError(
            f"engine: a trial is to have {in_words(resources)}, and Ray's cluster has "
            f"{there_are.get('CPU', 0):g} CPUs and {there_are.get('GPU', 0):g} GPUs; set "
            "engine.num_cpus and engine.num_gpus"
        )
    return min(rooms)


def in_words(resources: tuple[float, float]) -> str:
    """Say what a trial has, such as ``1 CPU and 0.5 GPU``."""
    cpus, gpus = resources
    return f"{cpus:g} CPU" + (f" and {gpus:g} GPU" if gpus else "")
