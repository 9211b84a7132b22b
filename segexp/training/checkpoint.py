"""What survives when a training is killed: a state to resume from, and the best epoch's weights.

Safetensors with JSON in its header: reading it back cannot run code.
"""

import json
import math
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from segexp.core import failpoint
from segexp.core.errors import Interrupted
from segexp.core.files import written_beside
from segexp.core.signals import signals_held_back
from segexp.training.state_tensors import (
    above,
    below,
    optimizer_state,
    optimizer_tensors,
    random_of,
    random_of_others,
    random_tensors,
    set_random,
)

CHECKPOINT_SECONDS = 10.0
"""A state is written after an epoch when this much time has passed since the last one, and writing
the last one took at most LARGEST_SHARE of that time.

SEGEXP_CHECKPOINT_SECONDS replaces both conditions; 0 writes a state after every epoch.
"""

LARGEST_SHARE = 0.01
"""About how much of a training's time writing states may take."""

BYTES_PER_S = 5e8
"""Assumed write speed, until a state has been written."""

STATE_FILE = "state.safetensors"

_BEST = "best_"
"""Prefix of the names of `KeptValidation.content` in a state's header."""

FORMAT = "3"


@dataclass(frozen=True)
class EpochRecord:
    """What was reported and recorded for an epoch: its objective, and its metrics by name."""

    value: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class KeptValidation:
    """The validation of the best epoch, as a state keeps it; only its owner knows what it means.

    Attributes:
        content: Values for JSON.
        arrays: int64, of any shapes, in order.
    """

    content: Mapping[str, Any]
    arrays: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class Progress:
    """How far a training has got.

    Attributes:
        best_epoch: The epoch with the best objective, from 1; 0 before the first.
        best: What is kept of that epoch's validation; None before the first.
    """

    history: tuple[EpochRecord, ...] = ()
    best_epoch: int = 0
    best: KeptValidation | None = None
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def best_value(self) -> float:
        """The best objective so far; minus infinity before the first."""
        return max((epoch.value for epoch in self.history), default=-math.inf)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a training changes.

    Attributes:
        model: On its device already.
        optimizer: Of its parameters.
        average: Of its weights, if there is one: it is then what is scored.
        others: The random states of the ranks from 1 on, where several train the model.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None = None
    others: Sequence[Mapping[str, Tensor]] = ()

    @property
    def scored(self) -> nn.Module:
        """The model whose best epoch is kept."""
        return self.model if self.average is None else self.average


