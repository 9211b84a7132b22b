"""OpenVINO's IR, for Intel's processors: NAME.xml and, beside it, NAME.bin."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segexp.training.exports import TEXTS, Opened, onnx

if TYPE_CHECKING:
    from torch import Tensor

    from segexp.training.whole import Whole

SUFFIX = ".xml"
BESIDE = (".bin",)
EXTRA = "openvino"
WRITES = ("onnx", "openvino")
RUNS = "openvino"

EXAMPLE = """\
import openvino

model = openvino.Core().read_model(PATH)
# Without the hint OpenVINO computes in bfloat16 where the processor has units for it.
run = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
mask = run({"images": pixels[None]})["classes"][0]
texts = {key: model.get_rt_info(["segexp", key]).astype(str) for key in ("names", "colors")}
names, colors = json.loads(texts["names"]), json.loads(texts["colors"])
"""


def _openvino() -> Any:
    # It reports its use to a server when it is imported and when it converts. Without this package
    # it reports to a stub of its own.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # noqa: PLC0415

    return openvino


def write(whole: "Whole", images: "Tensor", path: Path, texts: Mapping[str, str]) -> None:
    """Write both files, weights in float32; see the package."""
    openvino = _openvino()
    between = path.with_suffix(onnx.SUFFIX)
    onnx.write(whole, images, between, {})
    model = openvino.convert_model(between)
    between.unlink()
    for name, text in texts.items():
        model.set_rt_info(text, ["segexp", name])
    openvino.save_model(model, path, compress_to_fp16=False)


def open_file(path: Path) -> Opened:
    """Open the file; see the package. It runs in float32, also where OpenVINO prefers bfloat16."""
    openvino = _openvino()
    model = openvino.Core().read_model(path)
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        found = compiled({"images": images})
        return [found[name] for name in names]

    return Opened(run, {n: model.get_rt_info(["segexp", n]).astype(str) for n in TEXTS})
