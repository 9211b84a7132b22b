"""Several processes that train one model: what they agree on, and what one device would give."""

import multiprocessing
import warnings
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segexp.core.errors import WorkError
from segexp.data.batches import make_loader
from segexp.data.split import Split
from segexp.evaluation.evaluate import Evaluation
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.ema import average_of
from segexp.training.fit import Optimization, Trainer, make_optimizer
from segexp.training.loss import make_loss
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing, forward
from segexp.training.ranks import (
    ALONE,
    Ranks,
    devices_fault,
    joined,
    rest_unused,
    with_shared_statistics,
)

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 32), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IDENTITY = np.arange(256, dtype=np.uint8)
CLASSES = 3
WEIGHTS = torch.tensor([0.2, 1.0, 3.0])
ADAMW = Optimization("adamw", 0.02, 0.1, "cosine", 0.5, 0.1)

CASES: dict[str, tuple[Optimization, Tensor | None]] = {
    "plain": (ADAMW, None),
    "class weights": (ADAMW, WEIGHTS),
    "accumulated": (replace(ADAMW, accumulate=2), WEIGHTS),
}


def make_split() -> Split:
    """Seven pictures, of which each has less that is not void than the one before."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, (7, 32, 32), np.uint8)
    noise = rng.integers(0, 120, (7, 32, 32, 3), np.uint8)
    images = noise + 100 * np.eye(3, dtype=np.uint8)[labels]
    for place, own in enumerate(labels):
        own[: 4 * place] = VOID
    return Split("train", tuple("abcdefg"), images, labels)


def without_batch_norm() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, CLASSES, 1))


def with_batch_norm() -> nn.Module:
    torch.manual_seed(2)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.2))
    return nn.Sequential(OrderedDict(encoder=encoder, decoder=nn.Conv2d(4, CLASSES, 1)))


def trainer_of(
    model: nn.Module, optimization: Optimization, weights: Tensor | None, ranks: Ranks
) -> Trainer[Evaluation]:
    """Batches of four and of what is left, three."""
    return Trainer(
        model,
        make_optimizer(model, optimization),
        make_loader(make_split(), IDENTITY, batch_size=4, shuffle=True, seed=4, shard=ranks.shard),
        lambda: Evaluation((), 0.0, {}),
        make_loss("cross_entropy", weights),
        optimization,
        PREPROCESSING,
        CPU,
        average_of(model, 0.9),
        weights,
        ranks,
    )


def losses_and_weights(ranks: Ranks) -> dict[str, Any]:
    found = {}
    for name, (optimization, weights) in CASES.items():
        trainer = trainer_of(without_batch_norm(), optimization, weights, ranks)
        results = list(trainer.epochs(3))
        losses = [(r.train_loss, r.learning_rate) for r in results]
        found[name] = losses, trainer.model.state_dict()
    return found


def all_in_rank(rank: int, store: Path, out: Path) -> None:
    """What a rank does, and where it writes what it has found."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    ranks = Ranks(rank, 2)
    with joined(ranks, store):
        found = losses_and_weights(ranks)
        torch.manual_seed(rank)
        rests = replace(ADAMW, freeze_encoder_epochs=1)
        trainer = trainer_of(with_batch_norm(), rests, None, ranks)
        for result in trainer.epochs(2):
            average = trainer.learned.average
            assert average is not None
            states = {"model": trainer.model.state_dict(), "average": average.state_dict()}
            found[f"epoch {result.epoch}"] = {
                f"{of}.{name}": value.clone()
                for of, state in states.items()
                for name, value in state.items()
            }
        found["random"] = [*ranks.random, torch.get_rng_state()]
        found["gathered"] = ranks.gathered(lambda: rank * 10)
        found["from first"] = ranks.from_first(lambda: rank + 5)

        def fails_in_the_second() -> int:
            if rank == 1:
                raise WorkError("a broken image")
            return 1

        try:
            found["failed"] = ranks.gathered(fails_in_the_second)
        except WorkError as error:
            found["failed"] = str(error)
    torch.save(found, out / f"{rank}.pt")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks has found."""
    out = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    arguments = [(rank, out / "store", out) for rank in (0, 1)]
    processes = [context.Process(target=all_in_rank, args=own) for own in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [torch.load(out / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_learn_from_a_batch_what_one_device_learns(
    found: list[dict[str, Any]], case: str
):
    """Although one rank's part has several times as many valid pixels as the other's."""
    expected, weights = losses_and_weights(ALONE)[case]
    losses, own = found[0][case]
    for (loss, rate), (other, other_rate) in zip(losses, expected, strict=True):
        assert loss == pytest.approx(other, rel=1e-6)
        assert rate == other_rate
    for name, value in weights.items():
        assert torch.allclose(own[name], value, rtol=1e-5, atol=1e-6), name


@pytest.mark.slow
def test_the_ranks_have_equal_weights_to_the_bit(found: list[dict[str, Any]]):
    for name in CASES:
        assert found[0][name][0] == found[1][name][0]
    of_ranks = [
        [*(rank[name][1] for name in CASES), rank["epoch 1"], rank["epoch 2"]] for rank in found
    ]
    for first, second in zip(*of_ranks, strict=True):
        assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
def test_running_statistics_rest_with_the_encoder_and_then_become_the_mean_of_the_ranks(
    found: list[dict[str, Any]],
):
    before = with_batch_norm().state_dict()
    for of in ("model", "average"):
        for name in ("encoder.1.running_mean", "encoder.1.running_var", "encoder.0.weight"):
            key = f"{of}.{name}"
            assert torch.equal(found[0]["epoch 1"][key], before[name])
            assert not torch.equal(found[0]["epoch 2"][key], before[name])


@pytest.mark.slow
def test_rank_0_knows_what_the_others_have_found_and_their_random_states(
    found: list[dict[str, Any]],
):
    first, second = found
    ((of_second, own), (second_own,)) = first["random"], second["random"]
    assert torch.equal(of_second["random.cpu"], second_own)
    assert not torch.equal(own, second_own)
    assert (first["gathered"], second["gathered"]) == ([0, 10], [])
    assert (first["from first"], second["from first"]) == (5, 5)
    assert (first["failed"], second["failed"]) == ("a broken image", [])


def test_a_single_rank_has_nobody_to_ask():
    model, value = without_batch_norm(), torch.tensor(3.0)
    assert ALONE.parallel(model) is model
    assert ALONE.summed(value) is value
    assert ALONE.gathered(lambda: 4) == [4]
    assert ALONE.from_first(lambda: 4) == 4
    with ALONE.adding_up(model):
        ALONE.even_out(model, None)
        ALONE.note_random()
    assert ALONE.random == ()


def test_parameters_that_nothing_asks_for_rest_and_nothing_else_changes():
    """The head of efficientnet's features, which no decoder of smp sees."""
    torch.manual_seed(3)
    model = make_model("Unet", "efficientnet-b0", None, CLASSES, 0.25).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    rest_unused(model, lambda copy: forward(copy, images, PREPROCESSING, CPU))
    resting = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert resting == {f"encoder.{n}" for n in ("_conv_head.weight", "_bn1.weight", "_bn1.bias")}
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    loss = forward(model, images, PREPROCESSING, CPU).sum()
    loss.backward()
    assert {name for name, p in model.named_parameters() if p.grad is None} == resting


@pytest.mark.parametrize("encoder", ["resnet18", "tu-mobilenetv3_small_100"])
def test_batch_norms_are_synchronised_on_cuda_alone_and_keep_their_names(
    monkeypatch: pytest.MonkeyPatch, encoder: str
):
    """timm has batch norms with an activation in them, which torch's conversion loses."""
    model = make_model("Unet", encoder, None, CLASSES, 0.25).eval()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert with_shared_statistics(model, 2) is model
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected, state = model(images), model.state_dict()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert with_shared_statistics(model, 1) is model
    synchronised = with_shared_statistics(model, 2)
    norms = [m for m in synchronised.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in norms)
    assert synchronised.state_dict().keys() == state.keys()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch.equal(synchronised(images), expected)


def test_more_devices_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices_fault(1) is devices_fault(5) is None
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices_fault(2) == (
        "training.devices: 2; this machine has one device, MPS: set it to 1"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for count, fault in (
        (1, "training.devices: 4; this machine has 1 CUDA device: set it to 1"),
        (3, "training.devices: 4; this machine has 3 CUDA devices: set it to 3 or less"),
        (4, None),
    ):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert devices_fault(4) == fault
    assert devices_fault(1) is None