@dataclass
class Checkpoints:
    """The best weights of one training, and its files in a directory of its own.

    ``best-EEEE.safetensors`` holds the weights of epoch EEEE, ``state.safetensors`` all that
    resuming needs. The state names its best epoch, whose weights stay until a newer state is
    written: a crash between the two leaves a matching pair. Checksums detect damaged files. The
    best weights are useless without a state, so they stay in memory until one is written. So does
    the state of the last epoch: a training that is told to end writes it, see
    `written_when_interrupted`.

    Attributes:
        directory: Made when the first file is written.
        meaning: What is trained, on what data: a state with another meaning is not resumed.
        precision: What it is computed in; nor is a state of another precision.
    """

    directory: Path
    meaning: str
    precision: str = ""
    _written: float = field(default_factory=time.monotonic)
    _seconds_to_write: float = 0.0
    _best: dict[str, Tensor] = field(default_factory=dict)
    _best_checksum: int = 0
    _best_of_state: int = 0
    _buffers: dict[str, Tensor] = field(default_factory=dict)
    _unwritten: Progress | None = None

    def best(self, epoch: int) -> Path:
        """Return the file of the weights of an epoch that was the best when a state was written."""
        return self.directory / f"best-{epoch:04d}.safetensors"

    def load_best(self, model: nn.Module) -> None:
        """Load the weights of the best epoch into the model, on its own device."""
        model.load_state_dict(self._best)

    def save(self, learned: Learned, progress: Progress, is_last: bool) -> None:
        """Save what an epoch has changed: in memory, and in a file when one is due.

        Args:
            progress: This epoch is its last one.
            is_last: Whether this is the last epoch, which needs no state in a file.

        Raises:
            OSError: When the disk is full; the older files stay intact.
        """
        # A second signal does not wait: what is copied in part is then not written.
        self._unwritten = None
        with signals_held_back():
            if progress.best_epoch == progress.epochs:
                self._keep(learned.scored)
            elapsed = time.monotonic() - self._written
            to_write = self._seconds_to_write or _bytes_of(learned) / BYTES_PER_S
            if not is_last and elapsed >= _seconds_between(to_write):
                self.write(learned, progress)
            else:
                self._keep_state(learned)
                self._unwritten = progress

    def _keep(self, model: nn.Module) -> None:
        """Copy the weights, on their own device and in their own memory format."""
        state = model.state_dict()
        if not self._best:
            self._best = {name: torch.empty_like(value) for name, value in state.items()}
        for name, value in self._best.items():
            value.copy_(state[name])

    def _keep_state(self, learned: Learned) -> None:
        """Copy into memory what a state needs and the next step changes."""
        for name, value in _state_tensors(learned).items():
            kept = self._buffers.get(name)
            if kept is None:  # an optimizer has none before its first step
                kept = self._buffers[name] = torch.empty_like(value, device="cpu")
            kept.copy_(value.detach())

    def write(self, learned: Learned, progress: Progress) -> None:
        """Write a state, with the weights of the best epoch that `save` was given.

        Raises:
            OSError: When the disk is full; the older files stay intact.
        """
        self._write(_state_tensors(learned), progress)

    def write_unwritten(self) -> None:
        """Write the state of the last epoch that `save` was given, unless a file has it.

        Raises:
            OSError: When the disk is full; the older files stay intact.
        """
        if self._unwritten is not None:
            self._write(self._buffers, self._unwritten)

    def _write(self, state: Mapping[str, Tensor], progress: Progress) -> None:
        begun = time.monotonic()
        if progress.best_epoch != self._best_of_state:
            best = _plain(self._best)
            _save(self.best(progress.best_epoch), best, {})
            self._best_checksum = _checksum("", best)
        header = {
            "format": FORMAT,
            "meaning": self.meaning,
            "precision": self.precision,
            "history": [[epoch.value, dict(epoch.metrics)] for epoch in progress.history],
            "best_epoch": progress.best_epoch,
            "best_checksum": self._best_checksum,
            "seconds": progress.seconds,
        }
        tensors = dict(state)
        if progress.best is not None:
            header |= {f"{_BEST}{name}": value for name, value in progress.best.content.items()}
            for number, array in enumerate(progress.best.arrays):
                tensors[f"best.{number}"] = torch.from_numpy(array)
        plain = _plain(tensors)
        text = json.dumps(header)
        metadata = {"segexp": text, "checksum": str(_checksum(text, plain))}
        _save(self.directory / STATE_FILE, plain, metadata)
        self._best_of_state = progress.best_epoch
        self._unwritten = None
        self._delete_all_but(progress.best_epoch)
        self._written = time.monotonic()
        self._seconds_to_write = self._written - begun

    def restore(self, learned: Learned, rank: int = 0) -> Progress:
        """Restore the last state of a training, if there is one; else change nothing.

        On a CPU the resumed training equals an uninterrupted one bit for bit. On CUDA it differs as
        two runs of one seed do, because the order of summation is not fixed there.

        Args:
            rank: Of this process among those that train the model: each has a random state.

        Returns:
            How far the training had got.
        """
        try:
            header, tensors = self._read()
            computed = header.get("precision", self.precision)  # once it was not noted
            own = (FORMAT, self.meaning, self.precision)
            if (header["format"], header["meaning"], computed) != own:
                return Progress()
            best = safetensors.torch.load(self.best(header["best_epoch"]).read_bytes())
            if _checksum("", best) != header["best_checksum"]:
                return Progress()
            progress = _progress(header, tensors)
            weights, averaged = below("model.", tensors), below("average.", tensors)
            if _shapes(weights) != _shapes(learned.model.state_dict()):
                return Progress()
            if _shapes(averaged) != _shapes(above("", learned.average)):
                return Progress()
            moments = optimizer_state(learned.optimizer, tensors)
            random = random_of(tensors, rank)
        except (SafetensorError, OSError, LookupError, ValueError, TypeError):
            # No state, or one that is damaged or of another version: the training starts from the
            # beginning, so nothing has been changed yet.
            return Progress()
        learned.model.load_state_dict(weights)
        if learned.average is not None:
            learned.average.load_state_dict(averaged)
        learned.optimizer.state.update(moments)
        set_random(random)
        self._best, self._best_checksum = best, header["best_checksum"]
        self._best_of_state = progress.best_epoch
        return progress

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Read the state's header and tensors.

        Raises:
            OSError: When there is none.
            ValueError: When it is damaged.
        """
        with safe_open(self.directory / STATE_FILE, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            # Copies: otherwise the tensors would keep the file mapped, and its disk space in use
            # after the next state has replaced it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if metadata["checksum"] != str(_checksum(metadata["segexp"], tensors)):
            raise ValueError("the checksum does not match")
        header: dict[str, Any] = json.loads(metadata["segexp"])
        return header, tensors

    def _delete_all_but(self, epoch: int) -> None:
        for path in self.directory.glob("best-*.safetensors"):
            if path != self.best(epoch):
                path.unlink(missing_ok=True)


@contextmanager
def written_when_interrupted(checkpoints: Checkpoints) -> Iterator[None]:
    """Write the state of the last epoch when a signal ends the block: it is resumed from there.

    Slurm and spot machines end a process so, some seconds before they kill it.
    """
    try:
        yield
    except Interrupted:
        with suppress(OSError):  # a full disk: an older state may be there
            checkpoints.write_unwritten()
        raise


def _state_tensors(learned: Learned) -> dict[str, Tensor]:
    return {
        **above("model.", learned.model),
        **above("average.", learned.average),
        **optimizer_tensors(learned.optimizer),
        **random_tensors(),
        **random_of_others(learned.others),
    }


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _bytes_of(learned: Learned) -> int:
    """Count the best weights, the last weights, their average, and the optimizer's state."""
    weights = above("", learned.model).values()
    others = (above("", learned.average), optimizer_tensors(learned.optimizer))
    counted = (*weights, *weights, *(t for tensors in others for t in tensors.values()))
    return sum(t.nbytes for t in counted)


