"""ONNX, for ONNX Runtime, Triton, TensorRT and others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from segexp.training.exports import OUTPUTS, Opened

if TYPE_CHECKING:
    from torch import Tensor

    from segexp.training.whole import Whole

SUFFIX = ".onnx"
BESIDE: tuple[str, ...] = ()
EXTRA = "onnx"
WRITES = ("onnx", "onnxruntime")
RUNS = "onnxruntime"

OPSET = 18

_AXES = {
    "images": {0: "N", 1: "H", 2: "W"},
    "classes": {0: "N", 1: "H", 2: "W"},
    "probabilities": {0: "N", 2: "H", 3: "W"},
    "logits": {0: "N", 2: "H", 3: "W"},
}

EXAMPLE = """\
import onnxruntime

session = onnxruntime.InferenceSession(PATH)
(masks,) = session.run(["classes"], {"images": pixels[None]})
mask = masks[0]
texts = session.get_modelmeta().custom_metadata_map
names, colors = json.loads(texts["names"]), json.loads(texts["colors"])
"""


def write(whole: "Whole", images: "Tensor", path: Path, texts: Mapping[str, str]) -> None:
    """Write the file; see the package."""
    import onnx  # noqa: PLC0415
    import torch  # noqa: PLC0415

    # Traced first: some of smp's networks do otherwise, and worse, while ONNX is written. torch's
    # newer exporter (dynamo=True) fails where a size is computed from the image's.
    traced = whole.traced(images)
    # torch 2.15 turns its log on by mistake, and prints the graph where an operator is unknown.
    with patch.object(torch._C, "_jit_set_onnx_log_enabled", lambda is_wanted: None):
        torch.onnx.export(
            traced,
            (images,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(OUTPUTS),
            dynamic_axes=_AXES,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(texts))
    onnx.save(model, path)


def open_file(path: Path) -> Opened:
    """Open the file; see the package."""
    import onnxruntime  # noqa: PLC0415
    import torch  # noqa: PLC0415

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.log_severity_level = 4  # its errors are raised as well
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    ends = (session.get_inputs(), session.get_outputs())
    found = [{node.name for node in nodes} for nodes in ends]
    if found != [{"images"}, set(OUTPUTS)]:
        named = [", ".join(sorted(names)) for names in found]
        raise ValueError(
            f"it takes {named[0]} and gives {named[1]}; a file of `segexp export` takes images and "
            f"gives {', '.join(OUTPUTS)}"
        )
    only_these = onnxruntime.RunOptions()
    only_these.only_execute_path_to_fetches = True

    def run(images: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        arrays: list[NDArray[Any]] = session.run(list(names), {"images": images}, only_these)
        return arrays

    return Opened(run, session.get_modelmeta().custom_metadata_map)
