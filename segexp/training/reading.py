"""How class probabilities are read from a model's logits, where probabilities are added.

`argmax` takes the largest logit and needs none of this. A sum of probabilities depends on their
spread (temperature), on the class weights of the loss, and on what the logits were trained to be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from segexp.data.split import Split
from segexp.labels.taxonomy import VOID
from segexp.training.class_weights import class_weights
from segexp.training.compute import Compute
from segexp.training.loss import module_of
from segexp.training.preprocess import Preprocessing, is_finite
from segexp.training.windows import PIXELS_AT_ONCE, infer

TEMPERATURES = (0.05, 20.0)
"""The range of temperatures that is searched."""

IMAGES = 16
PIXELS = 1 << 13
"""The temperature is fitted on at most so many pixels of so many tuning images, evenly spaced: it
is one number, and is fitted after every epoch."""


@dataclass(frozen=True)
class Prior:
    """What the class weights of a training were made from.

    Attributes:
        weighting: One of `segexp.training.class_weights.WEIGHTINGS`.
        pixels: Pixels of each of the C classes on the train split.
        pixels_where_present: Valid pixels of all images that contain the class.
    """

    weighting: str
    pixels: tuple[int, ...]
    pixels_where_present: tuple[int, ...]

    def weights(self) -> NDArray[np.float64]:
        """Return the weight of each class in the loss, shape (C,)."""
        return _weights(self.weighting, self.pixels, self.pixels_where_present)

    def weights_of_groups(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the weights that the same weighting gives to groups of classes.

        The images with any class of a group are taken to be those with the class that most images
        have; only ``median_frequency`` uses them.

        Args:
            groups: The group of each class, 0..G-1, shape (C,).

        Returns:
            Shape (G,).
        """
        size = int(groups.max()) + 1
        pixels = np.zeros(size, np.int64)
        np.add.at(pixels, groups, self.pixels)
        present = np.zeros(size, np.int64)
        np.maximum.at(present, groups, self.pixels_where_present)
        return _weights(self.weighting, pixels, present)


def _weights(weighting: str, pixels: object, present: object) -> NDArray[np.float64]:
    return class_weights(weighting, np.asarray(pixels), np.asarray(present))


@dataclass(frozen=True)
class Reading:
    """How probabilities are read from the logits of one model.

    Attributes:
        temperature: Divides the logits; above 1 for an overconfident model.
        one_vs_rest: Whether each logit was trained as a sigmoid against the rest by the focal loss.
        prior: The source of the class weights, if the model's probabilities contain them.
    """

    temperature: float = 1.0
    one_vs_rest: bool = False
    prior: Prior | None = None

    def log_scores(self, logits: Tensor) -> Tensor:
        """Return logarithms of scores proportional to the model's probabilities.

        A softmax gives q(c) from x / T (Guo et al. 2017). The focal loss trains sigmoids, and its
        minimum is not at the probability: `log_focal_posterior` reads that from the sigmoid, and
        over the classes it is normalised by its sum (Zadrozny & Elkan 2002).

        Args:
            logits: Shape (N, C, ...), any float dtype.

        Returns:
            float32, the same shape; their softmax over C is the model's own probability, for the
            data as the loss weighted it.
        """
        scaled = logits.float() / self.temperature
        return log_focal_posterior(scaled) if self.one_vs_rest else scaled

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each class in the data.

        That is the softmax of `log_scores` without the class weights of the loss: where these are
        large, the class of the highest probability may be another than that of the largest logit.

        Args:
            logits: Shape (N, C, ...), any float dtype.

        Returns:
            float32, the same shape; the sum over C is 1.
        """
        scores = self.log_scores(logits)
        shift = self._without_weights(logits.shape[1]).to(logits.device)
        return (scores + shift.view(1, -1, *[1] * (logits.ndim - 2))).softmax(dim=1)

    def _without_weights(self, classes: int) -> Tensor:
        """Return what takes the weights of the loss out of the log scores, float32 (C,)."""
        if self.prior is None:
            return torch.zeros(classes)
        return torch.from_numpy(-np.log(self.prior.weights())).float()

    def offsets(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what to add to the log scores of each class before groups of them are summed.

        A loss with class weights w estimates q(c) ~ p(c) w(c), where p is the probability in the
        data (Elkan 2001; Menon et al. 2021). So q(c) / w(c) may be added. A model trained on the
        groups themselves would have their weights W in its probabilities: group g gets W(g) times
        the sum. A class that stays alone has W = w, up to a factor that all share: where nothing is
        merged, the decision equals argmax.

        Args:
            groups: The group of each class, 0..G-1, shape (C,).

        Returns:
            log W(group of c) - log w(c), shape (C,); 0 without a prior.
        """
        if self.prior is None:
            return np.zeros(len(groups))
        of_groups = self.prior.weights_of_groups(groups)
        shifts: NDArray[np.float64] = np.log(of_groups)[groups] - np.log(self.prior.weights())
        return shifts


AS_SOFTMAX = Reading()
"""For a model about which nothing is known, such as one that an earlier segexp saved."""


