"""A model in a file that `segexp export` wrote, used as a bundle is."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segexp.core.errors import InputError, first_line
from segexp.training.bundle import Bundle, described_bundle, load_bundle
from segexp.training.bundle_json import parse_content
from segexp.training.compute import Compute, choose_compute
from segexp.training.exports import Opened, is_exported, missing_fault, onnx
from segexp.training.preprocess import takes_pixels
from segexp.training.views import Views


class ExportedNetwork(nn.Module):
    """The network in an exported file, which normalises and pads images itself."""

    takes_pixels = True

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self.opened = opened

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, float32 (N, C, H, W), of uint8 images (N, 3, H, W) of a seen size."""
        pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
        (logits,) = self.opened.run(pixels, ["logits"])
        return torch.from_numpy(logits)


def load_exported(path: Path) -> Bundle:
    """Open an ONNX file that `segexp export` wrote.

    Returns:
        A bundle whose model is on the CPU and takes pixels (`segexp.training.preprocess.forward`).

    Raises:
        InputError: When ONNX Runtime is missing or refuses the file, or the file says too little.
    """
    if fault := missing_fault(str(path), (onnx.RUNS,), onnx.EXTRA):
        raise InputError(fault)
    try:
        opened = onnx.open_file(path)
    except Exception as error:  # its own classes have no base that ONNX Runtime names
        raise InputError(f"{path}: ONNX Runtime does not open it: {first_line(error)}") from None
    text = opened.texts.get("bundle")
    if text is None:
        raise InputError(
            f"{path}: does not say what its classes are; expected a file of `segexp export`"
        )
    return described_bundle(parse_content(path, text.encode()), path, ExportedNetwork(opened))


def open_model(path: Path, precision: str) -> tuple[Bundle, Compute]:
    """Load what `segexp.study.model_reference.find_model` found, and place it on its device.

    Args:
        precision: As `choose_compute` takes it; an exported model computes in float32.

    Raises:
        InputError: As `load_bundle` or `load_exported`; or for bf16 where there is none.
    """
    if not is_exported(path):
        bundle, compute = load_bundle(path), choose_compute(precision)
        compute.place(bundle.model)
        return bundle, compute
    if precision == "bf16":
        raise InputError(f"{path}: computes in float32; precision bf16 is for bundles")
    return load_exported(path), Compute(torch.device("cpu"), bf16=False, channels_last=False)


def check_views(model: nn.Module, views: Views) -> None:
    """Refuse test-time augmentation at other scales for a model that resizes images itself.

    Raises:
        InputError: When it is asked for.
    """
    if takes_pixels(model) and any(scale != 1 for scale in views.scales):
        raise InputError(
            f"--tta {views}: an exported model sees images at one scale; take flip, or the bundle"
        )
