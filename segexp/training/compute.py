"""Where a model runs, and in which number format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segexp.training.depthwise import widen_depthwise


@dataclass(frozen=True)
class Compute:
    """A device and how convolutions run on it.

    Attributes:
        device: CUDA, MPS or CPU.
        bf16: Whether forward passes run under bfloat16 autocast (weights stay float32).
        channels_last: Whether images and weights lie in memory as NHWC.
    """

    device: torch.device
    bf16: bool
    channels_last: bool

    @property
    def precision(self) -> str:
        """The number format of forward passes, ``bf16`` or ``fp32``: what ``auto`` came to."""
        return "bf16" if self.bf16 else "fp32"

    @property
    def description(self) -> str:
        """For people, such as ``cpu, bf16, channels_last``."""
        name = self.device.type
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        words = [name, self.precision]
        return ", ".join([*words, "channels_last"] if self.channels_last else words)

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model to the device and into the memory format, and make it ready to train."""
        model = model.to(self.device)
        if self.channels_last:
            model = model.to(memory_format=torch.channels_last)
        if self.bf16 and self.device.type == "cpu":
            widen_depthwise(model)
        return model

    def send(self, images: Tensor) -> Tensor:
        """Move a batch (N, C, H, W) to the device and into the memory format."""
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        return images.to(self.device, non_blocking=True).contiguous(memory_format=memory_format)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Run the block in bfloat16 where this device gains from it."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            yield


def choose_compute(precision: str) -> Compute:
    """Choose the device, the precision and the memory format.

    On a CPU images are channels_last, with or without bf16: in float32, compared with contiguous,
    it is 1.1 times as fast in the median with AVX-512, about as fast with AVX2, and 0.9 to 1.4
    times by model (docs/performance.md).

    Args:
        precision: ``auto`` takes bf16 on CUDA devices and CPUs that have units for it (AVX512-BF16
            or AMX; elsewhere it is emulated and slow), ``bf16`` always, ``fp32`` never.
    """
    device = torch.device(
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    has_units = _has_bf16_units(device)
    bf16 = has_units if precision == "auto" else precision == "bf16"
    return Compute(device, bf16, channels_last=device.type == "cpu" or has_units)


def _has_bf16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
