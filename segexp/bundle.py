"""Bundles: a saved model that describes itself. Safetensors and JSON; loading runs no code."""

import hashlib
import math
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from segexp.bundle_json import (
    FORMAT_VERSION,
    JSON_FILE,
    WEIGHTS_FILE,
    Architecture,
    Content,
    PreprocessingContent,
    Weights,
    read_content,
    to_text,
)
from segexp.checkpoint import plain_state
from segexp.errors import InputError
from segexp.files import write_atomic
from segexp.mapping import Mapping
from segexp.mapping_file import parse_mapping
from segexp.model import check_image_size, make_model
from segexp.preprocess import Preprocessing
from segexp.taxonomy import VOID, parse_taxonomy

MAX_LISTED = 5
"""How many tensors of one kind of fault are named; the rest is counted."""


@dataclass(frozen=True)
class Bundle:
    """A model with everything that is needed to use it and to know where it comes from.

    Attributes:
        arch: An architecture of smp.
        encoder: An encoder of smp.
        decoder_width: Multiplies smp's default decoder channels.
        mapping: The classes that the model predicts, with its taxonomy.
        preprocessing: What training did to an image.
        scores: Name -> score, such as ``tuning/miou``; NaN where a score is undefined.
        origin: Where it comes from: study, trial, run_id, dataset, dataset_hash ...
        model: Gives logits (N, C, H, W). Loaded in evaluation mode with float32 weights.
    """

    arch: str
    encoder: str
    decoder_width: float
    mapping: Mapping
    preprocessing: Preprocessing
    scores: dict[str, float]
    origin: dict[str, str | int | None]
    model: nn.Module


def save_bundle(directory: Path, bundle: Bundle) -> None:
    """Write a bundle, whole or not at all; an older bundle in its place is replaced.

    Args:
        directory: Its name is the bundle's; folders above it are made.
        bundle: Its model may be on any device and in any floating type; float32 is written.

    Raises:
        InputError: When ``directory`` holds something that is no bundle.
        OSError: When the disk is full or the folder cannot be written; what was there remains.
    """
    directory = directory.resolve()
    strangers = sorted(_names_in(directory) - {JSON_FILE, WEIGHTS_FILE})
    if strangers:
        raise InputError(
            f"{directory}: holds {', '.join(strangers[:MAX_LISTED])}, so it is no bundle "
            "to be replaced; name another directory"
        )
    weights = safetensors.torch.save(plain_state(bundle.model), {"format": "pt"})
    content = Content(
        format_version=FORMAT_VERSION,
        architecture=Architecture(
            arch=bundle.arch,
            encoder=bundle.encoder,
            decoder_width=bundle.decoder_width,
            num_classes=len(bundle.mapping.classes),
        ),
        preprocessing=PreprocessingContent(
            image_size=bundle.preprocessing.image_size,
            mean=bundle.preprocessing.mean,
            std=bundle.preprocessing.std,
        ),
        scores={k: float(v) if math.isfinite(v) else None for k, v in bundle.scores.items()},
        origin=bundle.origin,
        weights=Weights(size=len(weights), sha256=hashlib.sha256(weights).hexdigest()),
        mapping=bundle.mapping.to_dict(),
        taxonomy=bundle.mapping.taxonomy.to_dict(),
    )
    directory.parent.mkdir(parents=True, exist_ok=True)
    beside = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}")
    beside.mkdir()
    try:
        write_atomic(beside / WEIGHTS_FILE, weights)
        write_atomic(beside / JSON_FILE, to_text(content))
        _sync_directory(beside)
        _move_into_place(beside, directory)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def load_bundle(directory: Path, device: str | torch.device = "cpu") -> Bundle:
    """Read a bundle. Nothing is fetched, no code in it runs, and the random state is kept.

    Args:
        directory: The bundle, or either file in it.
        device: Where the model goes.

    Raises:
        InputError: With every fault: missing files, unknown format, damaged or exchanged
            weights, a mapping that is none, tensors that do not fit the architecture.
    """
    if directory.name in (JSON_FILE, WEIGHTS_FILE) and not directory.is_dir():
        directory = directory.parent
    content = read_content(directory)
    where = directory / JSON_FILE
    taxonomy, faults = parse_taxonomy(f"{where}: taxonomy", content.taxonomy)
    mapping, mapping_faults = parse_mapping(f"{where}: mapping", content.mapping, taxonomy)
    if not faults:  # of a broken taxonomy every label would be unknown
        faults = mapping_faults
    architecture = content.architecture
    if not faults and architecture.num_classes != len(mapping.classes):
        faults.append(
            f"{where}: architecture.num_classes: {architecture.num_classes}, but the mapping "
            f"{mapping.name} has {len(mapping.classes)} classes"
        )
    weights_faults = _file_faults(directory / WEIGHTS_FILE, content.weights)
    faults += weights_faults
    model: nn.Module | None = None
    if 2 <= architecture.num_classes <= VOID:
        try:
            model = _build(architecture)
            size = content.preprocessing.image_size
            size_faults = check_image_size(architecture.arch, architecture.encoder, size)
            faults += [f"{where}: {fault}" for fault in size_faults]
        except InputError as error:
            faults += [f"{where}: {fault}" for fault in error.faults]
    if model is not None and not weights_faults:
        faults += _load_tensors(model, directory / WEIGHTS_FILE)
    if faults or model is None:
        raise InputError(faults)
    return Bundle(
        arch=architecture.arch,
        encoder=architecture.encoder,
        decoder_width=architecture.decoder_width,
        mapping=mapping,
        preprocessing=Preprocessing(
            content.preprocessing.image_size,
            content.preprocessing.mean,
            content.preprocessing.std,
        ),
        scores={k: math.nan if v is None else v for k, v in content.scores.items()},
        origin=content.origin,
        model=model.to(device).eval(),
    )


