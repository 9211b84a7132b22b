"""Probabilities from logits: against numeric minima, closed forms and planted temperatures."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor, nn

from segexp.data.split import Split
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.loss import loss_names, make_loss, module_of
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import (
    Prior,
    Reading,
    fit_temperature,
    fitted,
    groups_of,
    log_focal_posterior,
    reading_of,
)

PIXELS = np.array([700, 250, 50])
WEIGHTS = (1 / PIXELS) / (1 / PIXELS).mean()


def least(loss_name: str, weights: np.ndarray | None) -> Tensor:
    """The logits that minimise a loss where every pixel looks the same: 700, 250 and 50 of each."""
    target = torch.from_numpy(np.repeat(np.arange(3), PIXELS)).reshape(1, 1, -1)
    of_logits = make_loss(loss_name, None if weights is None else torch.from_numpy(weights))

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        leaf = torch.tensor(x, dtype=torch.float32, requires_grad=True)
        loss = of_logits(leaf[None, :, None, None].expand(1, 3, 1, 1000), target)
        loss.backward()
        assert leaf.grad is not None
        return float(loss.detach()) * 1e3, leaf.grad.double().numpy() * 1e3

    found = minimize(value, np.zeros(3), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return torch.tensor(found.x).float()[None, :, None, None]


def probabilities(logits: Tensor, reading: Reading) -> np.ndarray:
    shift = torch.from_numpy(reading.offsets(np.zeros(3, np.int64))).float()[:, None, None]
    return (reading.log_scores(logits) + shift).softmax(dim=1).flatten().numpy()


@pytest.mark.parametrize("weighting", ["none", "inverse_frequency"])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_a_model_that_has_learned_the_frequencies_is_read_as_saying_them(loss: str, weighting: str):
    weights = None if weighting == "none" else WEIGHTS
    reading = reading_of(loss, weighting, PIXELS, PIXELS)
    read = probabilities(least(loss, weights), reading)
    assert read == pytest.approx(PIXELS / 1000, abs=2e-3)


def test_the_weights_of_cross_entropy_shift_its_probabilities_and_those_of_focal_do_not():
    """So one has a prior to be divided out, and the other none."""
    plain, weighted = (least("cross_entropy", w).softmax(1) for w in (None, WEIGHTS))
    assert weighted.flatten().numpy() == pytest.approx([1 / 3] * 3, abs=2e-3)
    assert plain.flatten().numpy() == pytest.approx(PIXELS / 1000, abs=2e-3)
    sigmoids, weighted_sigmoids = (least("focal", w).sigmoid() for w in (None, WEIGHTS))
    assert weighted_sigmoids.flatten().numpy() == pytest.approx(sigmoids.flatten(), abs=2e-3)
    assert abs(float(sigmoids[0, 2]) - 0.05) > 0.05  # nor is a sigmoid the probability
    names = [name for name in loss_names() if not module_of(name).WEIGHTS_SHIFT_PROBABILITIES]
    assert names == ["focal", "lovasz"]


@pytest.mark.parametrize("loss", loss_names())
def test_no_loss_has_a_prior_without_weights(loss: str):
    assert reading_of(loss, "none") == Reading(one_vs_rest=module_of(loss).ONE_VS_REST)


@pytest.mark.parametrize("p", [0.001, 0.05, 0.3, 0.5, 0.9, 0.999])
def test_the_probability_behind_a_sigmoid_of_the_focal_loss_is_where_its_expectation_is_least(
    p: float,
):
    logits = np.linspace(-12, 12, 480_001)
    q = 1 / (1 + np.exp(-logits))
    expected = -p * (1 - q) ** 2 * np.log(q) - (1 - p) * q**2 * np.log1p(-q)
    best = torch.tensor(logits[expected.argmin()]).float()
    assert float(log_focal_posterior(best).exp()) == pytest.approx(p, rel=2e-3)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=8))
def test_focal_probabilities_are_finite_and_grow_with_the_logit(values: list[float]):
    read = log_focal_posterior(torch.tensor(sorted(values)))
    assert torch.isfinite(read).all()
    assert (read.diff() >= -1e-5).all()
    assert (read <= 0).all()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_planted_is_found(temperature: float):
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(40_000, 5, generator=generator) * 2
    classes = torch.distributions.Categorical(logits=true)
    torch.manual_seed(0)
    drawn = classes.sample().byte()
    drawn[::7] = VOID
    found = fit_temperature(true * temperature, drawn, Reading())
    assert found == pytest.approx(temperature, rel=0.03)


def test_the_temperature_is_that_of_scipys_minimum_with_the_prior_divided_out():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2_000, 3, generator=generator) * 3
    classes = torch.randint(0, 3, (2_000,), generator=generator)
    reading = reading_of("cross_entropy", "inverse_frequency", PIXELS, PIXELS)

    def loss(log_t: np.ndarray) -> float:
        scores = logits.double().numpy() / math.exp(float(log_t[0])) - np.log(WEIGHTS)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return float(-log_p[np.arange(2_000), classes].mean())

    expected = math.exp(float(minimize(loss, [0.0], method="Nelder-Mead").x[0]))
    assert fit_temperature(logits, classes, reading) == pytest.approx(min(expected, 20), rel=0.03)


def test_without_a_pixel_that_counts_the_temperature_is_one():
    assert fit_temperature(torch.randn(4, 3), torch.full((4,), VOID), Reading()) == 1.0


def test_the_images_with_a_merged_class_are_those_with_its_most_widespread_member():
    prior = Prior("median_frequency", (80, 15, 5), (100, 60, 40))
    # f = 0.8, 20/60, median 0.5666; worked by hand.
    expected = np.array([1 / 0.8, 60 / 20])
    assert prior.weights_of_groups(np.array([0, 1, 1])) == pytest.approx(expected / expected.mean())


def test_what_falls_outside_competes_one_by_one():
    assert groups_of([0, 2, 1, 2, 0], 2).tolist() == [0, 2, 1, 3, 0]


class Sharp(nn.Module):
    """Says what the red channel says, far too sure of itself."""

    def forward(self, images: Tensor) -> Tensor:
        return F.one_hot((images[:, 0] > 0).long(), 2).permute(0, 3, 1, 2).float() * 30


def test_an_overconfident_model_is_cooled_on_the_given_images():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (20, 8, 16)).astype(np.uint8)
    shown = np.where(rng.random(labels.shape) < 0.2, 1 - labels, labels)  # wrong in every fifth
    images = (shown[..., None] * 255).repeat(3, axis=3).astype(np.uint8)
    split = Split("val", tuple(map(str, range(20))), images, labels)
    table = np.full(256, VOID, np.uint8)
    table[:2] = 0, 1
    preprocessing = Preprocessing((8, 16), (0.5,) * 3, (0.2,) * 3)
    cpu = Compute(torch.device("cpu"), bf16=False, channels_last=False)
    found = fitted(Reading(), Sharp(), split, table, preprocessing, cpu)
    # Right in 80%: the odds are 4 : 1, and 30 / T = ln 4.
    assert found.temperature == pytest.approx(min(30 / math.log(4), 20), rel=0.05)
    assert found == fitted(found, Sharp(), split, table, preprocessing, cpu)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 10), st.integers(0, 99))
def test_a_reading_never_changes_which_class_is_the_likeliest(temperature: float, seed: int):
    logits = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(seed)) * 3
    for one_vs_rest in (False, True):
        read = Reading(temperature, one_vs_rest).log_scores(logits)
        # Of several that are all but certain the sigmoids are the same.
        chosen = read.gather(1, logits.argmax(dim=1, keepdim=True))
        assert torch.equal(chosen[:, 0], read.amax(dim=1))
