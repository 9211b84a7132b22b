"""Files in which a model leaves segexp, for programs that have none: one module per format.

A module has:

- ``SUFFIX``: of its file.
- ``BESIDE``: the suffixes of others that are written with it, of the same stem.
- ``EXTRA``: what ``pip install "segexp[EXTRA]"`` installs for it; None where segexp has it all.
- ``WRITES``: the packages beyond segexp's own that a file is written and checked with.
- ``RUNS``: the package that runs a file.
- ``write(whole, images, path, texts)``: writes the file, and those of ``BESIDE``.
  ``whole`` is a `segexp.training.whole.Whole` in evaluation mode, ``images`` are an example of
  what it takes, and ``texts`` go into the file by name.
- ``open_file(path)``: returns the file as `Opened`.
- ``EXAMPLE``: Python that runs the file ``PATH`` without segexp: from ``pixels``, uint8 RGB
  (H, W, 3), to ``mask``, uint8 (H, W), and the ``names`` and ``colors`` of the classes.

`segexp.evaluation.export` writes and checks them. Importing this package or a module of it loads
neither torch nor what the format needs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from segexp.core.choices import names_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OUTPUTS = ("classes", "probabilities", "logits")

TEXTS = ("names", "colors", "bundle")
"""The names and the colours (RGB) of the classes as JSON lists, and the text of `bundle.json`."""


@dataclass(frozen=True, eq=False)
class Opened:
    """An exported file.

    Attributes:
        run: From images, uint8 RGB (N, H, W, 3), and names of `OUTPUTS` to arrays in that order.
        texts: Those of `TEXTS` that are in the file.
    """

    run: "Callable[[NDArray[np.uint8], Sequence[str]], list[NDArray[Any]]]"
    texts: Mapping[str, str]


def format_names() -> tuple[str, ...]:
    """Return the names of the formats."""
    return names_in(__path__)


def written_files(format_: ModuleType, out: Path) -> tuple[Path, ...]:
    """Return what an export writes: the model's file, others that belong to it, and the example.

    Args:
        format_: A module of this package.
        out: The model's file.
    """
    example = f"{out.stem}_{format_.__name__.rpartition('.')[2]}_example.py"
    return out, *(out.with_suffix(suffix) for suffix in format_.BESIDE), out.with_name(example)


def is_exported(reference: str | Path) -> bool:
    """Whether a model's name is that of an exported file, of the one format that is read again."""
    return Path(reference).suffix.lower() == ".onnx"


def missing_fault(what: str, packages: Sequence[str], extra: str | None) -> str | None:
    """Say which packages are not installed, and how to install them; None where all are."""
    missing = [package for package in packages if find_spec(package) is None]
    if not missing:
        return None
    some = f"{' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed"
    return f'{what}: needs {some}: pip install "segexp[{extra}]"'
