"""A saved model as a file for other programs, checked before anyone has it."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

from segexp.core.errors import WorkError, first_line
from segexp.core.leftovers import folder_beside
from segexp.evaluation.export_check import Agreement, compare, odd_sizes
from segexp.evaluation.export_example import example
from segexp.training.bundle import load_bundle
from segexp.training.bundle_files import JSON_FILE
from segexp.training.exports import written_files
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import AS_SOFTMAX
from segexp.training.whole import Whole


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: The model's file, others that belong to it, and last the example.
        agreement: How far it agrees with torch and with `segexp predict`.
        preprocessing: The bundle's; see `segexp.training.whole.resizes_inside`.
    """

    files: tuple[Path, ...]
    agreement: Agreement
    preprocessing: Preprocessing


def export_bundle(
    directory: Path,
    format_: ModuleType,
    out: Path,
    say: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write a bundle as another program reads it, with an example, or nothing at all.

    Args:
        directory: The bundle.
        format_: A module of `segexp.training.exports`, whose packages are installed.
        out: The file; its suffix is the format's. What is there is replaced.
        say: Called with a line for the person who waits.

    Raises:
        InputError: When the bundle is none.
        WorkError: When the network cannot be written in this format, or what was written does not
            run or gives other logits than torch.
        OSError: When ``out`` cannot be written.
    """
    bundle = load_bundle(directory)
    reading = bundle.reading or AS_SOFTMAX
    whole = Whole(bundle.model, bundle.preprocessing, reading).eval()
    texts = {
        "names": json.dumps(bundle.mapping.names),
        "colors": json.dumps(bundle.mapping.colors.tolist()),
        "bundle": (directory / JSON_FILE).read_text(encoding="utf-8"),
    }
    sizes = odd_sizes(bundle.preprocessing)
    with folder_beside(out) as beside:
        file = beside / out.name
        say(f"writing {out.name}, then comparing it with torch on {len(sizes)} images")
        _write(format_, whole, sizes[0], file, texts)
        try:
            agreement = compare(format_.open_file(file), whole, bundle.model, sizes)
        except WorkError as error:
            raise WorkError(f"{out.name}: not kept: {error}") from error
        if fault := agreement.fault():
            raise WorkError(f"{out.name}: not kept: {fault}")
        written = written_files(format_, file)
        script = written[-1]
        text = example(format_, out.name, script.name, bundle.preprocessing)
        script.write_text(text, encoding="utf-8")
        files = tuple(path.replace(out.parent / path.name) for path in written)
    return Exported(files, agreement, bundle.preprocessing)


def _write(
    format_: ModuleType, whole: Whole, size: tuple[int, int], file: Path, texts: dict[str, str]
) -> None:
    images = torch.zeros(2, *size, 3, dtype=torch.uint8)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's on tracing: what they warn of is checked
            format_.write(whole, images, file, texts)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # what exporters raise has no common base
        raise WorkError(f"the network cannot be written so: {first_line(error)}") from error
