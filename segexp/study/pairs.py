"""Pairs of architecture and encoder that a study cannot train, and leaves out of its space."""

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dict
from itertools import chain, product
from pathlib import Path
from typing import Any

from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.config_keys import with_values
from segexp.core.errors import InputError
from segexp.study.space import Parameter, values_of
from segexp.training.network import arch_faults, crop_fault, encoder_faults
from segexp.training.network_check import Pair, check_pairs
from segexp.training.ranks import devices_fault, shares_statistics

CHECKS_FILE = "models.json"


def model_faults(archs: Iterable[str], encoders: Iterable[str]) -> list[str]:
    """List what is wrong with names of architectures and encoders, checked separately."""
    return [*chain.from_iterable((*map(arch_faults, archs), *map(encoder_faults, encoders)))]


def impossible(
    project: Path,
    config: Config,
    space: Dict[str, Parameter],
    train_images: int,
    starting: Callable[[int], None] = lambda count: None,
) -> dict[tuple[tuple[str, Any], ...], str]:
    """Find the values that cannot be trained together, by building and running every pair once.

    Args:
        project: The project directory, which keeps the verdicts.
        train_images: How many images; batches are not larger.
        starting: Takes the number of pairs that are not known yet.

    Returns:
        Why, by arch and encoder, and the batch size or the crop if that is the reason. One image
        left over from an epoch's batches is not a reason: it is skipped.

    Raises:
        InputError: When this machine has fewer devices than one training asks for.
    """
    devices = config.training.devices
    if fault := devices_fault(devices):
        raise InputError(fault)
    archs, encoders, batch_sizes, crops = (
        values_of(space, config, key)
        for key in ("model.arch", "model.encoder", "training.batch_size", "training.crop")
    )
    pairs: list[Pair] = list(product(map(str, archs), map(str, encoders)))
    file = project / WORK_DIRECTORY / CHECKS_FILE
    verdicts = check_pairs(pairs, config.crop_size, file, starting)
    found: dict[tuple[tuple[str, Any], ...], str] = {}
    for (arch, encoder), verdict in verdicts.items():
        pair = (("model.arch", arch), ("model.encoder", encoder))
        if verdict.refused is not None:
            of_crop = crop_fault(arch, encoder, config.crop_size, config.data.image_size)
            found[pair] = of_crop or verdict.refused
            continue
        for crop in crops:
            size = with_values(config, {"training.crop": crop}).crop_size
            if fault := crop_fault(arch, encoder, size, config.data.image_size):
                found[*pair, ("training.crop", crop)] = fault
        for size in batch_sizes:
            if fault := _batch_fault(size, train_images, devices, verdict.alone):
                found[*pair, ("training.batch_size", size)] = fault
    return found


def _batch_fault(size: int, images: int, devices: int, alone: str | None) -> str | None:
    """Say why batches of a size cannot be trained on.

    Args:
        alone: Why a device cannot be trained on one image; None if it can.
    """
    of_a_device = min(size, images) // devices
    if size % devices:
        return f"{devices} devices cannot take equal parts of a batch"
    if of_a_device == 0:
        return f"{devices} devices, and train has {images} image{'s'[: images > 1]}"
    if alone is not None and of_a_device == 1 and not shares_statistics(devices):
        whose = "a device's part of a batch" if devices > 1 else "a batch"
        return f"{alone}; {whose} is one image"
    return None


def describe_impossible(found: Dict[tuple[tuple[str, Any], ...], str]) -> list[str]:
    """Say what is left out and why, one line for each architecture and reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for (_, arch), (_, encoder), *rest in found:
        reason = found[("model.arch", arch), ("model.encoder", encoder), *rest]
        where = [f" ({key.rpartition('.')[2]} {value})" for key, value in rest]
        grouped.setdefault((arch, reason), []).append("".join([encoder, *where]))
    return [f"{arch} on {', '.join(names)}: {why}" for (arch, why), names in grouped.items()]
