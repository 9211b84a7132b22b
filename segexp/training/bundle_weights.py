"""The weights of a bundle: looked at before a model is built, and no larger than their file."""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segexp.core.errors import InputError
from segexp.training.bundle_files import JSON_FILE
from segexp.training.bundle_json import Architecture, Weights
from segexp.training.network import make_model

MAX_LISTED = 5
"""How many tensors of one kind of fault are named; the rest is counted."""

MAX_WEIGHTS_BYTES = 4 << 30
"""A thousand million parameters; the largest encoders that train on one device have half of it."""

MAX_HEADER_BYTES = 4 << 20
"""The header names the tensors; the 2,000 of a large model take 200 kB."""

SPARE_ELEMENTS = 24_000_000
"""What constructors may allocate beyond the weights that are saved: classification heads, which
smp and timm build and throw away."""

BUILDS = 2.25
"""smp builds an encoder of timm twice, first to look at it; the rest is for heads of large ones."""

BUILDS_OF_VGG = 30
"""VGG's head is 14 times the rest of it."""

_DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)

Header = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each tensor, by name."""


def weights_faults(path: Path, expected: Weights) -> list[str]:
    """Compare size, digest and header of a weights file with what the JSON says of it."""
    try:
        size = path.stat().st_size
        if size != expected.size:
            return [f"{path}: {size} bytes; {JSON_FILE} says {expected.size}: cut or exchanged"]
        if size > MAX_WEIGHTS_BYTES:
            return [f"{path}: {size} bytes; at most {MAX_WEIGHTS_BYTES} are read"]
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    if digest != expected.sha256:
        return [
            f"{path}: its sha256 is {digest[:16]}..., {JSON_FILE} says "
            f"{expected.sha256[:16]}...: damaged or exchanged"
        ]
    if header_size > min(MAX_HEADER_BYTES, size):
        return [f"{path}: not safetensors: its header would have {header_size} bytes"]
    return []


def read_header(path: Path) -> Header:
    """Read which tensors a safetensors file holds.

    Raises:
        InputError: When it is none.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {n: (str(s.get_dtype()), tuple(s.get_shape())) for n, s in slices.items()}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not safetensors: {' '.join(str(error).split())}") from None


def build_model(
    architecture: Architecture, image_size: tuple[int, int], header: Header
) -> nn.Module:
    """Build the model that a bundle describes, with no more memory than its weights justify.

    Raises:
        InputError: When there is no such model, or it would be larger than the weights.
    """
    held = sum(math.prod(shape) for _, shape in header.values())
    builds = BUILDS_OF_VGG if "vgg" in architecture.encoder else BUILDS
    limit = int(builds * held) + SPARE_ELEMENTS
    try:
        with torch.random.fork_rng(devices=[]), _AllocationLimit(limit):
            return make_model(
                architecture.arch,
                architecture.encoder,
                None,
                architecture.num_classes,
                architecture.decoder_width,
                image_size,
            )
    except InputError:
        raise
    except _TooLargeError:
        raise InputError(
            f"architecture: {architecture.arch} on {architecture.encoder} is larger than "
            f"the weights, which hold {held} numbers"
        ) from None
    except Exception as error:  # a constructor of timm that meets a pair it was not made for
        raise InputError(
            f"architecture: {architecture.arch} on {architecture.encoder} cannot be built: "
            f"{type(error).__name__}"
        ) from None


def load_tensors(model: nn.Module, path: Path, header: Header) -> list[str]:
    """Fill the model, unless the tensors do not fit it or are not finite; return the faults."""
    expected = model.state_dict()
    faults = _listed(path, "missing in the file", expected.keys() - header.keys())
    faults += _listed(path, "unknown to the architecture", header.keys() - expected.keys())
    unfit: list[str] = []
    for name in sorted(header.keys() & expected.keys()):
        right = (_DTYPES.get(expected[name].dtype), tuple(expected[name].shape))
        if header[name] != right:
            unfit.append(f"{name} is {_describe(*header[name])}, not {_describe(*right)}")
    faults += _listed(path, "not of the architecture's shape", unfit)
    if faults:
        return faults
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            model.load_state_dict({name: file.get_tensor(name) for name in header})
    except (SafetensorError, OSError) as error:
        return [f"{path}: not safetensors: {' '.join(str(error).split())}"]
    broken = [name for name, value in model.state_dict().items() if not _is_finite(value)]
    return _listed(path, "with NaN or infinite numbers", broken)


class _TooLargeError(Exception):
    """A constructor asks for more than its limit."""


class _AllocationLimit(TorchFunctionMode):
    """Raises _TooLargeError when new tensors add up to more elements than a limit."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self._left = elements

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _FACTORIES:
            given = (kwargs or {}).get("size", args)
            sizes = given[0] if given and isinstance(given[0], list | tuple) else given
            self._left -= math.prod(size for size in sizes if isinstance(size, int))
            if self._left < 0:
                raise _TooLargeError
        return func(*args, **(kwargs or {}))


def _is_finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(torch.isfinite(value).all())


def _describe(dtype: str | None, shape: tuple[int, ...]) -> str:
    return f"{dtype} {'x'.join(map(str, shape)) or 'scalar'}"


def _listed(path: Path, what: str, tensors: Iterable[str]) -> list[str]:
    names = sorted(tensors)
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    shown = ", ".join(name[:200] for name in names[:MAX_LISTED])
    return [f"{path}: {len(names)} tensors {what}: {shown}{more}"] if names else []
