"""A bundle of an untrained model of merged10, in a folder of its own."""

from pathlib import Path

import pytest
import torch

from harness.project import ROOT
from segexp.labels.files import load_mapping
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images are squeezed to 32x64; probabilities are cooled, and free of the loss's weights."""
    mapping = load_mapping(ROOT / "mappings" / "merged10.yaml")
    torch.manual_seed(1)
    model = make_model("Unet", "mobilenet_v2", None, 10, 0.5)
    with torch.no_grad():  # in training mode, so that the running statistics are their own
        model(torch.randn(2, 3, 32, 64))
    directory = tmp_path_factory.mktemp("model") / "bundle"
    pixels = tuple(range(10, 110, 10))
    bundle = Bundle(
        arch="Unet",
        encoder="mobilenet_v2",
        decoder_width=0.5,
        mapping=mapping,
        preprocessing=Preprocessing((32, 64), (0.4, 0.41, 0.42), (0.3, 0.31, 0.32)),
        scores={"heldout/miou": 0.5},
        origin={"study": "default", "trial": 7, "run_id": None},
        model=model,
        reading=Reading(2.0, False, Prior("inverse_frequency", pixels, pixels)),
    )
    save_bundle(directory, bundle)
    return directory
