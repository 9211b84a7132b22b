"""What a training leaves on the disk, and whether one that was killed goes on as if it was not."""

import copy
import itertools
import json
import resource
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from segexp.core.errors import Interrupted
from segexp.core.files import written_beside
from segexp.data.augment import make_augmentation
from segexp.data.batches import make_loader
from segexp.data.split import Split
from segexp.evaluation.evaluate import evaluate, keep
from segexp.labels.taxonomy import VOID
from segexp.training.checkpoint import (
    Checkpoints,
    EpochRecord,
    KeptValidation,
    Learned,
    Progress,
    _checksum,
    written_when_interrupted,
)
from segexp.training.compute import Compute
from segexp.training.fit import Optimization, Trainer, make_optimizer
from segexp.training.loss import make_loss
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing

ADAMW = Optimization("adamw", 3e-3, 0.05, "cosine", 1.5, 1.0)
SGD = Optimization("sgd", 1e-3, 0.01, "poly", 0.5, 0.0)
PREPROCESSING = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IDENTITY = np.arange(256, dtype=np.uint8)
CLASSES = 3


@pytest.fixture(autouse=True)
def _state_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")


def make_unet(seed: int, encoder: str = "mobilenet_v2") -> nn.Module:
    torch.manual_seed(seed)
    return make_model("Unet", encoder, None, CLASSES, 0.25)


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


def sgd_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    sum(p.square().sum() for p in model.parameters()).backward()
    optimizer.step()


def progress_of(epochs: int, best_epoch: int) -> Progress:
    confusions = (np.arange(24).reshape(2, 3, 4) + best_epoch,)
    history = tuple(EpochRecord(0.1 * e, {"val/miou": 0.1 * e}) for e in range(1, epochs + 1))
    kept = KeptValidation({"ids": ["a", "b"], "loss": 0.5}, confusions)
    return Progress(history, best_epoch, kept, 1.5 * epochs)


