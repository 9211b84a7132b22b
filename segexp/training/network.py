"""Segmentation models from segmentation-models-pytorch (smp), and which can be built."""

import inspect
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from segexp.core.errors import InputError, did_you_mean, first_line, shown
from segexp.core.value_key import arch_key
from segexp.training.weights import fetch, hub_weights, load_directory, weights_directory

ARCHS: dict[str, str] = {
    lower: arch.__name__ for lower, arch in smp.MODEL_ARCHITECTURES_MAPPING.items()
}

_PAN_MIN_SIZE = 128  # PAN halves features of stride 16 three times
_DILATING_ARCHS = frozenset({"deeplabv3", "deeplabv3plus", "pan"})
_NOT_DILATABLE = ("densenet", "inceptionresnetv2", "inceptionv4", "vgg", "xception")  # they pool
_NO_MIT_ARCHS = frozenset({"linknet", "unetplusplus"})
REFUSALS = (ValueError, TypeError, AssertionError, LookupError, RuntimeError, AttributeError)
"""What smp, timm and torch raise for a model that cannot be built or run."""

_ONE_SIZE = "is_of_one_size"
_ARGUMENTS = "smp_arguments"

_CHANNEL_MULTIPLE = {"fpn": 32}  # GroupNorm with 32 groups


def check_model(arch: str, encoder: str) -> list[str]:
    """Find what is wrong with a pair of names, without building or fetching anything.

    Args:
        arch: An smp architecture in any spelling that `segexp.core.value_key` takes, such as
            ``Unet``.
        encoder: An encoder of smp, such as ``resnet18``, or ``tu-`` and a timm name. Exact case.

    Returns:
        One line for each fault; empty when none is known. Some timm encoders still fail when they
        are built and run: see `segexp.training.network_check`.
    """
    faults = arch_faults(arch) + encoder_faults(encoder)
    return faults or _pair_faults(ARCHS[arch_key(arch)], encoder)


def arch_faults(arch: str) -> list[str]:
    """Find what is wrong with an architecture's name."""
    if arch_key(arch) in ARCHS:
        return []
    return [
        f"model.arch {shown(arch)} is not one of {', '.join(ARCHS.values())}"
        f"{did_you_mean(arch, ARCHS.values())}"
    ]


def encoder_faults(encoder: str) -> list[str]:
    """Find what is wrong with an encoder's name."""
    if _is_encoder(encoder):
        return []
    return [
        f"model.encoder {shown(encoder)} is neither an encoder of segmentation-models-pytorch "
        f"nor 'tu-' and a timm model{_encoder_hint(encoder)}"
    ]


def check_image_size(arch: str, image_size: tuple[int, int]) -> list[str]:
    """Find what is wrong with an image size, multiples of 32, for an architecture that is known.

    Returns:
        One line for each fault; empty when the size fits.
    """
    if arch_key(arch) != "pan" or min(image_size) >= _PAN_MIN_SIZE:
        return []
    return [f"data.image_size {list(image_size)}: PAN needs at least {_PAN_MIN_SIZE} on each side"]