def _file_faults(path: Path, expected: Weights) -> list[str]:
    try:
        size = path.stat().st_size
        if size != expected.size:
            return [f"{path}: {size} bytes; {JSON_FILE} says {expected.size}: cut or exchanged"]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    if digest != expected.sha256:
        return [
            f"{path}: its sha256 is {digest[:16]}..., {JSON_FILE} says "
            f"{expected.sha256[:16]}...: damaged or exchanged"
        ]
    return []


def _build(architecture: Architecture) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        return make_model(
            architecture.arch,
            architecture.encoder,
            None,
            architecture.num_classes,
            architecture.decoder_width,
        )


def _load_tensors(model: nn.Module, path: Path) -> list[str]:
    """Fill the model, unless the file's header does not fit it; return the faults."""
    expected = model.state_dict()
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = set(file.keys())
            faults = _listed(path, "missing in the file", expected.keys() - names)
            faults += _listed(path, "unknown to the architecture", names - expected.keys())
            unfit: list[str] = []
            for name in sorted(names & expected.keys()):
                header = file.get_slice(name)
                found = (header.get_dtype(), tuple(header.get_shape()))
                right = (_DTYPES.get(expected[name].dtype), tuple(expected[name].shape))
                if found != right:
                    unfit.append(f"{name} is {_describe(*found)}, not {_describe(*right)}")
            faults += _listed(path, "not of the architecture's shape", unfit)
            if not faults:
                model.load_state_dict({name: file.get_tensor(name) for name in names})
    except (SafetensorError, OSError) as error:
        return [f"{path}: not safetensors: {' '.join(str(error).split())}"]
    return faults


_DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}


def _describe(dtype: str | None, shape: tuple[int, ...]) -> str:
    return f"{dtype} {'x'.join(map(str, shape)) or 'scalar'}"


def _listed(path: Path, what: str, tensors: Iterable[str]) -> list[str]:
    names = sorted(tensors)
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    shown = ", ".join(names[:MAX_LISTED])
    return [f"{path}: {len(names)} tensors {what}: {shown}{more}"] if names else []


def _names_in(directory: Path) -> set[str]:
    try:
        return {path.name for path in directory.iterdir()}
    except FileNotFoundError:
        return set()
    except NotADirectoryError:
        raise InputError(f"{directory}: is a file; a bundle is a directory") from None


def _move_into_place(beside: Path, directory: Path) -> None:
    old = directory.with_name(f"{beside.name}.old")
    if directory.exists():
        directory.rename(old)
    try:
        beside.rename(directory)
    except BaseException:
        if old.exists():
            old.rename(directory)
        raise
    _sync_directory(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
