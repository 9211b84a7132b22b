"""Pretrained encoder weights: those that smp and timm name, from the hub, or files of one's own.

Only safetensors files are read, so a weights file cannot run code.
"""

from dataclasses import dataclass
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from segexp.core.errors import InputError, WorkError, did_you_mean

_PROBE_TIMEOUT_S = 10.0
_NAMES_TOLD = 8


@dataclass(frozen=True)
class HubWeights:
    """Weights that have a name.

    Attributes:
        encoder: The encoder that smp builds for them: that of timm's tag, where a tag names them.
        repo: On the hub.
        revision: None for the newest.
        files: What smp or timm reads, the weights last.
    """

    encoder: str
    repo: str
    revision: str | None
    files: tuple[str, ...]


def check_weights(encoder: str, encoder_weights: str | None, project: Path = Path()) -> None:
    """Make sure, once per study, that an encoder's weights are available.

    Weights that are not in the hub's cache are downloaded into it, so that no trial waits for them
    and all trials get the same. Without a network this fails in seconds.

    Args:
        encoder: A name that ``check_model`` accepts.

    Raises:
        InputError: There are no such weights for this encoder.
        WorkError: The hub cannot be reached.
    """
    if encoder_weights is None:
        return
    if source := hub_weights(encoder, encoder_weights):
        fetch(source, encoder, encoder_weights)
    else:
        _file_in(weights_directory(encoder_weights, project), encoder)


def weights_directory(encoder_weights: str, project: Path) -> Path:
    """Return the directory of weights that a configuration names."""
    return project / Path(encoder_weights).expanduser()


def weight_names(encoder: str) -> tuple[str, ...]:
    """Return the names of an encoder's weights: smp's; for timm's ``imagenet`` and its tags.

    ``imagenet`` are those of the encoder's tag, or those that timm takes without one.
    """
    if not encoder.startswith("tu-"):
        return tuple(smp.encoders.encoders[encoder]["pretrained_settings"])
    arch = encoder.removeprefix("tu-").partition(".")[0]
    tags = [name.partition(".")[2] for name in timm.models.get_arch_pretrained_cfgs(arch)]
    return ("imagenet", *filter(None, tags))


def hub_weights(encoder: str, name: str) -> HubWeights | None:
    """Return where the weights of a name are; None for a name that the encoder's weights lack.

    Raises:
        InputError: smp has no ImageNet weights for the encoder, or timm has them elsewhere.
    """
    if name not in weight_names(encoder):
        if name == "imagenet":
            raise InputError(
                f"encoder {encoder!r} has no 'imagenet' weights in smp, only "
                f"{', '.join(weight_names(encoder))}"
            )
        return None
    if not encoder.startswith("tu-"):
        settings = smp.encoders.encoders[encoder]["pretrained_settings"][name]
        files = ("config.json", "model.safetensors")
        return HubWeights(encoder, settings["repo_id"], settings["revision"], files)
    tagged = encoder if name == "imagenet" else f"{encoder.partition('.')[0]}.{name}"
    source = timm.models.get_pretrained_cfg(tagged.removeprefix("tu-"))
    if source is None or not source.hf_hub_id:
        raise InputError(f"timm has no pretrained weights on the hub for encoder {tagged!r}")
    return HubWeights(tagged, str(source.hf_hub_id), None, ("model.safetensors",))


def is_cached(source: HubWeights) -> bool:
    """Whether weights are in the hub's cache, so that no network is needed."""
    found = (try_to_load_from_cache(source.repo, f, revision=source.revision) for f in source.files)
    return all(isinstance(path, str) for path in found)


def fetch(source: HubWeights, encoder: str, name: str) -> Path:
    """Return the path of weights in the hub's cache; download what is missing.

    Raises:
        WorkError: They are not in the cache and the hub cannot be reached.
    """
    try:
        return [_fetch(source.repo, source.revision, file) for file in source.files][-1]
    # The hub raises OSError, its own errors and those of its HTTP client.
    except Exception as error:
        reason = str(error).split("\n")[0].rstrip(". ")
        cache = Path(constants.HF_HUB_CACHE) / f"models--{source.repo.replace('/', '--')}"
        raise WorkError(
            f"cannot fetch the weights {name!r} of encoder {encoder!r} ({source.repo}): "
            f"{reason}. Run once with a network, or copy {cache} from a machine that did, or set "
            f"model.encoder_weights to a directory that holds {encoder}.safetensors, or to "
            f"null to train from scratch"
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
        names = weight_names(encoder)
        told = ", ".join(map(repr, names[:_NAMES_TOLD])) + ", ..." * (len(names) > _NAMES_TOLD)
        raise InputError(
            f"model.encoder_weights {str(directory)!r} is neither {told} nor null "
            f"nor a directory{did_you_mean(directory.name, names)}; the names are those of encoder "
            f"{encoder!r}"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; model.encoder_weights names its directory")
    return path


def _fetch(repo: str, revision: str | None, name: str) -> Path:
    cached = try_to_load_from_cache(repo, name, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    # Unlike the download this does not retry, so it fails at once without a network.
    get_hf_file_metadata(hf_hub_url(repo, name, revision=revision), timeout=_PROBE_TIMEOUT_S)
    return Path(hf_hub_download(repo, name, revision=revision))
