"""A training, put together from a configuration."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

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
