"""A training, put together from a configuration."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from harness.trees import camvid_like, picture, raw_mask, save
from segexp.core.config_keys import load_config, with_values
from segexp.data.open import find_source, open_data
from segexp.data.stats import count_labels
from segexp.labels.files import find_mappings
from segexp.labels.mapping import collapse_lookup
from segexp.study.prepare import prepare_training, seed_everything
from segexp.training.class_weights import class_weights


def test_a_seed_decides_all_generators():
    def draws() -> tuple[float, float, float]:
        seed_everything(7)
        return random.random(), np.random.rand(), float(torch.rand(()))

    first = draws()
    assert draws() == first
    seed_everything(8)
    assert random.random() != first[0]


def trained(project: Path, **changes: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train for two epochs; return the losses of the val split, and the weights."""
    config = with_values(load_config(project / "config.yaml", {}), changes)
    (mapping,) = find_mappings(project, ["merged10"])
    source = find_source(project, config, [mapping])
    dataset = open_data(project, config, source, lambda done, total: None)
    trainer = prepare_training(config, dataset, mapping, mapping.space, project).trainer
    losses = [result.validation.loss for result in trainer.epochs(2)]
    return losses, trainer.model.state_dict()


def test_crops_of_the_whole_size_are_the_same_training_to_the_bit(project: Path) -> None:
    plain, weights = trained(project)
    for same in (
        {"crop": [32, 64], "crop_max_share": 0.5, "crop_rare": 0.5},
        {"data.resize": "none"},  # in tiles
        {"data.resize": "fit", "zoom": 0.15},  # half of the augmentation
    ):
        losses, others = trained(project, **same)
        assert losses == plain
        assert all(torch.equal(weights[name], others[name]) for name in weights)
    losses, _ = trained(project, crop=[32, 32])
    assert losses != plain


def test_images_of_several_sizes_are_trained_on_and_scored(project: Path, tmp_path: Path) -> None:
    root = camvid_like(tmp_path / "data", train=4, val=2, test=2)
    sizes = {"train_1": (70, 130), "train_2": (20, 90), "train_3": (40, 40), "val_1": (40, 70)}
    for number, (name, size) in enumerate(sizes.items(), 50):
        split = name.partition("_")[0]
        save(root / split / f"{name}.png", picture(number, size))
        save(root / f"{split}annot" / f"{name}.png", raw_mask(number, size))
    folder = {"data.format": "folder", "data.root": str(root), "data.taxonomy": "camvid11"}
    config = with_values(
        load_config(project / "config.yaml", {}),
        folder | {"mapping": "camvid11", "batch_size": 4, "data.resize": "none", "crop": [32, 32]},
    )
    (mapping,) = find_mappings(project, ["camvid11"])
    dataset = open_data(project, config, find_source(project, config, [mapping]), lambda *_: None)
    shown = prepare_training(config, dataset, mapping, mapping.space, project).trainer
    (result,) = shown.epochs(1)
    assert np.isfinite(result.validation.loss)
    pixels = sum(np.prod(dataset.val.size(i)) for i in range(len(dataset.val)))
    void = sum((dataset.val.label(i) == 255).sum() for i in range(len(dataset.val)))
    assert result.validation.confusions["own"].sum() == pixels - void


def test_the_loss_of_an_expression_is_the_mean_over_its_spaces_each_with_its_own_weights(
    project: Path,
) -> None:
    config = with_values(
        load_config(project / "config.yaml", {}), {"loss_weighting": "inverse_frequency"}
    )
    both, fine, coarse = find_mappings(
        project, ["cityscapes19+merged10", "cityscapes19", "merged10"]
    )
    source = find_source(project, config, [fine])
    dataset = open_data(project, config, source, lambda done, total: None)
    found, alone, merged = (
        prepare_training(config, dataset, mapping, mapping.space, project).trainer.loss_of
        for mapping in (both, fine, coarse)
    )
    label = torch.from_numpy(np.stack([dataset.train.label(i) for i in range(2)])).long()
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(2, 19, *label.shape[1:], generator=generator).softmax(1)
    target, in_merged = (torch.from_numpy(m.lookup())[label] for m in (fine, coarse))
    columns = collapse_lookup(fine, coarse)
    # Pole and bicycle are void in merged10: what is left to its classes is less than 1.
    added = torch.stack([p[:, columns == place].sum(1) for place in range(10)], 1)
    counts = count_labels(dataset.train, 10, coarse.lookup())
    weights = class_weights("inverse_frequency", counts.pixels, counts.pixels_where_present)
    expected = F.nll_loss(
        added.log(), in_merged.long(), torch.from_numpy(weights).float(), ignore_index=255
    )
    value = found(p.log(), target)
    assert value.item() == pytest.approx((alone(p.log(), target) + expected).item() / 2, rel=1e-5)
    assert merged(added.log(), in_merged).item() < expected.item()  # it makes up a whole of these
