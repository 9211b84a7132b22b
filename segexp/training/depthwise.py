"""Depthwise convolutions that train in float32 on a CPU, where bfloat16 would be slow.

For depthwise convolutions in bfloat16, torch's backward pass on a CPU (2.15, with oneDNN) has a
fast path only for 3x3 kernels with stride 1. Others take 3 to 16 times as long as in float32: a
quarter of a training step of mobilenet_v2, and efficientnet-b0 was slower than without bfloat16.
"""

from types import MethodType

import torch
from torch import Tensor, nn

_FAST_KERNEL = 3


def widen_depthwise(model: nn.Module) -> None:
    """Let a model's depthwise convolutions train in their weights' precision under autocast.

    Their inputs and outputs keep the precision of the layers around them. Without gradients nothing
    changes: forward passes in bfloat16 are fast.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            # A method, not a closure: a deep copy of the model gets its own.
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(self: nn.Conv2d, features: Tensor) -> Tensor:
    of_class = type(self).forward
    # Shapes alone have no precision to keep, and no autocast.
    if not torch.is_grad_enabled() or features.is_meta or _is_fast(self, features):
        return of_class(self, features)
    with torch.autocast(features.device.type, enabled=False):
        return of_class(self, features.to(self.weight.dtype)).to(features.dtype)


def _is_fast(layer: nn.Conv2d, features: Tensor) -> bool:
    """Whether the backward pass in bfloat16 is as fast as in float32, or faster."""
    return (
        layer.kernel_size == (_FAST_KERNEL, _FAST_KERNEL)
        and layer.stride == layer.dilation == (1, 1)
        and min(features.shape[-2:]) >= _FAST_KERNEL
    )
