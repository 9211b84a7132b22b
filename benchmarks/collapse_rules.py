"""What each part of the rule `sum` does to the mIoU in the common space, on the default data.

python benchmarks/collapse_rules.py               # 7 losses and weightings, both mappings, 2 seeds

Every model is trained once, as `segexp train` would, and its logits on the held-out images are
decided upon by every rule:

- argmax: decide, then map.
- pooled: add softmax probabilities; the classes that fall into none are one rival.
- alone: each of these competes by itself.
- T: and with the temperature that fits the tuning images best.
- divided: and divided by the class weights (where they shift the probabilities).
- sum: and with the weights that the same weighting gives to the common classes: the rule as it is;
  models of the focal loss are read as sigmoids.
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from study import machine
from torch import Tensor

from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.data.cache import Dataset
from segexp.data.open import find_source, open_data
from segexp.data.split import Split
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.metrics import score
from segexp.evaluation.rulers import decide, make_ruler
from segexp.labels.files import find_mapping
from segexp.labels.mapping import Mapping, common_space
from segexp.study.prepare import Training, prepare_training
from segexp.training.preprocess import forward
from segexp.training.reading import AS_SOFTMAX, Reading, fitted, groups_of

ROOT = Path(__file__).parents[1]
LOSSES = (
    ("cross_entropy", "none"),
    ("cross_entropy", "inverse_frequency"),
    ("cross_entropy", "median_frequency"),
    ("ce_dice", "none"),
    ("ce_dice", "inverse_frequency"),
    ("focal", "none"),
    ("focal", "inverse_frequency"),
)
MAPPINGS = ("cityscapes19", "merged10")
RULES = ("argmax", "pooled", "alone", "T", "divided", "sum")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = load_config(ROOT / "config.yaml", {})
    with tempfile.TemporaryDirectory(prefix="segexp-") as cache:
        mappings = [find_mapping(ROOT, name) for name in MAPPINGS]
        source = find_source(ROOT, config, mappings)
        dataset = open_data(Path(cache), config, source, lambda done, of: None)
        common = common_space(mappings)
        print(
            f"mIoU over {len(common.classes)} common classes on {len(dataset.heldout)} held-out "
            f"images after {given.epochs} epochs, mean of {given.seeds} seeds, on {machine()}.\n"
        )
        print(f"| mapping | loss | weights | temperature | {' | '.join(RULES)} | NLL | as read |")
        print("|---" * (len(RULES) + 6) + "|")
        for mapping in mappings:
            for loss, weighting in LOSSES:
                training = {
                    "loss": loss,
                    "loss_weighting": weighting,
                    "epochs": given.epochs,
                    "learning_rate": given.learning_rate,
                }
                rows = [
                    scored(
                        with_training(config, {**training, "seed": seed}), dataset, mapping, common
                    )
                    for seed in range(given.seeds)
                ]
                means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
                cells = [f"{means[0]:.2f}", *(f"{mean:.4f}" for mean in means[1:])]
                print(
                    f"| {mapping.name} | {loss} | {weighting} | {' | '.join(cells)} |", flush=True
                )


def with_training(config: Config, values: dict[str, object]) -> Config:
    return config.model_copy(update={"training": config.training.model_copy(update=values)})


def scored(config: Config, dataset: Dataset, mapping: Mapping, common: Mapping) -> list[float]:
    """Train a model; return its temperature, mIoU by each rule, NLL by softmax and as read."""
    training = prepare_training(config, dataset, mapping, common)
    for _ in training.trainer.epochs(config.training.epochs):
        pass
    reading = training.read()
    rulers = {rule: make_ruler(mapping, common, rule) for rule in ("argmax", "sum")}
    columns = rulers["sum"].columns.numpy()
    none = len(common.classes)
    alone = groups_of(columns.tolist(), none)
    softmax = fitted(
        AS_SOFTMAX,
        training.trainer.model,
        dataset.val,
        mapping.lookup(),
        training.trainer.preprocessing,
        training.trainer.compute,
    )
    logits = logits_of(training, dataset.heldout)
    divided = torch.zeros(len(columns))
    if reading.prior is not None:
        divided = torch.from_numpy(-np.log(reading.prior.weights())).float()
    decided = {
        "argmax": decide(logits, rulers["argmax"]),
        "pooled": summed(logits, AS_SOFTMAX, columns, none),
        "alone": summed(logits, AS_SOFTMAX, alone, none),
        "T": summed(logits, softmax, alone, none),
        "divided": summed(
            logits, replace(reading, one_vs_rest=False), alone, none, divided[:, None, None]
        ),
        "sum": decide(logits, replace(rulers["sum"], reading=reading)),
    }
    truth = torch.from_numpy(dataset.heldout.labels.copy())
    lookup = torch.from_numpy(common.lookup())
    return [
        reading.temperature,
        *(miou(lookup[truth.long()], decided[rule], none) for rule in RULES),
        likelihood(logits, AS_SOFTMAX, divided * 0, mapping, truth),
        likelihood(logits, reading, divided, mapping, truth),
    ]


@torch.inference_mode()
def logits_of(training: Training, split: Split) -> Tensor:
    trainer = training.trainer
    trainer.model.eval()
    parts = [
        torch.from_numpy(split.images[start : start + 16].copy()).permute(0, 3, 1, 2)
        for start in range(0, len(split), 16)
    ]
    found = [forward(trainer.model, p, trainer.preprocessing, trainer.compute) for p in parts]
    return torch.cat(found).float().cpu()


def summed(
    logits: Tensor,
    reading: Reading,
    groups: np.ndarray,
    none: int,
    shift: Tensor | float = 0.0,
) -> Tensor:
    p = (reading.log_scores(logits) + shift).softmax(dim=1)
    sums = torch.zeros(len(p), int(groups.max()) + 1, *p.shape[2:])
    sums.index_add_(1, torch.from_numpy(groups), p)
    return sums.argmax(dim=1).clamp_max(none)


def miou(truth: Tensor, decided: Tensor, none: int) -> float:
    return score(confusion_matrices(truth, decided, none, none + 1).sum(axis=0)).miou


def likelihood(
    logits: Tensor, reading: Reading, shift: Tensor, mapping: Mapping, labels: Tensor
) -> float:
    """Mean of -log p(true class) on the held-out images, in the model's own space."""
    target = torch.from_numpy(mapping.lookup())[labels.long()].long()
    scores = reading.log_scores(logits) + shift[:, None, None]
    return float(F.cross_entropy(scores, target, ignore_index=255))


if __name__ == "__main__":
    main()
