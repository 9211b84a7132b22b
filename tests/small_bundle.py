"""A bundle of a small model, in memory."""

import math

import torch

from harness.project import ROOT
from segexp.labels.files import load_mapping
from segexp.training.bundle import Bundle
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing


def small_bundle() -> Bundle:
    mapping = load_mapping(ROOT / "mappings" / "camvid_merged6.yaml")
    torch.manual_seed(1)
    model = make_model("Unet", "mobilenet_v2", None, len(mapping.classes), 0.5)
    with torch.no_grad():  # in training mode, so that the running statistics are their own
        model(torch.randn(2, 3, 32, 64))
    return Bundle(
        arch="Unet",
        encoder="mobilenet_v2",
        decoder_width=0.5,
        mapping=mapping,
        preprocessing=Preprocessing((32, 64), (0.4, 0.41, 0.42), (0.3, 0.31, 0.32)),
        scores={"tuning/miou": 0.5, "heldout/miou": math.nan},
        origin={"study": "straße", "trial": 7, "run_id": None},
        model=model,
    )
