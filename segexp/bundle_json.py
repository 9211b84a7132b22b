"""What `bundle.json` holds, and how it is read and written."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from segexp.errors import InputError

FORMAT_VERSION = 1
JSON_FILE = "bundle.json"
WEIGHTS_FILE = "model.safetensors"
MAX_JSON_BYTES = 4 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Architecture(_Section):
    """What `make_model` takes."""

    arch: str
    encoder: str
    decoder_width: Annotated[float, Field(gt=0, le=1)]
    num_classes: int


_Side = Annotated[int, Field(ge=32, le=16_384, multiple_of=32)]
_Deviation = Annotated[float, Field(gt=0)]


class PreprocessingContent(_Section):
    """See `segexp.preprocess.Preprocessing`."""

    image_size: tuple[_Side, _Side]
    mean: tuple[float, float, float]
    std: tuple[_Deviation, _Deviation, _Deviation]


class Weights(_Section):
    """The file that belongs to this one: its size in bytes and its digest in hexadecimal."""

    file: Literal["model.safetensors"] = "model.safetensors"
    size: int
    sha256: str


class Content(_Section):
    """The whole file. A score is null where it is undefined."""

    format_version: int
    architecture: Architecture
    preprocessing: PreprocessingContent
    scores: dict[str, float | None]
    origin: dict[str, str | int | None]
    weights: Weights
    mapping: dict[str, Any]
    taxonomy: dict[str, Any]


def read_content(directory: Path) -> Content:
    """Read the `bundle.json` of a bundle.

    Raises:
        InputError: When a file of the bundle is missing, or with every fault of this one.
    """
    path = directory / JSON_FILE
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; expected a bundle")
    missing = [name for name in (JSON_FILE, WEIGHTS_FILE) if not (directory / name).is_file()]
    if missing:
        raise InputError([f"{directory / name}: missing; no bundle without it" for name in missing])
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise InputError(f"{path}: over {MAX_JSON_BYTES} bytes; not a bundle's")
        data = path.read_bytes()
        plain = from_json(data, allow_inf_nan=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    version = plain.get("format_version") if isinstance(plain, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version: {version!r}; this segexp reads {FORMAT_VERSION}, "
            "a newer one may read others"
        )
    try:
        return Content.model_validate_json(data)
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(str, fault['loc']))}: {repr(fault['input'])[:80]}: "
            f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"
            for fault in error.errors()
        ]
        raise InputError(faults) from None


def to_text(content: Content) -> str:
    """Write it as JSON for people: indented, with lists of numbers, such as colours, in a line."""
    text = json.dumps(content.model_dump(), indent=2, ensure_ascii=False, allow_nan=False)
    # No string is touched: JSON writes the newline in a string as backslash and n.
    on_one_line = re.sub(
        r"\[\n([^\[\]{}\"]*?)\n\s*\]", lambda m: f"[{' '.join(m[1].split())}]", text
    )
    return on_one_line + "\n"
