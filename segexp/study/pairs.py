"""Pairs of architecture and encoder that a study cannot train, and leaves out of its space."""

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dict
from itertools import chain, product
from pathlib import Path
from typing import Any

from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.config_keys import with_values
from segexp.study.space import Parameter, values_of
from segexp.training.network import arch_faults, crop_fault, encoder_faults
from segexp.training.network_check import Pair, check_pairs

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
    """
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
            if verdict.alone is not None and min(size, train_images) == 1:
                found[*pair, ("training.batch_size", size)] = (
                    f"{verdict.alone}; a batch is one image"
                )
    return found


def describe_impossible(found: Dict[tuple[tuple[str, Any], ...], str]) -> list[str]:
    """Say what is left out and why, one line for each architecture and reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for (_, arch), (_, encoder), *rest in found:
        reason = found[("model.arch", arch), ("model.encoder", encoder), *rest]
        where = [f" ({key.rpartition('.')[2]} {value})" for key, value in rest]
        grouped.setdefault((arch, reason), []).append("".join([encoder, *where]))
    return [f"{arch} on {', '.join(names)}: {why}" for (arch, why), names in grouped.items()]
