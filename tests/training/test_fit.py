import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from segexp.core.errors import WorkError
from segexp.data.augment import make_augmentation
from segexp.data.batches import make_loader
from segexp.data.split import Split
from segexp.evaluation.evaluate import Evaluation
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.ema import average_of
from segexp.training.fit import (
    DivergedError,
    EpochResult,
    Optimization,
    Step,
    Trainer,
    broken_tensors,
    make_optimizer,
)
from segexp.training.loss import make_loss
from segexp.training.network import make_model
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing
from segexp.training.schedules import SCHEDULES, learning_rate_factor

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 32), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IDENTITY = np.arange(256, dtype=np.uint8)
CLASSES = 3
ADAMW = Optimization(
    optimizer="adamw",
    learning_rate=0.02,
    weight_decay=0.1,
    schedule="cosine",
    warmup_epochs=0.5,
    gradient_clip=0.0,
)
SGD = Optimization("sgd", 0.05, 0.01, "poly", 1.0, 0.0)


def make_split() -> Split:
    """Seven pictures whose classes can be seen in their colours."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, (7, 32, 32), np.uint8)
    images = (
        rng.integers(0, 120, (7, 32, 32, 3), np.uint8) + 100 * np.eye(3, dtype=np.uint8)[labels]
    )
    labels[:, :3] = VOID
    return Split("train", tuple("abcdefg"), images, labels)


def linear_model() -> nn.Conv2d:
    torch.manual_seed(1)
    return nn.Conv2d(3, CLASSES, 1)


def no_validation() -> Evaluation:
    return Evaluation((), 0.0, {})


def train(
    model: nn.Module,
    optimization: Optimization,
    *,
    epochs: int = 3,
    on_step=lambda step: None,
    compute: Compute = CPU,
    batch_size: int = 3,
) -> Iterator[EpochResult[Evaluation]]:
    """Two full batches of three and a last one of a single picture."""
    model = compute.place(model)
    return Trainer(
        model,
        make_optimizer(model, optimization),
        make_loader(make_split(), IDENTITY, batch_size=batch_size, shuffle=True, seed=4),
        no_validation,
        make_loss("cross_entropy"),
        optimization,
        preprocessing=PREPROCESSING,
        compute=compute,
    ).epochs(epochs, on_step=on_step)


def batches_by_hand(epochs: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """The batches that `train` sees, with their step from 0."""
    loader = make_loader(make_split(), IDENTITY, batch_size=3, shuffle=True, seed=4)
    step = itertools.count()
    for epoch in range(1, epochs + 1):
        loader.set_epoch(epoch)
        for images, target in loader:
            yield next(step), (images / 255.0 - 0.5) / 0.25, target.long()


def test_adamw_is_the_papers_algorithm(device):
    # Loshchilov & Hutter 2019, algorithm 2, with a cosine schedule after two steps of warm-up.
    weights = [p.detach().clone() for p in linear_model().parameters()]
    first = [torch.zeros_like(w) for w in weights]
    second = [torch.zeros_like(w) for w in weights]
    losses = []
    for step, images, target in batches_by_hand(3):
        rate = (step + 1) / 3 if step < 2 else (1 + math.cos(math.pi * (step - 2) / 7)) / 2
        rate *= ADAMW.learning_rate
        weights = [w.detach().requires_grad_() for w in weights]
        loss = F.cross_entropy(F.conv2d(images, *weights), target, ignore_index=VOID)
        losses.append(loss.item())
        for place, gradient in enumerate(torch.autograd.grad(loss, weights)):
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            mean = first[place] / (1 - 0.9 ** (step + 1))
            square = second[place] / (1 - 0.999 ** (step + 1))
            decayed = weights[place].detach() * (1 - rate * ADAMW.weight_decay)
            weights[place] = decayed - rate * mean / (square.sqrt() + 1e-8)

    model = linear_model()
    results = list(train(model, ADAMW, compute=replace(CPU, device=device)))
    # A GPU takes its sums in another order: a thousandth of a step, of nine.
    tolerance = 1e-6 if device.type == "cpu" else 1e-3 * ADAMW.learning_rate
    for parameter, expected in zip(model.parameters(), weights, strict=True):
        found = parameter.detach().cpu()
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=tolerance)
    for epoch, result in enumerate(results):
        mean_loss = sum(losses[3 * epoch : 3 * epoch + 3]) / 3
        assert result.train_loss == pytest.approx(mean_loss, abs=tolerance)


def losses_of_unet(compute: Compute) -> list[float]:
    torch.manual_seed(0)
    model = make_model("Unet", "mobilenet_v2", None, CLASSES, 0.25)
    optimization = replace(ADAMW, learning_rate=3e-3)
    results = train(model, optimization, epochs=12, compute=compute, batch_size=7)
    return [result.train_loss for result in results]


def test_every_device_learns_what_the_cpu_learns_in_float32(device):
    expected = losses_of_unet(CPU)
    found = losses_of_unet(Compute(device, bf16=False, channels_last=True))
    assert found[0] == pytest.approx(expected[0], rel=1e-4)
    assert found == pytest.approx(expected, rel=0.02)
    assert expected[-1] < 0.9 * expected[0]


def test_bf16_learns_what_float32_learns_on_every_device(device):
    compute = Compute(device, bf16=False, channels_last=True)
    expected = losses_of_unet(compute)
    found = losses_of_unet(replace(compute, bf16=True))
    assert found != expected
    assert found == pytest.approx(expected, rel=0.02)


def test_sgd_is_nesterovs_momentum_with_l2_decay():
    # Sutskever et al. 2013 as torch writes it, with a poly schedule after three steps of warm-up.
    weights = [p.detach().clone() for p in linear_model().parameters()]
    velocity = [torch.zeros_like(w) for w in weights]
    for step, images, target in batches_by_hand(3):
        rate = (step + 1) / 4 if step < 3 else (1 - (step - 3) / 6) ** 0.9
        rate *= SGD.learning_rate
        weights = [w.detach().requires_grad_() for w in weights]
        loss = F.cross_entropy(F.conv2d(images, *weights), target, ignore_index=VOID)
        for place, gradient in enumerate(torch.autograd.grad(loss, weights)):
            decayed = gradient + SGD.weight_decay * weights[place].detach()
            velocity[place] = 0.9 * velocity[place] + decayed
            weights[place] = weights[place].detach() - rate * (decayed + 0.9 * velocity[place])

    model = linear_model()
    list(train(model, SGD))
    for parameter, expected in zip(model.parameters(), weights, strict=True):
        torch.testing.assert_close(parameter.detach(), expected.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_epochs_learning_rate_is_the_schedules_at_its_last_step(schedule):
    optimization = Optimization("sgd", 0.3, 0.0, schedule, 0.4, 1.0)
    rates = [result.learning_rate for result in train(linear_model(), optimization, epochs=4)]
    # Three steps an epoch; 0.4 epochs of warm-up are 1.2 steps, rounded to one.
    expected = [0.3 * learning_rate_factor(schedule, 3 * e + 2, 12, 1) for e in range(4)]
    assert rates == pytest.approx(expected, rel=1e-12)


def test_the_same_seed_gives_the_same_losses():
    def losses() -> list[float]:
        torch.manual_seed(0)
        model = make_model("Unet", "mobilenet_v2", None, CLASSES, 0.25)
        loader = make_loader(
            make_split(),
            IDENTITY,
            batch_size=4,
            shuffle=True,
            seed=5,
            augment=make_augmentation(0.7, (32, 32)),
        )
        results = Trainer(
            model,
            make_optimizer(model, ADAMW),
            loader,
            no_validation,
            make_loss("ce_dice"),
            ADAMW,
            preprocessing=PREPROCESSING,
            compute=CPU,
        ).epochs(3)
        return [result.train_loss for result in results]

    first = losses()
    assert len(set(first)) == 3
    assert losses() == first


def test_training_learns_what_a_line_can_tell():
    optimization = replace(ADAMW, learning_rate=0.3, weight_decay=0.0)
    losses = [result.train_loss for result in train(linear_model(), optimization, epochs=12)]
    assert losses[0] > 0.5
    assert losses[-1] < 0.4 * losses[0]


def test_a_loss_that_is_not_finite_is_an_error_that_names_epoch_and_learning_rate():
    diverging = Optimization("sgd", 1e38, 0.0, "constant", 0.0, 0.0)
    with pytest.raises(DivergedError, match=r"nan in epoch 1 at a learning rate of 1e\+38"):
        list(train(linear_model(), diverging))
    assert issubclass(DivergedError, WorkError)


def test_an_epoch_that_diverges_later_is_the_one_that_is_named():
    model = linear_model()
    results = train(model, SGD, epochs=3)
    next(results)
    with torch.no_grad():
        model.weight[0] = math.inf
    with pytest.raises(DivergedError, match="in epoch 2"):
        next(results)


def test_logits_that_are_not_finite_in_validation_are_named_with_epoch_and_learning_rate():
    model = linear_model()

    def validate() -> Evaluation:
        raise NonFiniteLogitsError("the model gives NaN or infinite logits for a")

    results = Trainer(
        model,
        make_optimizer(model, SGD),
        make_loader(make_split(), IDENTITY, batch_size=7, shuffle=True, seed=4),
        validate,
        make_loss("cross_entropy"),
        replace(SGD, schedule="constant", warmup_epochs=0.0),
        preprocessing=PREPROCESSING,
        compute=CPU,
    ).epochs(1)
    with pytest.raises(DivergedError, match=r"logits for a, in epoch 1 at a .* rate of 0\.05"):
        list(results)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_model_that_is_not_finite_has_diverged_though_its_losses_are(value: float):
    """In training a batch norm takes the batch's own statistics; what it keeps is not seen."""
    norm = nn.BatchNorm2d(CLASSES)

    def spoil(step: Step) -> None:
        if (step.epoch, step.step) == (2, 2):
            norm.running_var[1] = value

    results = train(nn.Sequential(linear_model(), norm), SGD, on_step=spoil)
    assert math.isfinite(next(results).train_loss)
    with pytest.raises(
        DivergedError,
        match=r"in 1 of the model's tensors, such as 1\.running_var, in epoch 2 at a learning rate",
    ):
        next(results)


