"""Training: a `Trainer` trains a model and yields one result per epoch."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, SupportsFloat, TypeVar

import torch
from torch import Tensor, nn

from segexp.core.errors import WorkError
from segexp.data.batches import Batches
from segexp.training.accumulation import Batch, in_steps, shares
from segexp.training.checkpoint import Learned
from segexp.training.compute import Compute
from segexp.training.ema import Average
from segexp.training.frozen import frozen
from segexp.training.loss import Loss
from segexp.training.optimizers import OPTIMIZERS
from segexp.training.parameter_groups import parameter_groups
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing, forward, is_finite
from segexp.training.ranks import ALONE, Ranks
from segexp.training.schedules import learning_rate_factor


@dataclass(frozen=True)
class Optimization:
    """How the weights are changed.

    Attributes:
        optimizer: A name in `segexp.training.optimizers.OPTIMIZERS`.
        learning_rate: The peak of the schedule.
        weight_decay: Decoupled (AdamW) or L2 (SGD).
        schedule: A name in `segexp.training.schedules.SCHEDULES`.
        warmup_epochs: Linear warm-up before the schedule; may be a fraction.
        gradient_clip: The largest gradient norm; 0 does not clip.
        encoder_lr_factor: As `segexp.training.parameter_groups` has it; so is the next.
        layer_decay: Likewise.
        freeze_encoder_epochs: How many epochs the encoder rests at first.
        accumulate: Batches of an optimizer step.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_epochs: float
    gradient_clip: float
    encoder_lr_factor: float = 1.0
    layer_decay: float = 1.0
    freeze_encoder_epochs: int = 0
    accumulate: int = 1


@dataclass(frozen=True)
class Step:
    """Where training is, for a progress display.

    ``loss`` is a scalar that stays on its device until it is read. Of a training in several ranks
    it is the share of this one, times their number, and ``images`` are as many as if each had seen
    as many as this one.
    """

    epoch: int
    step: int
    steps: int
    images: int
    loss: SupportsFloat


class Validated(Protocol):
    """The result of a validation: it has a loss; only the caller knows the rest."""

    @property
    def loss(self) -> float:
        """Mean loss of the val split; NaN or infinite where the training has diverged."""


V = TypeVar("V", bound=Validated)


@dataclass(frozen=True)
class EpochResult(Generic[V]):
    """The result of one epoch.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the epoch's steps.
        learning_rate: Of the epoch's last step.
        validation: What the trainer's ``validate`` returned after the epoch.
        seconds: Training and validation together.
        images_per_s: Training images per second of training.
    """

    epoch: int
    train_loss: float
    learning_rate: float
    validation: V
    seconds: float
    images_per_s: float


class DivergedError(WorkError):
    """The loss, or a number of the model, became NaN or infinite."""