def _save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors one by one: joining them in memory first takes far longer."""
    with written_beside(path) as beside:
        try:
            safetensors.torch.save_file(dict(tensors), beside, dict(metadata))
        except SafetensorError as error:  # from the system, such as a full disk
            raise OSError(str(error)) from error
        failpoint.passed("mid_checkpoint")


def _progress(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Progress:
    arrays = tuple(value.numpy().astype(np.int64) for value in below("best.", tensors).values())
    own = ("best_epoch", "best_checksum")
    content = {
        name.removeprefix(_BEST): value
        for name, value in header.items()
        if name.startswith(_BEST) and name not in own
    }
    best = KeptValidation(content, arrays)
    history = tuple(EpochRecord(value, metrics) for value, metrics in header["history"])
    return Progress(history, header["best_epoch"], best, header["seconds"])


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> int:
    checksum = zlib.crc32(header.encode())
    for name, value in sorted(tensors.items()):
        checksum = zlib.crc32(f"{name} {value.dtype} {tuple(value.shape)}".encode(), checksum)
        checksum = zlib.crc32(value.reshape(-1).view(torch.uint8).numpy().data, checksum)
    return checksum


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _seconds_between(seconds_to_write: float) -> float:
    try:
        return float(os.environ["SEGEXP_CHECKPOINT_SECONDS"])
    except (KeyError, ValueError):
        return max(CHECKPOINT_SECONDS, seconds_to_write / LARGEST_SHARE)