@dataclass
class Training:
    """A small training whose parts are at hand after it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    checkpoints: Checkpoints

    def save(self, epochs: int, best_epoch: int, *, is_last: bool = False) -> None:
        learned = Learned(self.model, self.optimizer)
        self.checkpoints.save(learned, progress_of(epochs, best_epoch), is_last)

    def restore(self) -> Progress:
        return self.checkpoints.restore(Learned(self.model, self.optimizer))


def begin(directory: Path, seed: int = 0, meaning: str = "this", size: int = 8) -> Training:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(size, size), nn.Dropout(0.5), nn.BatchNorm1d(size))
    return Training(model, sgd_of(model), Checkpoints(directory, meaning))


def begin_and_save(directory: Path, epochs: int = 2, best_epoch: int = 2) -> Training:
    training = begin(directory)
    for epoch in range(1, epochs + 1):
        step(training.model, training.optimizer)
        training.save(epoch, min(epoch, best_epoch))
    return training


def assert_not_used(directory: Path, meaning: str = "this", size: int = 8) -> None:
    """Nothing of what lies there is gone on from, not even a part of it."""
    training, untouched = (begin(directory, 7, meaning, size) for _ in range(2))
    before = torch.get_rng_state()
    assert training.restore() == Progress()
    assert_same_state(training.model, untouched.model)
    assert not training.optimizer.state
    assert torch.equal(torch.get_rng_state(), before)


def best_after_saving(model: nn.Module, directory: Path, through_files: bool) -> Checkpoints:
    """The checkpoints of one epoch; of another process where they come from its files."""
    checkpoints = Checkpoints(directory, "this")
    learned = Learned(model, sgd_of(model))
    checkpoints.save(learned, progress_of(1, 1), is_last=not through_files)
    if through_files:
        checkpoints = Checkpoints(directory, "this")
        again = make_unet(3)
        assert checkpoints.restore(Learned(again, sgd_of(again))).best_epoch == 1
    return checkpoints


@pytest.mark.parametrize("through_files", [False, True])
def test_weights_come_back_bit_for_bit_with_their_running_statistics(
    tmp_path: Path, through_files: bool
) -> None:
    saved, other = make_unet(0), make_unet(1)
    saved(torch.randn(2, 3, 32, 32))  # in training mode: the running statistics move
    checkpoints = best_after_saving(saved, tmp_path / "c", through_files)
    checkpoints.load_best(other)
    assert_same_state(other, saved)
    with torch.no_grad():
        saved.get_parameter("segmentation_head.0.bias").fill_(7.0)  # training goes on
    checkpoints.load_best(other)
    assert not other.get_parameter("segmentation_head.0.bias").eq(7.0).any()


@pytest.mark.parametrize("through_files", [False, True])
def test_a_model_in_channels_last_comes_back_into_either_memory_format(
    tmp_path: Path, through_files: bool
) -> None:
    saved = make_unet(0).to(memory_format=torch.channels_last)
    checkpoints = best_after_saving(saved, tmp_path, through_files)
    plain = make_unet(1)
    checkpoints.load_best(plain)
    assert_same_state(plain, saved)
    reordered = make_unet(2).to(memory_format=torch.channels_last)
    checkpoints.load_best(reordered)
    assert_same_state(reordered, saved)
    assert reordered.get_submodule("segmentation_head.0").weight.is_contiguous(
        memory_format=torch.channels_last
    )


@pytest.mark.parametrize("through_files", [False, True])
def test_an_average_is_resumed_beside_the_model_and_is_what_is_the_best(
    tmp_path: Path, through_files: bool
) -> None:
    training, average = begin(tmp_path), begin(tmp_path, seed=1).model
    step(training.model, training.optimizer)
    learned = Learned(training.model, training.optimizer, average)
    training.checkpoints.save(learned, progress_of(1, 1), is_last=False)
    checkpoints = training.checkpoints
    if through_files:
        again, averaged = begin(tmp_path, seed=2), begin(tmp_path, seed=3).model
        checkpoints = again.checkpoints
        learned = Learned(again.model, again.optimizer, averaged)
        assert checkpoints.restore(learned).epochs == 1
        assert_same_state(again.model, training.model)
        assert_same_state(averaged, average)
    best = begin(tmp_path, seed=4).model
    checkpoints.load_best(best)
    assert_same_state(best, average)


def make_split(name: str, count: int) -> Split:
    """Pictures whose classes can be seen in their colours."""
    rng = np.random.default_rng(len(name))
    labels = rng.integers(0, CLASSES, (count, 32, 64), np.uint8)
    noise = rng.integers(0, 120, (count, 32, 64, 3), np.uint8)
    labels[:, :3] = VOID
    names = tuple(f"{name}{number}" for number in range(count))
    eye = np.eye(256, 3, dtype=np.uint8)
    return Split(name, names, noise + 100 * eye[labels], labels)


@dataclass(frozen=True)
class Trained:
    """What a training came to, without times; ``drawn`` is what its device draws next."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[tuple[int, float, float, float]]
    images: list[Tensor]
    drawn: Tensor


