"""Pretrained encoder weights: ImageNet's from the hub, or a directory of safetensors files.

Only safetensors files are read, so a weights file cannot run code.
"""

from pathlib import Path

import segmentation_models_pytorch as smp
import timm
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from segexp.core.errors import InputError, WorkError

_PROBE_TIMEOUT_S = 10.0


def check_weights(encoder: str, encoder_weights: str | None, project: Path = Path()) -> None:
    """Make sure, once per study, that an encoder's weights are available.

    ImageNet weights that are not in the hub's cache are downloaded into it, so that no trial
    waits for them and all trials get the same. Without a network this fails in seconds.

    Args:
        encoder: A name that ``check_model`` accepts.

    Raises:
        InputError: There are no such weights for this encoder.
        WorkError: The hub cannot be reached.
    """
    if encoder_weights == "imagenet":
        fetch_imagenet(encoder)
    elif encoder_weights is not None:
        _file_in(weights_directory(encoder_weights, project), encoder)


def weights_directory(encoder_weights: str, project: Path) -> Path:
    """Return the directory of weights that a configuration names."""
    return project / Path(encoder_weights).expanduser()


def fetch_imagenet(encoder: str) -> Path:
    """Return the path of an encoder's ImageNet weights in the hub's cache; download if missing.

    Raises:
        InputError: smp or timm has no such weights.
        WorkError: They are not in the cache and the hub cannot be reached.
    """
    repo, revision, files = _imagenet_source(encoder)
    try:
        return [_fetch(repo, revision, name) for name in files][-1]
    # The hub raises OSError, its own errors and those of its HTTP client.
    except Exception as error:
        reason = str(error).split("\n")[0].rstrip(". ")
        raise WorkError(
            f"cannot fetch the ImageNet weights of encoder {encoder!r} ({repo}): {reason}. "
            f"Run once with a network, or set model.encoder_weights to a directory that holds "
            f"{encoder}.safetensors, or to null to train from scratch"
        ) from error


def load_directory(encoder: nn.Module, name: str, directory: Path) -> None:
    """Load ``<directory>/<name>.safetensors``, the encoder's own state dict, into an encoder.

    ``safetensors.torch.save_file(model.encoder.state_dict(), path)`` writes such a file.

    Raises:
        InputError: No such file, not safetensors, or not exactly the encoder's tensors.
    """
    path = _file_in(directory, name)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a safetensors file: {error}") from error
    expected = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        shared = expected.keys() & given.keys()
        faults = [
            ("missing", sorted(expected.keys() - given.keys())),
            ("unexpected", sorted(given.keys() - expected.keys())),
            ("of another shape", sorted(key for key in shared if expected[key] != given[key])),
        ]
        raise InputError(
            [
                f"{path}: not encoder {name!r}: {len(keys)} tensors {what}: {_some(keys)}"
                for what, keys in faults
                if keys
            ]
        ) from error


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")


def _file_in(directory: Path, encoder: str) -> Path:
    path = directory / f"{encoder}.safetensors"
    if not directory.is_dir():
        raise InputError(
            f"model.encoder_weights {str(directory)!r} is neither 'imagenet' nor null "
            f"nor a directory"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; model.encoder_weights names its directory")
    return path


def _imagenet_source(encoder: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Return the hub repository, revision and the files to fetch, the weights last."""
    if encoder.startswith("tu-"):
        source = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
        if source is None or not source.hf_hub_id:
            raise InputError(f"timm has no pretrained weights on the hub for encoder {encoder!r}")
        return str(source.hf_hub_id), None, ("model.safetensors",)
    known = smp.encoders.encoders[encoder]["pretrained_settings"]
    if "imagenet" not in known:
        raise InputError(
            f"encoder {encoder!r} has no 'imagenet' weights in smp, only {', '.join(known)}"
        )
    settings = known["imagenet"]
    return settings["repo_id"], settings["revision"], ("config.json", "model.safetensors")


def _fetch(repo: str, revision: str | None, name: str) -> Path:
    cached = try_to_load_from_cache(repo, name, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    # Unlike the download this does not retry, so it fails at once without a network.
    get_hf_file_metadata(hf_hub_url(repo, name, revision=revision), timeout=_PROBE_TIMEOUT_S)
    return Path(hf_hub_download(repo, name, revision=revision))
