"""What the benchmarks of one trial share: scenes, segexp's own training on them, and a table."""

import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import bare
import torch
from study import machine
from torch import nn

from segexp.data.augment import make_augmentation
from segexp.data.batches import Batches, make_loader
from segexp.data.cache import Dataset, open_dataset
from segexp.data.layout import SyntheticCounts, open_source
from segexp.evaluation.evaluate import Evaluation, evaluate, label_batches
from segexp.evaluation.metrics import COMMON, COMMON_ARGMAX, OWN
from segexp.evaluation.rulers import make_ruler
from segexp.labels.files import load_mapping
from segexp.labels.mapping import Mapping
from segexp.training.compute import Compute
from segexp.training.fit import EpochResult, Optimization, Step, Trainer
from segexp.training.loss import Loss, make_loss
from segexp.training.preprocess import Preprocessing

MAPPINGS = Path(__file__).parents[1] / "mappings"
AUGMENTATION = 0.3  # config.yaml's


@dataclass(frozen=True)
class Scenes:
    """A drawn data set, with the mapping of its 19 classes and its normalisation."""

    dataset: Dataset
    mapping: Mapping
    preprocessing: Preprocessing


def draw_scenes(
    size: tuple[int, int], cache: Path, train: int = 96, val: int = 32, test: int = 1
) -> Scenes:
    """Draw as many scenes as the default configuration has; the same ones each time."""
    mapping = load_mapping(MAPPINGS / "cityscapes19.yaml")
    # Half of val is held out where there is no test split.
    source = open_source(
        "synthetic", None, mapping.taxonomy, SyntheticCounts(train, val, test, 0, size)
    )
    dataset = open_dataset(source, size, cache)
    mean, std = dataset.mean.tolist(), dataset.std.tolist()
    normalisation = Preprocessing(size, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
    return Scenes(dataset, mapping, normalisation)


def scene_batches(scenes: Scenes, seed: int = 0, augmentation: float = AUGMENTATION) -> Batches:
    """Return the train split's batches as a trial makes them."""
    return make_loader(
        scenes.dataset.train,
        scenes.mapping.lookup(),
        batch_size=bare.BATCH_SIZE,
        shuffle=True,
        seed=seed,
        augment=make_augmentation(augmentation, scenes.preprocessing.image_size),
    )


def fit_scenes(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scenes: Scenes,
    compute: Compute,
    optimization: Optimization,
    *,
    epochs: int,
    done: int = 0,
    seed: int = 0,
    augmentation: float = AUGMENTATION,
    validate: Callable[[], Evaluation] | None = None,
    loss: Loss | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Iterator[EpochResult[Evaluation]]:
    """Train as a trial does, with its three rulers, by cross-entropy.

    ``done`` of the epochs came before; ``validate`` and ``loss`` replace its own.
    """
    mapping, loss = scenes.mapping, loss or make_loss("cross_entropy")
    common = load_mapping(MAPPINGS / "merged10.yaml")
    rulers = {
        OWN: make_ruler(mapping, mapping),
        COMMON: make_ruler(mapping, common, "sum"),
        COMMON_ARGMAX: make_ruler(mapping, common, "argmax"),
    }
    score = partial(
        evaluate,
        model,
        label_batches(scenes.dataset.val),
        scenes.dataset.val.ids,
        rulers,
        preprocessing=scenes.preprocessing,
        compute=compute,
        loss=(loss, torch.from_numpy(mapping.lookup())),
    )
    trainer = Trainer(
        model,
        optimizer,
        scene_batches(scenes, seed, augmentation),
        validate or score,
        loss,
        optimization,
        scenes.preprocessing,
        compute,
    )
    return trainer.epochs(epochs, done=done, on_step=on_step)


def setting(compute: Compute, *packages: str) -> str:
    """Return the machine and the versions, for the line above a table."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *packages))
    return f"{machine()}, {platform.system()}, {versions}; {compute.description}"


def clock_named(name: str) -> Callable[[], float]:
    """Return the wall's clock, or the processor's time, for one thread on a busy machine."""
    return time.perf_counter if name == "wall" else time.process_time


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return the median with the smallest and the largest value."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"