def train(
    directory: Path, optimization: Optimization, compute: Compute, *, stop_after: int = 3
) -> Trained:
    """Train as `run_trial` does, going on from what lies in the directory."""
    encoder = "efficientnet-b0"  # which drops paths at random
    model = compute.place(make_unet(0, encoder))
    optimizer = make_optimizer(model, optimization)
    checkpoints = Checkpoints(directory, "this")
    progress = checkpoints.restore(Learned(model, optimizer))
    images: list[Tensor] = []
    model.register_forward_pre_hook(lambda module, inputs: images.append(inputs[0].clone()))
    loader = make_loader(
        make_split("train", 3),
        IDENTITY,
        batch_size=2,
        shuffle=True,
        seed=3,
        augment=make_augmentation(0.7, (32, 64)),
    )
    val = make_split("val", 2)
    loss = make_loss("cross_entropy")
    batches = make_loader(val, IDENTITY, batch_size=2, shuffle=False, seed=0)
    validate = partial(
        evaluate,
        model,
        batches,
        val.ids,
        {},
        preprocessing=PREPROCESSING,
        compute=compute,
        loss=(loss, torch.from_numpy(IDENTITY)),
    )
    history = [
        (epoch, past.value, past.metrics["train"], past.metrics["rate"])
        for epoch, past in enumerate(progress.history, start=1)
    ]
    results = Trainer(
        model,
        optimizer,
        loader,
        validate,
        loss,
        optimization,
        preprocessing=PREPROCESSING,
        compute=compute,
    ).epochs(3, done=progress.epochs)
    for result in itertools.islice(results, stop_after - progress.epochs):
        value = -result.validation.loss
        best = max((past.value for past in progress.history), default=-np.inf)
        metrics = {"train": result.train_loss, "rate": result.learning_rate}
        progress = Progress(
            (*progress.history, EpochRecord(value, metrics)),
            result.epoch if value > best else progress.best_epoch,
            keep(result.validation) if value > best else progress.best,
        )
        history.append((result.epoch, value, result.train_loss, result.learning_rate))
        checkpoints.save(Learned(model, optimizer), progress, is_last=result.epoch == 3)
    return Trained(model, optimizer, history, images, torch.rand(8, device=compute.device))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimization", "compute", "killed_after"),
    [
        pytest.param(ADAMW, Compute(torch.device("cpu"), False, False), 2, id="adamw"),
        pytest.param(ADAMW, Compute(torch.device("cpu"), True, True), 1, id="adamw-bf16-nhwc"),
        pytest.param(SGD, Compute(torch.device("cpu"), True, True), 2, id="sgd-bf16-nhwc"),
    ],
)
def test_a_killed_training_resumes_bit_for_bit(
    tmp_path: Path, optimization: Optimization, compute: Compute, killed_after: int
) -> None:
    whole = train(tmp_path / "whole", optimization, compute)
    begun = train(tmp_path / "cut", optimization, compute, stop_after=killed_after)
    torch.manual_seed(99)  # another process
    resumed = train(tmp_path / "cut", optimization, compute)
    assert resumed.history == whole.history
    assert len({loss for _, _, loss, _ in whole.history}) == 3
    assert [e for e, *_ in begun.history] == list(range(1, killed_after + 1))
    seen = begun.images + resumed.images
    assert len(seen) == len(whole.images)
    assert all(map(torch.equal, seen, whole.images))
    assert_same_state(resumed.model, whole.model)
    state, expected = (t.optimizer.state_dict()["state"] for t in (resumed, whole))
    assert state.keys() == expected.keys()
    for number, values in expected.items():
        assert state[number].keys() == values.keys()
        for key, value in values.items():
            assert torch.equal(state[number][key], value), (number, key)
            if value.dim() == 4:
                assert state[number][key].stride() == value.stride(), (number, key)
    assert bests_of(tmp_path / "cut") == bests_of(tmp_path / "whole")


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_a_training_that_was_killed_resumes_on_every_device(
    tmp_path: Path, device: torch.device, bf16: bool
) -> None:
    """To the bit on a CPU; a GPU's sums have no fixed order, its images and random numbers have."""
    compute = Compute(device, bf16=bf16, channels_last=True)
    whole = train(tmp_path / "whole", ADAMW, compute)
    begun = train(tmp_path / "cut", ADAMW, compute, stop_after=2)
    torch.manual_seed(99)  # another process
    resumed = train(tmp_path / "cut", ADAMW, compute)
    assert all(map(torch.equal, begun.images + resumed.images, whole.images))
    assert torch.equal(resumed.drawn, whole.drawn)
    assert not torch.equal(resumed.drawn, begun.drawn)
    tolerance = 0 if device.type == "cpu" else 0.02
    for found, expected in zip(resumed.history, whole.history, strict=True):
        assert found == pytest.approx(expected, rel=tolerance, abs=0)
    for name, value in whole.model.state_dict().items():
        found = resumed.model.state_dict()[name]
        torch.testing.assert_close(found, value, rtol=tolerance, atol=tolerance, msg=name)
    moments = [m for state in resumed.optimizer.state.values() for m in state.values()]
    assert moments
    assert {moment.device.type for moment in moments} == {device.type}


