"""Which models can be exported, and how far what is written differs from torch.

    python benchmarks/export_pairs.py                     # a table of onnx, half an hour
    python benchmarks/export_pairs.py openvino Unet/resnet18 FPN/tu-convnext_atto

Weights are random. By ``fit`` the network sees images of every size up to `SIZE`, by ``stretch`` of
that one alone; either way the file takes images of every size.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import torch

from harness.project import ROOT
from segexp.core.choices import module_in
from segexp.core.data_config import Resize
from segexp.core.errors import InputError, WorkError
from segexp.evaluation.export import export_bundle
from segexp.labels.files import load_mapping
from segexp.training import exports
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.network import make_model
from segexp.training.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

SIZE = (128, 256)
RULES: tuple[Resize, ...] = ("fit", "stretch")

PAIRS = [
    "Unet/resnet18",
    "UnetPlusPlus/resnet18",
    "MAnet/resnet18",
    "Linknet/resnet18",
    "FPN/efficientnet-b0",
    "PSPNet/resnet18",
    "DeepLabV3/resnet18",
    "DeepLabV3Plus/mobilenet_v2",
    "PAN/resnet18",
    "UPerNet/resnet18",
    "Segformer/mit_b0",
    "DPT/tu-vit_tiny_patch16_224",
    "Unet/tu-convnext_atto",
    "FPN/tu-mobilevit_xxs",
    "UPerNet/tu-swin_tiny_patch4_window7_224",
]


def main(words: list[str]) -> None:
    known = exports.format_names()
    formats = [word for word in words if word in known] or ["onnx"]
    pairs = [word for word in words if word not in known] or PAIRS
    kinds = [(name, resize) for name in formats for resize in RULES]
    print(f"| model | {' | '.join(f'{name}, {resize}' for name, resize in kinds)} |")
    print("|---" * (len(kinds) + 1) + "|")
    for pair in pairs:
        cells = [outcome(pair, name, resize) for name, resize in kinds]
        print(f"| {pair.replace('/', ' on ')} | {' | '.join(cells)} |", flush=True)


def outcome(pair: str, name: str, resize: Resize) -> str:
    """Return the largest difference of a logit by their deviation, and the pixels of another class.

    Or why there is no file.
    """
    arch, _, encoder = pair.partition("/")
    mapping = load_mapping(ROOT / "mappings" / "camvid_merged6.yaml")
    torch.manual_seed(0)
    model = make_model(arch, encoder, None, len(mapping.classes), 1.0, SIZE)
    with torch.no_grad():  # in training mode, so that the running statistics are their own
        model(torch.randn(2, 3, *SIZE))
    preprocessing = Preprocessing(SIZE, IMAGENET_MEAN, IMAGENET_STD, resize)
    bundle = Bundle(arch, encoder, 1.0, mapping, preprocessing, {}, {}, model)
    form = module_in(exports, name)
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_bundle(Path(directory) / "b", bundle)
        try:
            same = export_bundle(
                Path(directory) / "b", form, Path(directory) / f"m{form.SUFFIX}"
            ).agreement
        except (InputError, WorkError) as error:
            return str(error).partition(": ")[2].replace("not kept: ", "")[:95]
    return f"{same.logits / same.deviation:.0e}, {same.changed}"


if __name__ == "__main__":
    main(sys.argv[1:])
