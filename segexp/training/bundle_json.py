"""What `bundle.json` holds, and how it is read and written."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segexp.core.data_config import MAX_PIXELS, Resize
from segexp.core.errors import NEWER, InputError, at_most, named, shown
from segexp.core.files import read_bounded
from segexp.labels.files import parse_mapping
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID, parse_taxonomy
from segexp.training.bundle_files import JSON_FILE, check_files
from segexp.training.class_weights import WEIGHTINGS
from segexp.training.preprocess import SMALLEST_DEVIATION
from segexp.training.reading import TEMPERATURES, Prior, Reading

FORMAT_VERSION = 5
"""1 had no digest of the JSON itself, so that a changed byte in it went unnoticed. 2 did not say
how probabilities are read from the logits: these are read as a softmax gives them. 3 did not say
how images are resized: these are stretched. 4 did not say how smp builds the model."""

READ_VERSIONS = (2, 3, 4, 5)

MAX_JSON_BYTES = 1 << 20
MAX_COUNT = 1 << 53

# The first two lines of the file; the digest is that of all lines below them.
_HEAD = b'{\n  "sha256": "%s",\n'
_HEAD_PATTERN = re.compile(rb'\{\n  "sha256": "([0-9a-f]{64})",\n')


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


_Name = Annotated[str, Field(max_length=100)]


class Architecture(_Section):
    """What `make_model` takes."""

    arch: _Name
    encoder: _Name
    decoder_width: Annotated[float, Field(gt=0, le=1)]
    num_classes: Annotated[int, Field(ge=2, le=VOID)]


_Side = Annotated[int, Field(ge=32, le=16_384, multiple_of=32)]
_Mean = Annotated[float, Field(ge=0, le=1)]
_Deviation = Annotated[float, Field(ge=SMALLEST_DEVIATION, le=1)]


class PreprocessingContent(_Section):
    """See `segexp.training.preprocess.Preprocessing`."""

    image_size: tuple[_Side, _Side]
    mean: tuple[_Mean, _Mean, _Mean]
    std: tuple[_Deviation, _Deviation, _Deviation]
    resize: Resize = "stretch"

    @model_validator(mode="after")
    def _check_pixels(self) -> "PreprocessingContent":
        height, width = self.image_size
        if height * width > MAX_PIXELS:
            raise ValueError(f"image_size: {height}x{width} is over {MAX_PIXELS} pixels")
        return self


_Counts = tuple[Annotated[int, Field(ge=0, le=MAX_COUNT)], ...]


class PriorContent(_Section):
    """See `segexp.training.reading.Prior`."""

    weighting: _Name
    pixels: _Counts
    pixels_where_present: _Counts


class ReadingContent(_Section):
    """See `segexp.training.reading.Reading`."""

    temperature: Annotated[float, Field(ge=TEMPERATURES[0], le=TEMPERATURES[1])]
    one_vs_rest: bool
    prior: PriorContent | None

    def reading(self) -> Reading:
        """Return it as what it describes; it has no `faults`."""
        prior = None if self.prior is None else Prior(**self.prior.model_dump())
        return Reading(self.temperature, self.one_vs_rest, prior)

    def faults(self, num_classes: int) -> list[str]:
        """List what is wrong with it for a model of so many classes."""
        if self.prior is None:
            return []
        faults = [
            f"reading.prior.{name}: {len(counts)} numbers; expected {num_classes}, one a class"
            for name in ("pixels", "pixels_where_present")
            if len(counts := getattr(self.prior, name)) != num_classes
        ]
        if self.prior.weighting not in WEIGHTINGS:
            known = ", ".join(WEIGHTINGS)
            faults.append(f"reading.prior.weighting: {shown(self.prior.weighting)}; {known}")
        pairs = zip(self.prior.pixels, self.prior.pixels_where_present, strict=False)
        if any(pixels > present for pixels, present in pairs):
            faults.append("reading.prior.pixels: more of a class than in the images that have it")
        return faults


class Weights(_Section):
    """The file that belongs to this one: its size in bytes and its digest in hexadecimal."""

    file: Literal["model.safetensors"] = "model.safetensors"
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Content(_Section):
    """The file without its first entry, the digest. A score is null where it is undefined.

    Attributes:
        smp: The same architecture as ``smp.create_model`` takes it, for programs that have no
            segexp, which itself does not read it. None in older files.
    """

    format_version: int
    architecture: Architecture
    smp: dict[_Name, str | bool | int | tuple[int, ...] | None] | None = None
    preprocessing: PreprocessingContent
    scores: dict[str, float | None]
    origin: dict[str, str | int | None]
    reading: ReadingContent | None = None
    weights: Weights
    mapping: dict[str, Any]
    taxonomy: dict[str, Any]


def read_content(directory: Path) -> Content:
    """Read the `bundle.json` of a bundle. What else lies in the directory is not looked at.

    Raises:
        InputError: When a file of the bundle is missing or a link, or with every fault of this one.
    """
    path = directory / JSON_FILE
    check_files(directory)
    return parse_content(path, read_bounded(path, MAX_JSON_BYTES))


def parse_content(path: Path, data: bytes) -> Content:
    """Read the text of a `bundle.json`; the path is for messages.

    Raises:
        InputError: With every fault.
    """
    plain = _parse(path, data)
    version = plain.get("format_version") if isinstance(plain, dict) else None
    if version not in READ_VERSIONS:
        is_newer = isinstance(version, int) and version > FORMAT_VERSION
        raise InputError(
            f"{path}: format_version: {shown(version)}; this segexp reads "
            f"{', '.join(map(str, READ_VERSIONS[:-1]))} and {READ_VERSIONS[-1]}, "
            f"{NEWER if is_newer else 'another one may read others'}"
        )
    head = _HEAD_PATTERN.match(data)
    if head is None:
        raise InputError(f'{path}: its first lines are not {{ and "sha256": "<64 digits>",')
    digest = hashlib.sha256(data[head.end() :]).hexdigest()
    if digest.encode() != head[1]:
        raise InputError(
            f"{path}: its lines below the second have the sha256 {digest[:16]}..., the second says "
            f"{head[1][:16].decode()}...: damaged, or edited"
        )
    try:
        return Content.model_validate_json(b"{" + data[head.end() :])
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(named, fault['loc']))}: {shown(fault['input'])}: "
            f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"
            for fault in error.errors()
        ]
        told, more = at_most(faults, str(path))
        raise InputError([*told, *more]) from None


def mapping_in(content: Content, where: Path) -> tuple[Mapping, list[str]]:
    """Return the mapping of a bundle, and what is wrong with it or does not fit it.

    Args:
        where: What contained it, for messages.
    """
    taxonomy, faults = parse_taxonomy(f"{where}: taxonomy", content.taxonomy)
    mapping, mapping_faults = parse_mapping(f"{where}: mapping", content.mapping, taxonomy)
    if not faults:  # of a broken taxonomy every label would be unknown
        faults = mapping_faults
    classes = content.architecture.num_classes
    if not faults and classes != len(mapping.classes):
        faults.append(
            f"{where}: architecture.num_classes: {classes}, but the mapping {mapping.name} has "
            f"{len(mapping.classes)} classes"
        )
    if content.reading is not None:
        faults += [f"{where}: {f}" for f in content.reading.faults(classes)]
    return mapping, faults


def to_json(content: Content) -> bytes:
    """Write it as JSON for people: indented, with lists of numbers, such as colours, in a line.

    Its first entry is the SHA-256 of all that follows, from the third line on.
    """
    text = json.dumps(content.model_dump(), indent=2, ensure_ascii=False, allow_nan=False)
    # No string is touched: JSON writes the newline in a string as backslash and n.
    on_one_line = re.sub(
        r"\[\n([^\[\]{}\"]*?)\n\s*\]", lambda m: f"[{' '.join(m[1].split())}]", text
    )
    return signed((on_one_line.removeprefix("{\n") + "\n").encode())


def signed(lines: bytes) -> bytes:
    """Put the opening brace and the digest before the other lines of a `bundle.json`."""
    return _HEAD % hashlib.sha256(lines).hexdigest().encode() + lines


def _parse(path: Path, data: bytes) -> Any:
    def refuse_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"the key {shown(twice)} appears twice")
        return found

    try:
        return json.loads(
            data.decode(),
            parse_constant=refuse_constant,
            object_pairs_hook=without_duplicates,
        )
    except RecursionError:
        raise InputError(f"{path}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
