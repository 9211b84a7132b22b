"""Depthwise convolutions that train in float32 on a processor, whatever autocast says.

torch's backward pass of a depthwise convolution in bfloat16 takes 3 to 6 times that in float32 on
a CPU (torch 2.15) where its stride is 2 or its feature map small. That is a fifth of a training
step of an encoder such as mobilenet_v2, and efficientnet-b0 was slower in bfloat16 than in float32.
"""

from types import MethodType

import torch
from torch import Tensor, nn


def widen_depthwise(model: nn.Module) -> None:
    """Let the depthwise convolutions of a model compute in their weights' precision in training.

    Values enter and leave them in the precision of the layers around them. Without gradients
    nothing changes: forward passes in bfloat16 are as fast.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            # A method and no closure: a deep copy of the model gets one of its own.
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(self: nn.Conv2d, features: Tensor) -> Tensor:
    of_class = type(self).forward
    if not torch.is_grad_enabled():
        return of_class(self, features)
    with torch.autocast(features.device.type, enabled=False):
        return of_class(self, features.to(self.weight.dtype)).to(features.dtype)