def make_model(
    arch: str,
    encoder: str,
    encoder_weights: str | None,
    num_classes: int,
    decoder_width: float = 1.0,
    image_size: tuple[int, int] | None = None,
    *,
    project: Path = Path(),
) -> nn.Module:
    """Build a model that turns images (N, 3, H, W) into logits (N, num_classes, H, W).

    Args:
        encoder: An encoder of smp, or ``tu-`` and a timm name.
        encoder_weights: One of `segexp.training.weights.weight_names` (from the hub or its cache),
            a directory that holds ``<encoder>.safetensors`` (the encoder's own state dict), or
            None for none.
        num_classes: Channels of the logits.
        decoder_width: Multiplies smp's default channels of the decoder, in (0, 1]. The result is
            rounded to a multiple of 8 (32 in FPN, for its group norm), at least 8 (32). Linknet
            has no such channels and ignores it.
        image_size: Height and width of the images. Timm encoders whose weights depend on the size
            (Swin, CoAtNet, Hiera, GCViT ...) are built for it; None is timm's own size. Every
            other encoder takes images of any size.
        project: Where a relative directory of encoder weights starts.

    Raises:
        InputError: Unknown names (every fault), a pair that does not fit, or weights that do not
            exist or do not fit.
        WorkError: Weights of the hub cannot be fetched.
    """
    if faults := check_model(arch, encoder):
        raise InputError(faults)

    arguments = {
        "arch": arch_key(arch),
        "encoder_name": encoder,
        "encoder_weights": None,
        "classes": num_classes,
        **decoder_channels(arch, decoder_width),
    }
    options: dict[str, Any] = dict(decoder_channels(arch, decoder_width))
    from_hub: str | bool | None = None
    source = hub_weights(encoder, encoder_weights) if encoder_weights is not None else None
    if encoder_weights is not None and source is not None:
        from_hub, path = encoder_weights, fetch(source, encoder, encoder_weights)
        if encoder.startswith("tu-"):
            # By default timm asks the hub each time, and takes a pickle if there is nothing else.
            from_hub, encoder = True, source.encoder
            options["pretrained_cfg_overlay"] = {"file": str(path)}
    model: nn.Module | None = None
    for of_size in _size_options(arch, encoder, image_size):
        try:
            with warnings.catch_warnings():
                # DPT's, which adds that another readout would suit such an encoder.
                warnings.filterwarnings("ignore", message="Encoder does not have prefix tokens")
                model = smp.create_model(
                    arch_key(arch),
                    encoder,
                    encoder_weights=from_hub,
                    classes=num_classes,
                    **options,
                    **of_size,
                )
            setattr(model, _ONE_SIZE, "img_size" in of_size or arch_key(arch) == "pan")
            setattr(model, _ARGUMENTS, {**arguments, **of_size})
            break
        # smp and timm refuse a pair with whatever error its constructor happens to hit.
        except Exception as error:
            if of_size and _is_unknown_option(error, of_size):
                continue
            if not isinstance(error, REFUSALS):
                raise
            reason = first_line(error)
            if "output_stride" in reason or (
                isinstance(error, AssertionError) and arch_key(arch) in _DILATING_ARCHS
            ):
                reason = "it dilates the encoder, which this encoder does not support"
            raise InputError(
                f"model.arch {arch!r} cannot be built on encoder {encoder!r}: {reason}"
            ) from error
    assert model is not None  # the last attempt has no options, which no encoder refuses
    if encoder_weights is not None and source is None:
        directory = weights_directory(encoder_weights, project)
        load_directory(model.get_submodule("encoder"), encoder, directory)
    return model


def is_of_one_size(model: nn.Module) -> bool:
    """Whether a model of `make_model` may not be shown smaller images than it was made for.

    The weights of some timm encoders depend on the size, and PAN needs a least one.
    """
    return bool(getattr(model, _ONE_SIZE, False))


def smp_arguments(model: nn.Module) -> dict[str, Any] | None:
    """Return what ``smp.create_model`` builds a model of `make_model` from, without its weights.

    None for a model that something else has made.
    """
    found: dict[str, Any] | None = getattr(model, _ARGUMENTS, None)
    return found


def crop_fault(
    arch: str, encoder: str, crop: tuple[int, int], image_size: tuple[int, int]
) -> str | None:
    """Say why a model for images of a size cannot be trained on crops; None where it can."""
    if crop == image_size:
        return None
    if "img_size" in _size_options(arch, encoder, image_size)[0]:
        return "its weights depend on data.image_size; set training.crop to null"
    if faults := check_image_size(arch, crop):
        return faults[0].replace("data.image_size", "training.crop")
    return None