def bests_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("best-*")}


def test_the_encoder_of_that_training_draws_at_random() -> None:
    """Otherwise it would say nothing about the random state."""
    model = make_unet(0, "efficientnet-b0")
    images = torch.rand(2, 3, 32, 64)
    assert not torch.equal(model(images), model(images))


def test_what_was_reported_comes_back_with_the_best_evaluation(tmp_path: Path) -> None:
    begin_and_save(tmp_path, epochs=3, best_epoch=2)
    training = begin(tmp_path, seed=5)
    progress = training.restore()
    expected = progress_of(3, 2)
    assert progress.epochs == 3
    assert replace(progress, best=None) == replace(expected, best=None)
    assert progress.best is not None
    assert expected.best is not None
    assert progress.best.content == {"ids": ["a", "b"], "loss": 0.5}
    np.testing.assert_array_equal(progress.best.arrays[0], expected.best.arrays[0])
    assert progress.best.arrays[0].dtype == np.int64


def test_a_crash_between_the_best_weights_and_the_state_leaves_a_matching_pair(
    tmp_path: Path,
) -> None:
    training = begin_and_save(tmp_path, epochs=1, best_epoch=1)
    first = begin(tmp_path, seed=1)
    training.checkpoints.load_best(first.model)
    step(training.model, training.optimizer)
    with no_file_larger_than(4096), pytest.raises(OSError, match="File too large"):
        training.save(2, 2)  # the state has torch's random state in it, of 5 KB
    assert {p.name for p in tmp_path.iterdir()} == {
        "best-0001.safetensors",
        "best-0002.safetensors",
        "state.safetensors",
    }
    resumed = begin(tmp_path, seed=2)
    progress = resumed.restore()
    assert (progress.epochs, progress.best_epoch) == (1, 1)
    assert_same_state(resumed.model, first.model)
    best = begin(tmp_path, seed=3)
    resumed.checkpoints.load_best(best.model)
    assert_same_state(best.model, first.model)

    step(resumed.model, resumed.optimizer)
    resumed.save(2, 2)
    resumed.checkpoints.load_best(best.model)
    assert_same_state(best.model, training.model)


def test_no_more_weights_are_kept_than_the_state_and_the_best_epoch_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bests() -> list[str]:
        return sorted(p.name[5:9] for p in tmp_path.glob("best-*"))

    training = begin_and_save(tmp_path, epochs=3, best_epoch=1)
    assert bests() == ["0001"]
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "1000")
    for epoch in (4, 5, 6):
        training.save(epoch, epoch)
        assert bests() == ["0001"]  # later ones are in memory
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")
    training.save(7, 6)
    assert bests() == ["0006"]
    resumed = begin(tmp_path)
    assert resumed.restore().best_epoch == 6
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "1000")
    resumed.save(8, 8)
    assert bests() == ["0006"]
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")
    resumed.save(9, 8)
    assert bests() == ["0008"]


