import pytest
import torch
from torch import nn

from segexp.training.frozen import frozen


def small_model() -> nn.ModuleDict:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    return nn.ModuleDict({"encoder": encoder, "decoder": nn.Conv2d(4, 2, 1)}).train()


def test_neither_weights_nor_running_statistics_of_the_encoder_change():
    model = small_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    with frozen(model["encoder"]):
        for _ in range(2):
            optimizer.zero_grad()
            model["decoder"](model["encoder"](torch.randn(2, 3, 8, 8))).sum().backward()
            optimizer.step()
    changed = {name for name, v in model.state_dict().items() if not torch.equal(v, before[name])}
    assert changed == {"decoder.weight", "decoder.bias"}


def test_after_it_the_encoder_learns_but_for_what_never_did():
    model = small_model()
    fixed = model["encoder"][0].weight.requires_grad_(False)
    with pytest.raises(RuntimeError), frozen(model["encoder"]):
        raise RuntimeError
    assert not fixed.requires_grad
    assert all(p.requires_grad for p in model.parameters() if p is not fixed)