def _size_options(
    arch: str, encoder: str, image_size: tuple[int, int] | None
) -> list[dict[str, Any]]:
    """List the options to try for building a timm encoder at an image size, in order.

    The only way to know which option a timm model takes is to try. Models with
    ``fixed_input_size`` in their configuration take ``img_size``, with few exceptions.
    """
    options: list[dict[str, Any]] = [{}]
    if not encoder.startswith("tu-"):
        return options
    known = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
    if known is not None and known.fixed_input_size and image_size is not None:
        options.insert(0, {"img_size": image_size})
    if arch_key(arch) == "dpt":
        options.insert(0, {"dynamic_img_size": True})  # vision transformers: one set of weights
    return options


def _is_unknown_option(error: Exception, options: dict[str, Any]) -> bool:
    text = str(error)
    return isinstance(error, TypeError) and any(
        name in text and "unexpected keyword argument" in text for name in options
    )


def decoder_channels(arch: str, decoder_width: float) -> dict[str, int | tuple[int, ...]]:
    """Return the keyword arguments of an smp architecture for a narrower decoder.

    Args:
        decoder_width: Multiplies the default of each argument of its ``__init__`` that ends in
            ``_channels``.
    """
    key = arch_key(arch)
    multiple = _CHANNEL_MULTIPLE.get(key, 8)

    def narrow(channels: int) -> int:
        return max(multiple, round(channels * decoder_width / multiple) * multiple)

    parameters = inspect.signature(smp.MODEL_ARCHITECTURES_MAPPING[key].__init__)
    return {
        name: narrow(p.default) if isinstance(p.default, int) else tuple(map(narrow, p.default))
        for name, p in parameters.parameters.items()
        if name.endswith("_channels") and name != "in_channels"
    }


@cache
def _encoder_hint(encoder: str) -> str:
    """Return the did-you-mean for an encoder; cached: a study repeats it for each architecture."""
    timm_names = [f"tu-{name}" for name in timm.list_models()]
    known = [*smp.encoders.get_encoder_names(), *timm_names]
    # `resnet-34`, `EfficientNet_B3`, `vit_tiny_patch16_224`: a known name in another spelling.
    same = [name for name in known if _plain(name) == _plain(encoder)]
    return did_you_mean(encoder, same) or did_you_mean(encoder, known)


def _plain(encoder: str) -> str:
    return re.sub(r"[-_ ]", "", encoder.lower().removeprefix("tu-"))


def _is_encoder(name: str) -> bool:
    if not name.startswith("tu-"):
        return name in smp.encoders.get_encoder_names()
    if not timm.is_model(name.removeprefix("tu-")):
        return False
    try:
        timm.models.get_pretrained_cfg(name.removeprefix("tu-"))
    except RuntimeError:  # a known model with an unknown tag, as in resnet18.nonsense
        return False
    return True


def _pair_faults(arch: str, encoder: str) -> list[str]:
    refused = f"model.arch {arch!r} does not take encoder {encoder!r}"
    if arch == "DPT":
        if not encoder.startswith("tu-"):
            return [f"{refused}: it needs a timm encoder, such as 'tu-vit_tiny_patch16_224'"]
        patch = re.search(r"patch(\d+)", encoder)
        if patch and int(patch[1]) not in (4, 8, 16, 32):
            return [f"{refused}: it needs patches of 4, 8, 16 or 32 pixels"]
    if arch_key(arch) in _NO_MIT_ARCHS and encoder.startswith("mit_b"):
        return [f"{refused}: its decoder needs features at half the image size"]
    if arch_key(arch) in _DILATING_ARCHS and encoder.startswith(_NOT_DILATABLE):
        return [f"{refused}: it dilates the encoder, which this encoder's pooling does not allow"]
    return []


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state on the CPU, contiguous, unshared (as safetensors asks) and in float32."""
    return {
        name: value.detach()
        .to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)
        .contiguous()
        for name, value in model.state_dict().items()
    }