@pytest.mark.parametrize(("seconds", "is_written"), [("0", True), ("60", False), ("soon", False)])
def test_a_state_is_written_when_enough_time_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: str, is_written: bool
) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", seconds)
    begin_and_save(tmp_path, epochs=2)
    expected = {"best-0002.safetensors", "state.safetensors"} if is_written else set()
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_states_take_a_hundredth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGEXP_CHECKPOINT_SECONDS")
    now = time.monotonic()
    monkeypatch.setattr("segexp.training.checkpoint.time.monotonic", lambda: now)

    def write_slowly(path: Path) -> AbstractContextManager[Path]:
        nonlocal now
        now += 0.5
        return written_beside(path)

    monkeypatch.setattr("segexp.training.checkpoint.written_beside", write_slowly)
    training = begin(tmp_path)
    now += 1  # `begin` has the true clock
    written = []
    for epoch in range(1, 16):
        now += 10
        before = now
        training.save(epoch, epoch)
        written += [epoch] * (now > before)
    # Each takes a second, for two files, so that 100 s lie between two of them.
    assert written == [1, 11]


def test_before_the_first_state_its_size_says_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGEXP_CHECKPOINT_SECONDS")
    now = time.monotonic()
    monkeypatch.setattr("segexp.training.checkpoint.time.monotonic", lambda: now)
    training = begin(tmp_path)
    step(training.model, training.optimizer)  # SGD keeps a momentum for each parameter
    # Linear 8x8 and BatchNorm: 88 parameters, 16 running statistics and a counter of 8 bytes.
    size = 2 * (4 * (88 + 16) + 8) + 4 * 88
    monkeypatch.setattr(
        "segexp.training.checkpoint.BYTES_PER_S", size / 0.5
    )  # so it takes half a second
    now += 49
    training.save(1, 1)
    assert not tmp_path.joinpath("state.safetensors").exists()
    now += 2  # it is 51 s now, of which half a second is less than a hundredth
    training.save(2, 2)
    assert tmp_path.joinpath("state.safetensors").exists()


def test_after_the_last_epoch_nothing_is_written(tmp_path: Path) -> None:
    training = begin(tmp_path)
    training.save(1, 1, is_last=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_last", [False, True])
def test_a_signal_in_the_middle_of_an_epoch_leaves_the_state_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "1000")
    training = begin_and_save(tmp_path, epochs=2, best_epoch=1)
    step(training.model, training.optimizer)
    training.save(3, 1, is_last=is_last)
    weights, moments = copy.deepcopy(training.model), copy.deepcopy(training.optimizer.state_dict())
    random = torch.get_rng_state()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Interrupted), written_when_interrupted(training.checkpoints):
        step(training.model, training.optimizer)
        torch.rand(1)
        raise Interrupted(15)
    resumed = begin(tmp_path, seed=7)
    progress = resumed.restore()
    assert (progress.history, progress.best_epoch) == (progress_of(3, 1).history, 1)
    assert torch.equal(torch.get_rng_state(), random)
    assert_same_state(resumed.model, weights)
    for number, values in moments["state"].items():
        restored = resumed.optimizer.state_dict()["state"][number]
        assert torch.equal(restored["momentum_buffer"], values["momentum_buffer"])


def test_a_state_that_is_half_copied_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "1000")
    training = begin_and_save(tmp_path, epochs=2)

    def interrupted(model: nn.Module) -> None:
        raise Interrupted(2)

    monkeypatch.setattr(training.checkpoints, "_keep", interrupted)
    with pytest.raises(Interrupted), written_when_interrupted(training.checkpoints):
        training.save(3, 3)
    assert list(tmp_path.iterdir()) == []