def test_a_model_whose_weights_are_large_and_finite_is_not_broken():
    model = linear_model()
    with torch.no_grad():
        model.weight.fill_(3e38)  # their sum is infinite in float32
    assert broken_tensors(model) == []
    with torch.no_grad():
        model.bias[2] = -math.inf
    assert broken_tensors(model) == ["bias"]


@pytest.mark.parametrize("optimization", [ADAMW, SGD], ids=["adamw", "sgd"])
def test_the_epochs_that_are_left_are_those_of_a_whole_training(optimization: Optimization):
    """Warm-up, schedule, order of images and augmentation go on where they were."""
    whole, cut = linear_model(), linear_model()
    seen: list[Tensor] = []

    def watched(model: nn.Module) -> nn.Module:
        model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
        return model

    def run(
        model: nn.Module, epochs: range, optimizer: torch.optim.Optimizer
    ) -> list[EpochResult[Evaluation]]:
        loader = make_loader(
            make_split(),
            IDENTITY,
            batch_size=3,
            shuffle=True,
            seed=4,
            augment=make_augmentation(0.8, (32, 32)),
        )
        results = Trainer(
            model,
            optimizer,
            loader,
            no_validation,
            make_loss("cross_entropy"),
            optimization,
            preprocessing=PREPROCESSING,
            compute=CPU,
        ).epochs(4, done=epochs.start - 1)
        return list(itertools.islice(results, len(epochs)))

    expected = run(watched(whole), range(1, 5), make_optimizer(whole, optimization))
    images = seen.copy()
    seen.clear()
    optimizer = make_optimizer(cut, optimization)
    got = run(watched(cut), range(1, 2), optimizer) + run(cut, range(2, 5), optimizer)
    for result, other in zip(got, expected, strict=True):
        assert (result.epoch, result.train_loss, result.learning_rate) == (
            other.epoch,
            other.train_loss,
            other.learning_rate,
        )
    assert all(map(torch.equal, seen, images))
    assert len(seen) == len(images) == 12
    for parameter, other in zip(cut.parameters(), whole.parameters(), strict=True):
        assert torch.equal(parameter, other)


