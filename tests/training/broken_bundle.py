"""A bundle whose files were changed, and what is said of it."""

import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from segexp.core.errors import InputError
from segexp.training.bundle import load_bundle
from segexp.training.bundle_json import signed


def faults_of(directory: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        load_bundle(directory)
    return caught.value.faults


def edit_json(directory: Path, **changes: object) -> None:
    path = directory / "bundle.json"
    content = json.loads(path.read_text())
    for dotted, value in changes.items():
        *sections, last = dotted.split("__")
        inner = content
        for section in sections:
            inner = inner[section]
        inner[last] = value
    sign(path, json.dumps(content))


def sign(path: Path, text: str) -> None:
    """Write an object as `bundle.json`, with the right digest: it lies, but is not damaged."""
    content = json.loads(text)
    content.pop("sha256", None)
    path.write_bytes(signed(json.dumps(content).removeprefix("{").encode()))


def exchange_weights(directory: Path, tensors: dict[str, torch.Tensor]) -> None:
    weights = safetensors.torch.save(tensors)
    (directory / "model.safetensors").write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    edit_json(directory, weights__sha256=digest, weights__size=len(weights))


def tensors_of(directory: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(directory / "model.safetensors")