def test_without_a_state_a_training_begins_at_its_beginning(tmp_path: Path) -> None:
    assert_not_used(tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert_not_used(tmp_path / "file")
    (tmp_path / "state.safetensors").touch()
    assert_not_used(tmp_path)


def test_a_state_of_another_configuration_is_not_used(tmp_path: Path) -> None:
    begin_and_save(tmp_path)
    assert_not_used(tmp_path, meaning="another")
    assert_not_used(tmp_path, size=9)


def test_a_state_of_another_precision_is_not_used_and_one_that_does_not_say_it_is(
    tmp_path: Path,
) -> None:
    begin_and_save(tmp_path)

    def restored(precision: str) -> Progress:
        training = begin(tmp_path, 7)
        training.checkpoints.precision = precision
        return training.restore()

    assert restored("fp32") == Progress()  # it was written in another one
    with safe_open(tmp_path / "state.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["segexp"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert header.pop("precision") == ""
    text = json.dumps(header)  # as it was before
    metadata = {"segexp": text, "checksum": str(_checksum(text, tensors))}
    save_file(tensors, tmp_path / "state.safetensors", metadata)
    assert restored("fp32").epochs == 2


def test_a_state_whose_best_weights_are_gone_or_damaged_is_not_used(tmp_path: Path) -> None:
    training = begin_and_save(tmp_path)
    best = training.checkpoints.best(2)
    content = bytearray(best.read_bytes())
    content[-1] ^= 1
    best.write_bytes(content)
    assert_not_used(tmp_path)
    best.unlink()
    assert_not_used(tmp_path)


def test_a_truncated_state_is_not_used(tmp_path: Path) -> None:
    begin_and_save(tmp_path)
    path = tmp_path / "state.safetensors"
    content = path.read_bytes()
    for size in (0, 1, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert_not_used(tmp_path)


def test_a_state_with_a_flipped_bit_is_not_used(tmp_path: Path) -> None:
    begin_and_save(tmp_path)
    path = tmp_path / "state.safetensors"
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 150)
    for place in [*range(0, 200, 4), *places.tolist()]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert_not_used(tmp_path)
    path.write_bytes(content)
    whole = begin(tmp_path, seed=7)
    assert whole.restore().epochs == 2


@pytest.mark.parametrize(("size", "room"), [(64, 4096), (8, 4096)], ids=["weights", "state"])
def test_a_write_that_fails_half_way_leaves_the_older_files_whole(
    tmp_path: Path, size: int, room: int
) -> None:
    older = begin(tmp_path, size=size)
    step(older.model, older.optimizer)
    older.save(1, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    newer = begin(tmp_path, seed=1, size=size)
    newer.restore()
    step(newer.model, newer.optimizer)
    with no_file_larger_than(room), pytest.raises(OSError, match="File too large"):
        newer.save(2, 2)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.items() <= after.items()
    assert after.keys() - before.keys() <= {"best-0002.safetensors"}
    resumed = begin(tmp_path, seed=2, size=size)
    assert resumed.restore().epochs == 1
    assert_same_state(resumed.model, older.model)


def test_a_state_holds_tensors_and_json_and_nothing_else(tmp_path: Path) -> None:
    begin_and_save(tmp_path)
    with safe_open(tmp_path / "state.safetensors", framework="np") as file:
        assert set(file.metadata()) == {"segexp", "checksum"}
        kinds = {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118
    assert kinds == {"model", "optimizer", "best", "random"}


def test_each_rank_goes_on_with_its_own_random_state(tmp_path: Path) -> None:
    training = begin(tmp_path)
    states = [torch.Generator().manual_seed(seed).get_state() for seed in (11, 12)]
    learned = Learned(
        training.model, training.optimizer, others=[{"random.cpu": state} for state in states]
    )
    training.checkpoints.save(learned, progress_of(1, 1), is_last=False)
    own = torch.get_rng_state()
    for rank, state in enumerate([own, *states]):
        again = begin(tmp_path, 7)
        learned = Learned(again.model, again.optimizer)
        assert again.checkpoints.restore(learned, rank).epochs == 1
        assert torch.equal(torch.get_rng_state(), state)
        assert_same_state(again.model, training.model)


def test_a_rank_whose_random_state_is_not_there_changes_nothing(tmp_path: Path) -> None:
    begin_and_save(tmp_path)
    training, untouched = begin(tmp_path, 7), begin(tmp_path, 7)
    learned = Learned(training.model, training.optimizer)
    assert training.checkpoints.restore(learned, rank=1) == Progress()
    assert_same_state(training.model, untouched.model)
