"""Which architecture runs on which encoder: every pair is built and run once, on shapes alone.

Names do not tell. Some timm encoders do not dilate, some have feature maps whose sizes a decoder
cannot add, some refuse an image size; and batch normalisation refuses a single image where a
feature map has shrunk to one pixel. A tensor on torch's meta device has a shape but no values, so
a model of any size is built and run in a fraction of a second.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segexp.core.errors import InputError, first_line
from segexp.core.files import written_beside
from segexp.training.network import REFUSALS, check_image_size, check_model, make_model

Pair = tuple[str, str]
"""An architecture and an encoder."""

CLASSES = 3
"""Classes of the models that are tried; whether a pair runs does not depend on it."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of running a pair once.

    Attributes:
        refused: Why it cannot be trained at any batch size; None if it can.
        alone: Why it cannot be trained on a batch of one image; None if it can.
    """

    refused: str | None = None
    alone: str | None = None


def check_pairs(
    pairs: Iterable[Pair],
    image_size: tuple[int, int],
    file: Path,
    starting: Callable[[int], None] = lambda count: None,
) -> dict[Pair, Verdict]:
    """Find out which pairs can be trained on images of a size.

    Args:
        pairs: Names that `arch_faults` and `encoder_faults` of `segexp.training.network` accept.
        image_size: Height and width in pixels.
        file: A JSON file of verdicts, which this call adds to: they hold for one version of torch,
            timm and smp.
        starting: Takes the number of pairs that are not in the file, if there are any.
    """
    wanted = list(dict.fromkeys(pairs))
    context = _context(image_size)
    known = _read(file)
    verdicts = known.setdefault(context, {})
    new = [pair for pair in wanted if _key(pair) not in verdicts]
    if new:
        starting(len(new))
        verdicts |= {_key(pair): check_pair(*pair, image_size) for pair in new}
        _write(file, known)
    return {pair: verdicts[_key(pair)] for pair in wanted}


def check_pair(arch: str, encoder: str, image_size: tuple[int, int]) -> Verdict:
    """Build a pair and run it forward in training mode, on two images and on one.

    Args:
        image_size: Height and width in pixels.
    """
    if faults := check_model(arch, encoder) or check_image_size(arch, image_size):
        return Verdict(*[_reason(faults[0])] * 2)
    for is_meta in (True, False):
        try:
            model = _build(arch, encoder, image_size, is_meta=is_meta)
            refused = _refusal(model, 2, image_size, is_meta=is_meta)
            alone = refused or _refusal(model, 1, image_size, is_meta=is_meta)
        except InputError as error:
            refused = alone = _reason(error.faults[0])
        # A refusal that only a tensor without values causes, such as of `.item()`, does not count.
        if refused is None or not is_meta or "meta" not in refused.lower():
            break
    return Verdict(refused, alone)


def fails_alone(arch: str, encoder: str, image_size: tuple[int, int]) -> bool:
    """Whether a pair that can be trained cannot be trained on a batch of one image.

    torch does not normalise over a single value, as of a feature map of one pixel.
    """
    return check_pair(arch, encoder, image_size).alone is not None


def _reason(fault: str) -> str:
    """Return the reason in a fault, without the names of the pair before it."""
    before, colon, reason = fault.partition(": ")
    return reason if colon and before.startswith("model.arch ") else fault


def _build(arch: str, encoder: str, image_size: tuple[int, int], *, is_meta: bool) -> nn.Module:
    if not is_meta:
        with torch.random.fork_rng(devices=[]):
            return make_model(arch, encoder, None, CLASSES, image_size=image_size).train()
    with torch.device("meta"), _CountedOnCpu():
        return make_model(arch, encoder, None, CLASSES, image_size=image_size).train()


def _refusal(
    model: nn.Module, batch: int, image_size: tuple[int, int], *, is_meta: bool
) -> str | None:
    """Run a batch through a model; return what it raised, if anything."""
    height, width = image_size
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            if is_meta:
                with _ShapesOnly():
                    logits = model(torch.empty(batch, 3, height, width, device="meta"))
            else:
                logits = model(torch.zeros(batch, 3, height, width))
    except REFUSALS as error:
        return first_line(error)
    shape = tuple(logits.shape)
    if shape != (batch, CLASSES, height, width):
        return f"logits of {shape[2]}x{shape[3]} for images of {height}x{width}"
    return None


class _CountedOnCpu(TorchFunctionMode):
    """Runs `torch.linspace` on the CPU: some constructors read their layers' rates from it."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.linspace:
            kwargs = {"device": "cpu", **(kwargs or {})}
        return func(*args, **(kwargs or {}))


_KEEP_SHAPE = frozenset(
    {
        F.dropout,
        F.dropout2d,
        F.elu,
        F.gelu,
        F.group_norm,
        F.hardsigmoid,
        F.hardswish,
        F.hardtanh,
        F.layer_norm,
        F.leaky_relu,
        F.mish,
        F.relu,
        F.relu6,
        F.silu,
        F.softmax,
        torch.relu,
        torch.sigmoid,
        Tensor.relu_,
        Tensor.sigmoid,
    }
)


class _ShapesOnly(TorchFunctionMode):
    """Skips operations that keep the shape, on which the meta device spends most of its time."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _KEEP_SHAPE:
            return args[0] if args else kwargs["input"]
        if func is F.batch_norm:
            image = args[0] if args else kwargs["input"]
            if kwargs.get("training", args[5] if len(args) > 5 else False):
                _refuse_single_value(image)
            return image
        if func is F.adaptive_avg_pool2d:
            size = args[1] if len(args) > 1 else kwargs["output_size"]
            sides = (size, size) if isinstance(size, int) else tuple(size)
            if all(isinstance(side, int) for side in sides):
                return args[0].new_empty((*args[0].shape[:-2], *sides))
        return func(*args, **kwargs)


def _refuse_single_value(image: Tensor) -> None:
    """Refuse what torch's batch normalisation refuses in training, in its words."""
    if image.numel() == image.shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {image.size()}"
        )


def _context(image_size: tuple[int, int]) -> str:
    versions = {"torch": torch.__version__, "timm": timm.__version__, "smp": smp.__version__}
    height, width = image_size
    return f"{height}x{width} " + " ".join(f"{name} {v}" for name, v in versions.items())


def _key(pair: Pair) -> str:
    return " on ".join(pair)


def _read(file: Path) -> dict[str, dict[str, Verdict]]:
    """Read earlier verdicts; a missing or damaged file has none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {
            context: {key: Verdict(**verdict) for key, verdict in verdicts.items()}
            for context, verdicts in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(file: Path, known: Mapping[str, Mapping[str, Verdict]]) -> None:
    content = {
        context: {key: asdict(verdict) for key, verdict in verdicts.items()}
        for context, verdicts in known.items()
    }
    with suppress(OSError):  # the verdicts can be found again; a full disk is reported elsewhere
        file.parent.mkdir(parents=True, exist_ok=True)
        for leftover in file.parent.glob(f".{file.name}.*"):  # of a process that was killed
            leftover.unlink(missing_ok=True)
        with written_beside(file) as beside:
            beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
