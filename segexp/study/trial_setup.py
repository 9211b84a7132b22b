"""What a trial trains on and how it is judged, and how checkpoints and MLflow name that."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segexp.core.config import Config
from segexp.data.cache import Dataset
from segexp.data.layout import is_drawn
from segexp.evaluation.result import CURRENT_RULES
from segexp.evaluation.sizes import at_own_size, size_text
from segexp.labels.mapping import Mapping
from segexp.study.attributes import PRECISION
from segexp.training.compute import choose_compute

_FIRST_KEYS = """
image_size normalization taxonomy heldout_by synthetic format masks layout relabel heldout
arch encoder encoder_weights decoder_width
epochs batch_size optimizer learning_rate weight_decay schedule warmup_epochs loss loss_weighting
augmentation precision gradient_clip seed
"""
"""The keys that checkpoints were first written with. A later key counts where it has another value
than its default, which is what segexp did before it had the key."""


@dataclass(frozen=True)
class TrialSetup:
    """What a trial trains on and how it is judged.

    Attributes:
        common: The common space of all mappings that the trial is compared with.
        objective: One of `segexp.evaluation.metrics.objectives`.
        origin: Where the trial comes from (study, number): written into its bundle.
        keeps_predictions: Whether to keep the predictions of the held-out images.
        lower_iou_of: The common classes whose IoU's lower end on the val split is wanted.
        project: Where a relative directory of encoder weights starts.
    """

    config: Config
    dataset: Dataset
    mapping: Mapping
    common: Mapping
    objective: str
    origin: dict[str, str | int | None]
    keeps_predictions: bool = False
    project: Path = Path()
    lower_iou_of: tuple[str, ...] = ()


def meaning_of(setup: TrialSetup) -> str:
    """Return a digest of what is trained: a checkpoint with another digest is not resumed."""
    config, defaults = setup.config.to_dict(), Config().to_dict()
    _forget_places(config["data"])
    config["data"]["heldout_by"] = setup.dataset.heldout_by
    content = {
        "config": [
            {
                key: value
                for key, value in config[section].items()
                if key in _FIRST_KEYS.split() or value != defaults[section][key]
            }
            for section in ("data", "model", "training")
        ],
        "dataset": setup.dataset.hash,
        "mapping": setup.mapping.hash,
        "common": setup.common.hash,
        "objective": setup.objective,
        "scores": CURRENT_RULES,  # all epochs must be scored by the same rules
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _forget_places(data: dict[str, Any]) -> None:
    """Leave out of ``data`` where it is and who names its layout: the digest tells the data."""
    data.pop("root")
    if not is_drawn(data["format"]):
        data["format"] = "auto"
    if data["heldout"] is not None:
        data["heldout"] = {k: v for k, v in data["heldout"].items() if k not in ("root", "format")}


def precision_of(setup: TrialSetup) -> str:
    """Return what this host trains a trial in, ``bf16`` or ``fp32``."""
    return choose_compute(setup.config.training.precision).precision


def run_tags(setup: TrialSetup) -> dict[str, str]:
    """Return the tags of the MLflow run of any trial, inside or outside a study."""
    return {
        "segexp.kind": "trial",
        "segexp.mapping": setup.mapping.name,
        "segexp.mapping_hash": setup.mapping.hash,
        "segexp.dataset": setup.dataset.name,
        "segexp.dataset_hash": setup.dataset.hash,
        "segexp.common_space": setup.common.name,
        PRECISION: precision_of(setup),
        "segexp.heldout_size": size_text(
            setup.dataset, at_own=at_own_size(setup.config.data.scored_at, setup.dataset)
        ),
        "segexp.seed": str(setup.config.training.seed),
    }
