"""Training: `fit` trains a model and yields one result per epoch. It knows no Optuna, no MLflow."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import SupportsFloat

import torch
from torch import nn

from segexp.core.errors import InputError, WorkError, did_you_mean
from segexp.data.batches import Batches
from segexp.evaluation.evaluate import Evaluation, NonFiniteLogitsError
from segexp.training.compute import Compute
from segexp.training.losses import Loss
from segexp.training.preprocess import Preprocessing, forward, is_finite
from segexp.training.schedules import learning_rate_factor


@dataclass(frozen=True)
class Optimization:
    """How the weights are changed.

    Attributes:
        optimizer: ``adamw`` or ``sgd``.
        learning_rate: The peak of the schedule.
        weight_decay: Decoupled (AdamW) or L2 (SGD).
        schedule: A name in `segexp.training.schedules.SCHEDULES`.
        warmup_epochs: Linear warm-up before the schedule; may be a fraction.
        gradient_clip: The largest gradient norm; 0 does not clip.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_epochs: float
    gradient_clip: float


@dataclass(frozen=True)
class Step:
    """Where training is, for a progress display.

    ``loss`` is a scalar that stays on its device until it is read.
    """

    epoch: int
    step: int
    steps: int
    images: int
    loss: SupportsFloat


@dataclass(frozen=True)
class EpochResult:
    """What one epoch gave.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the epoch's steps.
        learning_rate: Of the epoch's last step.
        validation: The evaluation of the val split after the epoch.
        seconds: Training and validation together.
        images_per_s: Training images per second of training.
    """

    epoch: int
    train_loss: float
    learning_rate: float
    validation: Evaluation
    seconds: float
    images_per_s: float


class DivergedError(WorkError):
    """The loss, or a number of the model, became NaN or infinite."""


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    validate: Callable[[], Evaluation],
    loss_of: Loss,
    optimization: Optimization,
    *,
    epochs: int,
    preprocessing: Preprocessing,
    compute: Compute,
    epochs_done: int = 0,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Iterator[EpochResult]:
    """Train a model, and validate it after every epoch.

    The caller may stop between epochs by not asking for the next result.

    Args:
        model: On its device already; gives logits.
        optimizer: From `make_optimizer`.
        batches: Of the train split, anywhere.
        validate: Evaluates the model as it is.
        loss_of: Logits and class indices to a scalar.
        optimization: What the optimizer was made from, with the schedule.
        epochs: How many there are in all.
        preprocessing: Normalises each batch on the device.
        compute: The device and precision.
        epochs_done: How many of them an interrupted training had done; model and optimizer are
            as they were after the last of those.
        on_step: Called after every step; what it raises ends the training there.

    Raises:
        DivergedError: When an epoch's training or validation loss is not finite, or a validation
            image's logits are not, or the model's weights and buffers, with the epoch and the
            learning rate.
    """
    steps = len(batches)
    warmup_steps = round(optimization.warmup_epochs * steps)
    for epoch in range(epochs_done + 1, epochs + 1):
        started = time.perf_counter()
        batches.set_epoch(epoch)
        model.train()
        loss_sum = torch.zeros((), device=compute.device)
        seen = 0
        learning_rate = optimization.learning_rate
        for number, (images, target) in enumerate(batches):
            learning_rate = optimization.learning_rate * learning_rate_factor(
                optimization.schedule, (epoch - 1) * steps + number, epochs * steps, warmup_steps
            )
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            logits = forward(model, images, preprocessing, compute)
            loss = loss_of(logits, target.to(compute.device, non_blocking=True))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if optimization.gradient_clip:
                nn.utils.clip_grad_norm_(model.parameters(), optimization.gradient_clip)
            optimizer.step()
            loss_sum += loss.detach()
            seen += len(images)
            on_step(Step(epoch, number + 1, steps, seen, loss.detach()))
        train_loss = float(loss_sum) / steps
        trained = time.perf_counter()
        _refuse_diverged("training", train_loss, epoch, learning_rate)
        try:
            validation = validate()
        except NonFiniteLogitsError as error:
            raise DivergedError(
                f"{error}, in epoch {epoch} at a learning rate of {learning_rate:.3g}"
            ) from error
        _refuse_diverged("validation", validation.loss, epoch, learning_rate)
        if broken := broken_tensors(model):
            raise DivergedError(
                f"NaN or infinite numbers in {len(broken)} of the model's tensors, such as "
                f"{broken[0]}, in epoch {epoch} at a learning rate of {learning_rate:.3g}"
            )
        yield EpochResult(
            epoch=epoch,
            train_loss=train_loss,
            learning_rate=learning_rate,
            validation=validation,
            seconds=time.perf_counter() - started,
            images_per_s=seen / (trained - started),
        )


def _refuse_diverged(what: str, loss: float, epoch: int, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {what} loss is {loss} in epoch {epoch} at a learning rate of {learning_rate:.3g}"
        )


def broken_tensors(model: nn.Module) -> list[str]:
    """Return the names of a model's weights and buffers that hold NaN or infinity.

    Logits can be finite all the same: a batch norm whose running variance is infinite gives zeros.
    One pass over all of them, and one answer that a GPU is waited for.
    """
    state = {name: v.detach() for name, v in model.state_dict().items() if v.is_floating_point()}
    if not state or bool(torch.stack([v.float().sum() for v in state.values()]).isfinite().all()):
        return []
    return [name for name, value in state.items() if not is_finite(value)]


def make_optimizer(model: nn.Module, optimization: Optimization) -> torch.optim.Optimizer:
    """Make the optimizer of a model's parameters.

    Raises:
        InputError: For a name that is neither ``adamw`` nor ``sgd``.
    """
    parameters, rate = model.parameters(), optimization.learning_rate
    decay = optimization.weight_decay
    if optimization.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    if optimization.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True, fused=True
        )
    name = optimization.optimizer
    raise InputError(f"optimizer {name!r}: adamw or sgd{did_you_mean(name, ('adamw', 'sgd'))}")
