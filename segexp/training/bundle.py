"""Bundles: a saved model that describes itself. Safetensors and JSON; loading runs no code."""

import hashlib
import math
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
from torch import nn

from segexp.core.errors import InputError, collected
from segexp.core.files import write_atomic
from segexp.core.leftovers import folder_beside
from segexp.labels.mapping import Mapping
from segexp.training.bundle_files import JSON_FILE, WEIGHTS_FILE, is_directory
from segexp.training.bundle_json import (
    FORMAT_VERSION,
    Architecture,
    Content,
    PreprocessingContent,
    ReadingContent,
    Weights,
    mapping_in,
    read_content,
    to_json,
)
from segexp.training.bundle_weights import (
    MAX_LISTED,
    build_model,
    load_tensors,
    read_header,
    weights_faults,
)
from segexp.training.model_card import CARD_FILE, model_card
from segexp.training.network import check_image_size, check_model, plain_state, smp_arguments
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Reading


@dataclass(frozen=True)
class Bundle:
    """A model with everything that is needed to use it and to know where it comes from.

    Attributes:
        decoder_width: Multiplies smp's default decoder channels.
        mapping: The classes that the model predicts, with its taxonomy.
        preprocessing: What training did to an image.
        scores: Name -> score, such as ``tuning/miou``; NaN where a score is undefined.
        origin: Where it comes from: study, trial, run_id, dataset, dataset_hash ...
        model: Gives logits (N, C, H, W). Loaded in evaluation mode with float32 weights.
        reading: How probabilities are read from the logits where they are added up; None for one
            that nothing is known about, such as every bundle of format 2.
    """

    arch: str
    encoder: str
    decoder_width: float
    mapping: Mapping
    preprocessing: Preprocessing
    scores: dict[str, float]
    origin: dict[str, str | int | None]
    model: nn.Module
    reading: Reading | None = None


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
    strangers = sorted(_names_in(directory) - {JSON_FILE, WEIGHTS_FILE, CARD_FILE})
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
        smp=smp_arguments(bundle.model),
        preprocessing=PreprocessingContent(**asdict(bundle.preprocessing)),
        scores={k: float(v) if math.isfinite(v) else None for k, v in bundle.scores.items()},
        origin=bundle.origin,
        reading=None if bundle.reading is None else ReadingContent(**asdict(bundle.reading)),
        weights=Weights(size=len(weights), sha256=hashlib.sha256(weights).hexdigest()),
        mapping=bundle.mapping.to_dict(),
        taxonomy=bundle.mapping.taxonomy.to_dict(),
    )
    card = model_card(
        f"{bundle.arch} on {bundle.encoder}",
        bundle.mapping,
        bundle.preprocessing,
        bundle.scores,
        bundle.origin,
    )
    with folder_beside(directory) as beside:
        write_atomic(beside / WEIGHTS_FILE, weights)
        write_atomic(beside / JSON_FILE, to_json(content))
        write_atomic(beside / CARD_FILE, card)
        _sync_directory(beside)
        _move_into_place(beside, directory)


def load_bundle(directory: Path) -> Bundle:
    """Read a bundle. Nothing is fetched, no code in it runs, and the random state is kept.

    A changed byte in either file is refused. That is no proof of who wrote them, so what they say
    is checked before anything is built from it, and no more memory is taken than their size
    justifies.

    Args:
        directory: The bundle, or either file in it.

    Raises:
        InputError: With every fault: missing files, unknown format, damaged or exchanged
            weights, a mapping that is none, tensors that do not fit the architecture.
    """
    if directory.name in (JSON_FILE, WEIGHTS_FILE) and not is_directory(directory):
        directory = directory.parent
    content = read_content(directory)
    where, weights = directory / JSON_FILE, directory / WEIGHTS_FILE
    architecture = content.architecture
    mapping, faults = mapping_in(content, where)
    damage = weights_faults(weights, content.weights)
    faults += damage
    unbuildable = check_model(architecture.arch, architecture.encoder) or check_image_size(
        architecture.arch, content.preprocessing.image_size
    )
    faults += [f"{where}: {fault}" for fault in unbuildable]
    model: nn.Module | None = None
    if not damage and not unbuildable:
        with collected(faults):
            header = read_header(weights)
            model = build_model(architecture, content.preprocessing.image_size, header)
            faults += load_tensors(model, weights, header)
    if faults or model is None:
        raise InputError(faults)
    return _bundle_of(content, mapping, model.eval())


def described_bundle(content: Content, where: Path, model: nn.Module) -> Bundle:
    """Return the bundle that a `bundle.json` describes, with a model that has its weights already.

    Args:
        where: What contained it, for messages.

    Raises:
        InputError: With every fault of its mapping, taxonomy and reading.
    """
    mapping, faults = mapping_in(content, where)
    if faults:
        raise InputError(faults)
    return _bundle_of(content, mapping, model)


def _bundle_of(content: Content, mapping: Mapping, model: nn.Module) -> Bundle:
    return Bundle(
        arch=content.architecture.arch,
        encoder=content.architecture.encoder,
        decoder_width=content.architecture.decoder_width,
        mapping=mapping,
        preprocessing=Preprocessing(**dict(content.preprocessing)),
        scores={k: math.nan if v is None else v for k, v in content.scores.items()},
        origin=content.origin,
        model=model,
        reading=None if content.reading is None else content.reading.reading(),
    )


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
