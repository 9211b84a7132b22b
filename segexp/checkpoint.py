"""The weights of a training under way: those of the best epoch, and those of the last."""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from torch import nn

from segexp.files import write_atomic


@dataclass(frozen=True)
class Checkpoints:
    """Two files in a directory: ``best.safetensors`` and ``last.safetensors``."""

    directory: Path

    @property
    def best(self) -> Path:
        """Weights of the epoch with the best objective so far."""
        return self.directory / "best.safetensors"

    @property
    def last(self) -> Path:
        """Weights of the last finished epoch."""
        return self.directory / "last.safetensors"

    def save(self, model: nn.Module, is_best: bool) -> None:
        """Save the model as the last epoch's, and as the best one's if it is."""
        state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        weights = safetensors.torch.save(state)
        write_atomic(self.last, weights)
        if is_best:
            write_atomic(self.best, weights)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load the weights of a checkpoint into a model of the same shape, on its own device."""
    model.load_state_dict(safetensors.torch.load_file(path))
