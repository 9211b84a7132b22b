"""Which parameters learn how fast: the rates of an encoder against those of the decoder."""

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import timm
import torch
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder
from timm.optim import param_groups_layer_decay
from torch import nn

_PROBE_SIDE = 64


def parameter_groups(
    model: nn.Module,
    encoder_lr_factor: float = 1.0,
    layer_decay: float = 1.0,
    *,
    begins_frozen: bool = False,
) -> list[dict[str, Any]]:
    """Return a model's parameters in groups for an optimizer, by their share of the learning rate.

    Args:
        model: Of smp, where one of the others is not 1.
        encoder_lr_factor: The encoder's share. Decoder and head have the whole rate.
        layer_decay: Each layer of the encoder has this share of the one after it (Bao et al. 2021,
            BEiT): the decoder takes the place of the head in `param_groups_layer_decay` of timm.
            The layers of a timm encoder are those that timm says it has, such as the blocks of a
            transformer; those of another one are its stages, of `stages`.
        begins_frozen: Whether the encoder begins to learn after the decoder. It then has groups of
            its own: torch's fused SGD wants the momentum of all parameters of a group, or of none.

    Returns:
        Groups with ``params`` and ``lr_scale``; one group where the encoder learns as the rest.
    """
    scale_of: dict[str, float] = {}
    if (encoder_lr_factor, layer_decay) != (1.0, 1.0) or begins_frozen:
        encoder = model.get_submodule("encoder")
        scale_of = {
            f"encoder.{name}": encoder_lr_factor * scale
            for name, scale in _scales(encoder, layer_decay).items()
        }
    groups: dict[tuple[bool, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        groups[name in scale_of, scale_of.get(name, 1.0)].append(parameter)
    return [{"params": params, "lr_scale": scale} for (_, scale), params in groups.items()]


def _scales(encoder: nn.Module, layer_decay: float) -> Mapping[str, float]:
    """Return the share of each parameter of an encoder, by name."""
    if layer_decay == 1:
        return dict.fromkeys(dict(encoder.named_parameters()), 1.0)
    if isinstance(encoder, (TimmUniversalEncoder, TimmViTEncoder)):
        with torch.device("meta"):
            whole = timm.create_model(encoder.name)
        if hasattr(whole, "group_matcher"):
            return _timm_scales(encoder, whole, layer_decay)
    stage_of = stages(encoder)
    count = max(stage_of.values()) + 1
    return {name: layer_decay ** (count - stage) for name, stage in stage_of.items()}


def _timm_scales(encoder: nn.Module, whole: nn.Module, layer_decay: float) -> dict[str, float]:
    """Return what timm gives the parameters of a classifier that are in the encoder, too."""
    of_parameter = {
        parameter: group["lr_scale"]
        for group in param_groups_layer_decay(whole, layer_decay=layer_decay)
        for parameter in group["params"]
    }
    of_whole = {_plain(name): of_parameter[p] for name, p in whole.named_parameters()}
    return {name: of_whole[_plain(name)] for name, _ in encoder.named_parameters()}


def _plain(name: str) -> str:
    """Return a name that is the same in the classifier: its features have stages_0 for stages.0."""
    while name.startswith("model."):  # smp's, and that of timm's FeatureGetterNet
        name = name.removeprefix("model.")
    return name.replace("_", ".")


def stages(encoder: nn.Module) -> dict[str, int]:
    """Return the stage of each parameter of an encoder, from 0: smp takes a feature map from each.

    A parameter is of the first feature map that depends on it; of the last if none does.
    """
    probe = deepcopy(encoder).to("meta").eval()  # shapes alone: nothing is computed
    features = probe(torch.empty(1, 3, _PROBE_SIDE, _PROBE_SIDE, device="meta"))
    learned = [feature for feature in features if feature.requires_grad]
    names, parameters = zip(*probe.named_parameters(), strict=True)
    found: dict[str, int] = {}
    for stage, feature in enumerate(learned):
        used = torch.autograd.grad(feature.sum(), parameters, retain_graph=True, allow_unused=True)
        for name, gradient in zip(names, used, strict=True):
            if gradient is not None:
                found.setdefault(name, stage)
    return {name: found.get(name, len(learned) - 1) for name in names}