def log_focal_posterior(logits: Tensor) -> Tensor:
    """Read the log probability of each class against the rest from sigmoids of the focal loss.

    With q = sigmoid(x) and gamma = 2, the expected loss at probability p,
    -p (1 - q)^2 log q - (1 - p) q^2 log(1 - q), is minimal where p A(q) = (1 - p) A(1 - q) with
    A(q) = (1 - q)^2 / q - 2 (1 - q) log q: q lies between p and 1/2. This p is returned. It grows
    with q (Charoenphakdee et al. 2021, On focal loss for class-posterior probability estimation).

    Args:
        logits: Any shape, float32.

    Returns:
        log p, the same shape; finite.
    """
    # log p - log(1 - p) = log A(1 - q) - log A(q), which is odd in x. For |x| = a, e = exp(-a),
    # s = -log q = log(1 + e) and t = -log(1 - q) = a + s, it is
    # 3 a + log(1 + 2 t e) - log(1 + 2 s / e). Beyond a = 60, s / e is 1, and e would underflow.
    a = logits.abs()
    e = a.clamp_max(60).neg_().exp_()
    s = e.log1p()
    odds = (s / e).mul_(2).log1p_().neg_()
    odds += s.add_(a).mul_(e).mul_(2).log1p_()
    odds += a.mul_(3)
    return F.logsigmoid(odds.copysign_(logits))


def reading_of(
    loss: str,
    weighting: str,
    pixels: NDArray[np.int64] | None = None,
    pixels_where_present: NDArray[np.int64] | None = None,
) -> Reading:
    """Return how to read a model that was trained with a loss, before its temperature is known.

    Args:
        loss: A module of `segexp.training.losses`.
        weighting: One of `segexp.training.class_weights.WEIGHTINGS`.
        pixels: As for `class_weights`; None without weights.
        pixels_where_present: Likewise.
    """
    of_loss = module_of(loss)
    prior = None
    if weighting != "none" and of_loss.WEIGHTS_SHIFT_PROBABILITIES:
        assert pixels is not None and pixels_where_present is not None
        prior = Prior(weighting, tuple(pixels.tolist()), tuple(pixels_where_present.tolist()))
    return Reading(one_vs_rest=of_loss.ONE_VS_REST, prior=prior)


def fit_temperature(logits: Tensor, classes: Tensor, reading: Reading) -> float:
    """Return the temperature that maximises the likelihood of the true classes.

    It minimises the mean of -log p(true class) over the pixels, where p is the probability in the
    data, without the weights of the loss (Guo et al. 2017: one number, fitted on images that
    training has not seen).

    Args:
        logits: Shape (P, C), finite.
        classes: The true classes, shape (P,); VOID is ignored.
        reading: Of the model; its temperature is ignored.

    Returns:
        Within `TEMPERATURES`; 1 if all pixels are void.
    """
    scored = classes != VOID
    if not bool(scored.any()):
        return 1.0
    plain, truth = logits[scored].float(), classes[scored].long()
    shift = reading._without_weights(plain.shape[1]).to(plain.device)

    def loss(log_temperature: float) -> float:
        read = Reading(math.exp(log_temperature), reading.one_vs_rest).log_scores(plain)
        return float(F.cross_entropy(read + shift, truth))

    bounds = tuple(map(math.log, TEMPERATURES))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.01})
    return math.exp(float(found.x))


@torch.inference_mode()
def fitted(
    reading: Reading,
    model: nn.Module,
    split: Split,
    table: NDArray[np.uint8],
    preprocessing: Preprocessing,
    compute: Compute,
) -> Reading:
    """Return a reading with the temperature of the current model.

    Args:
        model: Gives logits (N, C, H, W); is put into evaluation mode.
        split: The images that tuning sees; never the held-out ones.
        table: Label index -> class of the model or VOID, shape (256,).
    """
    model.eval()
    shown = np.unique(np.linspace(0, len(split) - 1, min(IMAGES, len(split))).astype(int))
    classes = [table[split.label(index)] for index in shown]
    pixels = _some_of(sum(own.size for own in classes))
    flat: list[Tensor] = []  # the logits of the chosen pixels alone
    begin = end = 0
    for places in _alike([own.shape for own in classes]):
        images = np.stack([split.image(shown[place]) for place in places])
        logits = infer(model, torch.from_numpy(images).permute(0, 3, 1, 2), preprocessing, compute)
        if not is_finite(logits):
            return reading  # scoring names the images
        begin, end = end, end + sum(classes[place].size for place in places)
        at = torch.from_numpy(pixels[(begin <= pixels) & (pixels < end)] - begin)
        every = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
        flat.append(every[at.to(logits.device)])
    chosen = np.concatenate([own.reshape(-1) for own in classes])[pixels]
    found = torch.cat(flat)
    temperature = fit_temperature(found, torch.from_numpy(chosen).to(found.device), reading)
    return Reading(temperature, reading.one_vs_rest, reading.prior)


def _alike(sizes: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Divide images into runs of neighbours of one size, none over the pixels of a pass.

    Args:
        sizes: Height and width of each.
    """
    groups: list[list[int]] = []
    for place, size in enumerate(sizes):
        same = bool(groups) and sizes[groups[-1][0]] == size
        if same and (len(groups[-1]) + 1) * math.prod(size) <= PIXELS_AT_ONCE:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _some_of(count: int) -> NDArray[np.int64]:
    """Draw indices at random, the same ones every time."""
    if count <= PIXELS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, PIXELS, replace=False))


def groups_of(columns: Sequence[int], num_coarse: int) -> NDArray[np.int64]:
    """Number what competes in a coarser space: its K classes, then each class outside, one by one.

    Args:
        columns: Class of the model -> class of the space, or K for *none*; shape (C,).

    Returns:
        The competitor of each class of the model, 0..K+V-1, where V classes fall into *none*.
    """
    groups = np.array(columns, np.int64)
    outside = np.flatnonzero(groups == num_coarse)
    groups[outside] = num_coarse + np.arange(len(outside))
    return groups
