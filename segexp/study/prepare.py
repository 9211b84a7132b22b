"""One training, put together from a configuration: data, model, loss, optimizer, validation."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segexp.core.config import Config, TrainingConfig
from segexp.data.augment import make_augmentation, make_finish, zoom_of
from segexp.data.batches import Batches, make_loader
from segexp.data.cache import Dataset
from segexp.data.crops import Crops
from segexp.data.repeat_factors import repeat_factors
from segexp.data.stats import count_labels
from segexp.evaluation.evaluate import Evaluation, evaluate, ids_of, label_batches, merged
from segexp.evaluation.metrics import COMMON, COMMON_ARGMAX, OWN
from segexp.evaluation.rulers import Ruler, make_ruler
from segexp.labels.mapping import Mapping
from segexp.training.class_weights import class_weights
from segexp.training.compute import choose_compute
from segexp.training.ema import average_of
from segexp.training.fit import Optimization, Trainer, make_optimizer
from segexp.training.hierarchy import make_level, mean_of_levels
from segexp.training.loss import Loss, make_loss, module_of
from segexp.training.network import make_model
from segexp.training.network_check import fails_alone
from segexp.training.preprocess import forward, make_preprocessing
from segexp.training.ranks import Ranks, rest_unused, shares_statistics, with_shared_statistics
from segexp.training.reading import Reading, fitted, reading_of


@dataclass(frozen=True)
class Training:
    """A model with all that is needed to train and score it.

    Attributes:
        trainer: With the model at its first weights.
        read: How probabilities are read from the model as it is: fits its temperature on the val
            split.
        rulers: Of its evaluations, read in this way, by name; `segexp.evaluation.metrics.RULERS`.
    """

    trainer: Trainer[Evaluation]
    read: Callable[[], Reading]
    rulers: Callable[[Reading], dict[str, Ruler]]


def prepare_training(
    config: Config,
    dataset: Dataset,
    mapping: Mapping,
    common: Mapping,
    project: Path = Path(),
    rank: int = 0,
) -> Training:
    """Put a training together; seeds Python, NumPy and torch first.

    Args:
        config: With a trial's params in it.
        dataset: The data, at the configured size.
        common: The common space of all mappings that this one is compared with.
        project: Where a relative directory of encoder weights starts.
        rank: Of this process among the ``training.devices`` that train the model.

    Raises:
        InputError: When the model cannot be built.
        WorkError: When its weights cannot be fetched.
    """
    training = config.training
    seed_everything(training.seed)
    ranks = Ranks(rank, training.devices)
    compute = choose_compute(training.precision)
    preprocessing = make_preprocessing(config, dataset)
    batches = _train_batches(config, dataset, mapping, ranks)
    made = make_model(
        config.model.arch,
        config.model.encoder,
        config.model.encoder_weights,
        len(mapping.classes),
        config.model.decoder_width,
        config.data.image_size,
        project=project,
    )
    model = compute.place(with_shared_statistics(made, training.devices))
    loss_of, weights, reading = _loss(training, dataset, mapping, compute.device)
    table = mapping.lookup()
    average = average_of(model, training.ema) if training.ema else None
    scored = average.model if average else model
    read = partial(fitted, reading, scored, dataset.val, table, preprocessing, compute)
    rulers = partial(_rulers, mapping, common)
    own_ids = ids_of(dataset.val, ranks.shard)
    score = partial(
        evaluate,
        scored,
        label_batches(dataset.val, ranks.shard),
        own_ids,
        preprocessing=preprocessing,
        compute=compute,
        loss=(loss_of, torch.from_numpy(table)),
    )
    merges = any(ruler.merges for ruler in rulers(reading).values())

    def validate() -> Evaluation:
        by = rulers(ranks.from_first(read) if merges else reading)
        parts = ranks.gathered(lambda: score(by) if own_ids else None)
        return merged([part for part in parts if part is not None])

    optimization = Optimization(
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        schedule=training.schedule,
        warmup_epochs=training.warmup_epochs,
        gradient_clip=training.gradient_clip,
        encoder_lr_factor=training.encoder_lr_factor,
        layer_decay=training.layer_decay,
        freeze_encoder_epochs=training.freeze_encoder_epochs,
        accumulate=training.accumulate,
    )
    optimizer = make_optimizer(model, optimization)
    if ranks.size > 1:
        images = torch.zeros(2, 3, *config.crop_size, dtype=torch.uint8)
        rest_unused(model, lambda copy: forward(copy, images, preprocessing, compute))
    trainer = Trainer(
        model,
        optimizer,
        batches,
        validate,
        loss_of,
        optimization,
        preprocessing,
        compute,
        average,
        weights if module_of(training.loss).WEIGHTS_SHIFT_PROBABILITIES else None,
        ranks,
    )
    return Training(trainer, read, rulers)


def _train_batches(config: Config, dataset: Dataset, mapping: Mapping, ranks: Ranks) -> Batches:
    training = config.training
    # What is left over is left out where a rank would have no image of it, or a single one that
    # cannot be normalised.
    left = len(dataset.train) % training.batch_size
    is_one_left = left // ranks.size == 1 and not shares_statistics(ranks.size)
    drops_it = 0 < left < ranks.size or (
        is_one_left and fails_alone(config.model.arch, config.model.encoder, config.crop_size)
    )
    return make_loader(
        dataset.train,
        mapping.lookup(),
        batch_size=training.batch_size,
        shuffle=True,
        seed=training.seed,
        augment=make_augmentation(training.augmentation, config.crop_size, training.zoom),
        drop_last=drops_it,
        crops=_crops(config, dataset, mapping),
        finish=make_finish(training.augmentation),
        factors=_factors(training.repeat_rare, dataset, mapping),
        shard=ranks.shard,
    )


def _loss(
    training: TrainingConfig, dataset: Dataset, mapping: Mapping, device: torch.device
) -> tuple[Loss, Tensor | None, Reading]:
    """Return the loss, its class weights, and how a model is read that is trained with it."""
    weigh = partial(
        _weights_and_reading, training.loss, training.loss_weighting, dataset, device=device
    )
    make = partial(make_loss, training.loss, smoothing=training.label_smoothing)
    weights, reading = weigh(mapping)
    own = make(weights)
    if not mapping.also:
        return own, weights, reading
    levels = [make_level(mapping, to, make, weigh(to)[0], device) for to in mapping.also]
    return mean_of_levels(own, levels), weights, reading


def _factors(threshold: float, dataset: Dataset, mapping: Mapping) -> NDArray[np.float64] | None:
    if threshold == 0:  # the train split need not be counted
        return None
    return repeat_factors(dataset.train, mapping.lookup(), len(mapping.classes), threshold)


def _crops(config: Config, dataset: Dataset, mapping: Mapping) -> Crops:
    training = config.training
    pixels = None
    if training.crop_rare:
        pixels = count_labels(dataset.train, len(mapping.classes), mapping.lookup()).pixels
    return Crops(
        config.crop_size,
        zoom_of(training.augmentation, training.zoom),
        training.crop_max_share,
        training.crop_rare,
        pixels,
    )


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _rulers(mapping: Mapping, common: Mapping, reading: Reading) -> dict[str, Ruler]:
    return {
        OWN: make_ruler(mapping, mapping, reading=reading),
        COMMON: make_ruler(mapping, common, "sum", reading),
        COMMON_ARGMAX: make_ruler(mapping, common, "argmax", reading),
    }


def _weights_and_reading(
    loss: str, weighting: str, dataset: Dataset, mapping: Mapping, device: torch.device
) -> tuple[Tensor | None, Reading]:
    """Return the class weights, and how a model is read that is trained with them."""
    if weighting == "none":  # the train split need not be counted
        return None, reading_of(loss, weighting)
    counts = count_labels(dataset.train, len(mapping.classes), mapping.lookup())
    weights = class_weights(weighting, counts.pixels, counts.pixels_where_present)
    reading = reading_of(loss, weighting, counts.pixels, counts.pixels_where_present)
    return torch.from_numpy(weights).float().to(device), reading  # once, not at every step
