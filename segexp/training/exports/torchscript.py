"""TorchScript, for libtorch and for Python with torch alone."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segexp.training.exports import OUTPUTS, TEXTS, Opened

if TYPE_CHECKING:
    from torch import Tensor

    from segexp.training.whole import Whole

SUFFIX = ".pt"
BESIDE: tuple[str, ...] = ()
EXTRA = None
WRITES: tuple[str, ...] = ()
RUNS = "torch"

EXAMPLE = """\
import torch

texts = {"names": "", "colors": ""}
model = torch.jit.load(PATH, _extra_files=texts)
with torch.no_grad():
    masks, probabilities, logits = model(torch.from_numpy(pixels[None].copy()))
mask = masks[0].numpy()
names, colors = json.loads(texts["names"]), json.loads(texts["colors"])
"""


def write(whole: "Whole", images: "Tensor", path: Path, texts: Mapping[str, str]) -> None:
    """Write the file; see the package."""
    import torch  # noqa: PLC0415

    torch.jit.save(whole.traced(images), str(path), _extra_files=dict(texts))


def open_file(path: Path) -> Opened:
    """Open the file; see the package. What it holds is run: open only what one has written."""
    import torch  # noqa: PLC0415

    texts: dict[str, Any] = dict.fromkeys(TEXTS, "")  # torch puts bytes in their place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # that torch.export is to come after it
        model: Any = torch.jit.load(  # type: ignore[no-untyped-call]
            str(path), _extra_files=texts
        )

    @torch.no_grad()
    def run(images: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        # Else it is compiled again for each size.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            found = dict(zip(OUTPUTS, model(torch.from_numpy(images)), strict=True))
        return [found[name].numpy() for name in names]

    return Opened(run, {name: text.decode() for name, text in texts.items()})