def norms_of_gradients(clip: float) -> list[float]:
    model = linear_model()
    optimization = Optimization("sgd", 0.05, 0.0, "constant", 0.0, clip)
    norms: list[float] = []

    def measure(step: Step) -> None:
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        norms.append(float(torch.cat(gradients).norm()))

    list(train(model, optimization, epochs=1, on_step=measure))
    return norms


def test_the_gradients_norm_is_clipped_and_0_does_not_clip():
    free = norms_of_gradients(0.0)
    assert min(free) > 0.01
    assert all(norm == pytest.approx(0.01, rel=1e-3) for norm in norms_of_gradients(0.01))
    assert norms_of_gradients(1e6) == free


def test_the_caller_may_stop_between_epochs():
    model = linear_model()
    results = train(model, ADAMW, epochs=5)
    assert next(results).epoch == 1
    after_one = [p.detach().clone() for p in model.parameters()]
    results.close()
    for parameter, expected in zip(model.parameters(), after_one, strict=True):
        assert torch.equal(parameter, expected)


def test_epochs_and_steps_are_counted_from_one():
    steps: list[Step] = []
    results = list(train(linear_model(), ADAMW, epochs=2, on_step=steps.append))
    assert [r.epoch for r in results] == [1, 2]
    places = [(s.epoch, s.step, s.steps, s.images) for s in steps]
    assert places[:3] == [(1, 1, 3, 3), (1, 2, 3, 6), (1, 3, 3, 7)]
    assert places[3:] == [(2, 1, 3, 3), (2, 2, 3, 6), (2, 3, 3, 7)]
    assert results[0].train_loss == pytest.approx(sum(float(s.loss) for s in steps[:3]) / 3)
    assert all(r.seconds > 0 and r.images_per_s > 0 for r in results)