@dataclass(frozen=True, eq=False)
class Trainer(Generic[V]):
    """A model, and all that its training needs.

    Attributes:
        model: On its device already; gives logits.
        batches: Of the train split, on any device.
        validate: Evaluates `scored` as it is; its result has a loss.
        loss_of: Logits and class indices to a scalar.
        optimization: What the optimizer was made from, with the schedule.
        preprocessing: Normalises each batch on the device.
        average: Follows the model's weights, if there is one.
        pixel_weights: Of the classes, (C,), where the loss weights pixels by them.
        ranks: Who trains; `epochs` then runs in each of them, with its part of the data.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    validate: Callable[[], V]
    loss_of: Loss
    optimization: Optimization
    preprocessing: Preprocessing
    compute: Compute
    average: Average | None = None
    pixel_weights: Tensor | None = None
    ranks: Ranks = ALONE

    @property
    def scored(self) -> nn.Module:
        """The model that is validated and kept: the average, if there is one."""
        return self.learned.scored

    @property
    def learned(self) -> Learned:
        """What a checkpoint keeps."""
        average = self.average.model if self.average else None
        return Learned(self.model, self.optimizer, average, self.ranks.random)

    def epochs(
        self, count: int, *, done: int = 0, on_step: Callable[[Step], None] = lambda step: None
    ) -> Iterator[EpochResult[V]]:
        """Train the model, and validate it after every epoch.

        The caller may stop between epochs by not asking for the next result.

        Args:
            count: How many epochs there are in all; the schedule ends with the last.
            done: How many of them an interrupted training had done; model, optimizer and average
                are as they were after the last of those.
            on_step: Called after every step; an exception from it ends the training there.

        Raises:
            DivergedError: When a training or validation loss, a validation image's logits, or the
                model's weights or buffers are not finite; names the epoch and the learning rate.
        """
        steps = math.ceil(len(self.batches) / self.optimization.accumulate)
        for epoch in range(done + 1, count + 1):
            started = time.perf_counter()
            train_loss, learning_rate, images = self._pass(epoch, steps, count * steps, on_step)
            trained = time.perf_counter()
            _refuse_diverged("training", train_loss, epoch, learning_rate)
            try:
                validation = self.validate()
            except NonFiniteLogitsError as error:
                raise DivergedError(
                    f"{error}, in epoch {epoch} at a learning rate of {learning_rate:.3g}"
                ) from error
            _refuse_diverged("validation", validation.loss, epoch, learning_rate)
            if broken := broken_tensors(self.model):
                raise DivergedError(
                    f"NaN or infinite numbers in {len(broken)} of the model's tensors, such as "
                    f"{broken[0]}, in epoch {epoch} at a learning rate of {learning_rate:.3g}"
                )
            self.ranks.note_random()
            yield EpochResult(
                epoch=epoch,
                train_loss=train_loss,
                learning_rate=learning_rate,
                validation=validation,
                seconds=time.perf_counter() - started,
                images_per_s=images / (trained - started),
            )

    def _pass(
        self, epoch: int, steps: int, steps_in_all: int, on_step: Callable[[Step], None]
    ) -> tuple[float, float, int]:
        """Train for one epoch; return its mean loss, its last learning rate, and its images."""
        optimization = self.optimization
        warmup_steps = round(optimization.warmup_epochs * steps)
        self.batches.set_epoch(epoch)
        self.model.train()
        loss_sum = torch.zeros((), device=self.compute.device)
        seen = 0
        learning_rate = optimization.learning_rate
        with self._encoder_at_rest(epoch):
            network = self.ranks.parallel(self.model)
            for number, parts in enumerate(in_steps(self.batches, optimization.accumulate)):
                step = (epoch - 1) * steps + number
                learning_rate = optimization.learning_rate * learning_rate_factor(
                    optimization.schedule, step, steps_in_all, warmup_steps
                )
                for group in self.optimizer.param_groups:
                    group["lr"] = learning_rate * group["lr_scale"]
                loss = self._gradients(network, parts)
                if optimization.gradient_clip:
                    nn.utils.clip_grad_norm_(self.model.parameters(), optimization.gradient_clip)
                self.optimizer.step()
                if self.average is not None:
                    self.average.update(step)
                loss_sum += loss
                seen += sum(len(images) for images, _ in parts)
                on_step(Step(epoch, number + 1, steps, seen * self.ranks.size, loss))
            self.ranks.even_out(self.model, self.average.model if self.average else None)
        loss = self.ranks.summed(loss_sum) / self.ranks.size
        return float(loss) / steps, learning_rate, int(self.ranks.summed(torch.tensor(seen)))

    def _encoder_at_rest(self, epoch: int) -> AbstractContextManager[None]:
        if epoch > self.optimization.freeze_encoder_epochs:
            return nullcontext()
        return frozen(self.model.get_submodule("encoder"))

    def _gradients(self, network: nn.Module, parts: Sequence[Batch]) -> Tensor:
        """Put the gradients of a step's loss into the model; return the loss, on its device.

        Args:
            network: The model, as `Ranks.parallel` returns it.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.compute.device)
        targets = [target.to(self.compute.device, non_blocking=True) for _, target in parts]
        of_parts = shares(targets, self.pixel_weights, self.ranks)
        left = len(parts)
        for (images, _), target, share in zip(parts, targets, of_parts, strict=True):
            left -= 1
            with self.ranks.adding_up(network) if left else nullcontext():
                logits = forward(network, images, self.preprocessing, self.compute)
                loss = self.loss_of(logits, target) * share
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total


def _refuse_diverged(what: str, loss: float, epoch: int, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {what} loss is {loss} in epoch {epoch} at a learning rate of {learning_rate:.3g}"
        )


def broken_tensors(model: nn.Module) -> list[str]:
    """Return the names of a model's weights and buffers that hold NaN or infinity.

    Logits can be finite even so: a batch norm whose running variance is infinite gives zeros. All
    tensors are summed before the one wait for a GPU.
    """
    state = {name: v.detach() for name, v in model.state_dict().items() if v.is_floating_point()}
    if not state or bool(torch.stack([v.float().sum() for v in state.values()]).isfinite().all()):
        return []
    return [name for name, value in state.items() if not is_finite(value)]


def make_optimizer(model: nn.Module, optimization: Optimization) -> torch.optim.Optimizer:
    """Make the optimizer of a model's parameters."""
    of_torch, options = OPTIMIZERS[optimization.optimizer]
    rates = {"lr": optimization.learning_rate, "weight_decay": optimization.weight_decay}
    groups = parameter_groups(
        model,
        optimization.encoder_lr_factor,
        optimization.layer_decay,
        begins_frozen=optimization.freeze_encoder_epochs > 0,
    )
    made: torch.optim.Optimizer = getattr(torch.optim, of_torch)(groups, **rates, **options)
    return made
