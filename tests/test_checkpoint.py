import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from segexp.checkpoint import Checkpoints, load_weights
from segexp.model import make_model


def make_unet(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return make_model("Unet", "mobilenet_v2", None, 3, 0.25)


def assert_same_state(model: nn.Module, expected: nn.Module) -> None:
    state = model.state_dict()
    for name, value in expected.state_dict().items():
        assert torch.equal(state[name], value), name


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write more, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_weights_come_back_bit_for_bit_with_their_running_statistics(tmp_path):
    saved, other = make_unet(0), make_unet(1)
    saved(torch.randn(2, 3, 32, 32))  # in training mode: the running statistics move
    Checkpoints(tmp_path / "c").save(saved, is_best=True)
    load_weights(other, tmp_path / "c" / "last.safetensors")
    assert_same_state(other, saved)


def test_a_model_in_channels_last_comes_back_into_either_memory_format(tmp_path):
    saved = make_unet(0).to(memory_format=torch.channels_last)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(saved, is_best=True)
    plain = make_unet(1)
    load_weights(plain, checkpoints.best)
    assert_same_state(plain, saved)
    reordered = make_unet(2).to(memory_format=torch.channels_last)
    load_weights(reordered, checkpoints.best)
    assert_same_state(reordered, saved)
    assert reordered.get_submodule("segmentation_head.0").weight.is_contiguous(
        memory_format=torch.channels_last
    )


def test_best_stays_while_last_goes_on(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    checkpoints.save(first, is_best=True)
    checkpoints.save(second, is_best=False)
    loaded = nn.Linear(2, 2)
    load_weights(loaded, checkpoints.best)
    assert_same_state(loaded, first)
    load_weights(loaded, checkpoints.last)
    assert_same_state(loaded, second)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors"]


def test_a_write_that_fails_half_way_leaves_the_older_weights_whole(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path)
    older, newer = nn.Linear(64, 64), nn.Linear(64, 64)
    checkpoints.save(older, is_best=True)
    with no_file_larger_than(4096), pytest.raises(OSError, match="File too large"):
        checkpoints.save(newer, is_best=True)
    for path in (checkpoints.best, checkpoints.last):
        loaded = nn.Linear(64, 64)
        load_weights(loaded, path)
        assert_same_state(loaded, older)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors"]