def test_each_epoch_is_validated_once_with_the_model_as_it_is_and_trains_again_after():
    model = nn.Sequential(nn.Dropout(0.5), linear_model())
    modes: list[bool] = []
    seen: list[Tensor] = []

    def validate() -> Evaluation:
        modes.append(model.training)
        seen.append(model[1].weight.detach().clone())
        model.eval()
        return no_validation()

    def on_step(step: Step) -> None:
        modes.append(model.training)

    loader = make_loader(make_split(), IDENTITY, batch_size=7, shuffle=True, seed=4)
    list(
        Trainer(
            model,
            make_optimizer(model, ADAMW),
            loader,
            validate,
            make_loss("cross_entropy"),
            ADAMW,
            preprocessing=PREPROCESSING,
            compute=CPU,
        ).epochs(2, on_step=on_step)
    )
    assert modes == [True, True, True, True]
    assert len(seen) == 2
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], model[1].weight)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.2, 1.0, 3.0])])
def test_two_batches_of_three_make_the_step_of_one_of_six(weights: Tensor | None):
    """And the last picture its own, by the schedule of as many steps."""
    optimization = replace(ADAMW, gradient_clip=0.1)
    found = []
    for batch_size, accumulate in ((6, 1), (3, 2)):
        model = linear_model()
        optimization = replace(optimization, accumulate=accumulate)
        results = Trainer(
            model,
            make_optimizer(model, optimization),
            make_loader(make_split(), IDENTITY, batch_size=batch_size, shuffle=True, seed=4),
            no_validation,
            make_loss("cross_entropy", weights),
            optimization,
            preprocessing=PREPROCESSING,
            compute=CPU,
            pixel_weights=weights,
        ).epochs(3)
        found.append((list(results), [p.detach() for p in model.parameters()]))
    (large, expected), (small, parameters) = found
    for result, other in zip(small, large, strict=True):
        assert result.learning_rate == other.learning_rate
        assert result.train_loss == pytest.approx(other.train_loss, rel=1e-6)
    for parameter, other in zip(parameters, expected, strict=True):
        assert torch.allclose(parameter, other, rtol=1e-5, atol=1e-6)


def encoder_and_decoder() -> nn.Module:
    torch.manual_seed(2)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    return nn.Sequential(OrderedDict(encoder=encoder, decoder=nn.Conv2d(4, CLASSES, 1)))


def test_the_encoder_rests_for_as_many_epochs_and_then_learns():
    model = encoder_and_decoder()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    results = train(model, replace(SGD, freeze_encoder_epochs=2), epochs=3)
    for learns in (False, False, True):
        next(results)
        state = model.state_dict()
        changed = {name for name in state if not torch.equal(state[name], before[name])}
        assert {"decoder.weight", "decoder.bias"} <= changed
        assert ({"encoder.0.weight", "encoder.1.running_mean"} <= changed) == learns
        assert any(name.startswith("encoder.") for name in changed) == learns


def test_each_group_learns_at_its_share_of_the_schedules_rate():
    """A step of SGD without momentum's history moves weights by the rate times the gradient."""
    moved = {}
    for factor in (1.0, 0.25):
        model = encoder_and_decoder()
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        optimization = replace(SGD, encoder_lr_factor=factor, weight_decay=0.0)
        next(train(model, optimization, epochs=1, batch_size=7))
        moved[factor] = {name: value - before[name] for name, value in model.named_parameters()}
    for name, change in moved[1.0].items():
        share = 0.25 if name.startswith("encoder.") else 1.0
        assert torch.allclose(moved[0.25][name], share * change, rtol=1e-3, atol=1e-7), name


def test_the_average_that_is_scored_follows_every_step():
    model = encoder_and_decoder()
    theirs = ModelEmaV3(model, 0.8, use_warmup=True)
    steps = itertools.count(1)
    trainer = Trainer(
        model,
        make_optimizer(model, SGD),
        make_loader(make_split(), IDENTITY, batch_size=3, shuffle=True, seed=4),
        no_validation,
        make_loss("cross_entropy"),
        SGD,
        preprocessing=PREPROCESSING,
        compute=CPU,
        average=average_of(model, 0.8),
    )
    list(trainer.epochs(3, on_step=lambda step: theirs.update(model, step=next(steps))))
    assert next(steps) == 10
    expected = theirs.module.state_dict()
    for name, value in trainer.scored.state_dict().items():
        assert torch.equal(value, expected[name]), name
