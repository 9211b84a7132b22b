"""The weights of a training under way: those of the best epoch, and those of the last."""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

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
        weights = safetensors.torch.save(plain_state(model))
        write_atomic(self.last, weights)
        if is_best:
            write_atomic(self.best, weights)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load the weights of a checkpoint into a model of the same shape, on its own device."""
    model.load_state_dict(safetensors.torch.load_file(path))


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state on the CPU, contiguous, unshared (as safetensors asks) and in float32."""
    return {
        name: value.detach()
        .to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)
        .contiguous()
        for name, value in model.state_dict().items()
    }
