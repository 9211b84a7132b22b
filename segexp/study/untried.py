"""Points of a search space that are still to be tried.

A training with a fixed seed gives the same result twice, bit for bit, so a second trial with the
same params is wasted. Some points cannot be trained, or are excluded. Optuna's samplers know
neither: here they are asked again until they suggest something new. Where they insist, as TPE does
on the best of a few choices, a point nearby is taken. So params keep their names and distributions,
and what is left out of a space may change at any time.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from random import Random
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from segexp.core.value_key import value_key
from segexp.study.space import Choices, Parameter, Range
from segexp.study.storage.several import as_samplers_read
from segexp.training.network import ARCHS, decoder_channels

MAX_LISTED = 100_000
"""Points of a space that are listed one by one; a study of any budget tries fewer."""

TRIES = 10
"""How often a sampler is asked for another point before one near its last is taken."""

DRAWS = 1_000

Key = tuple[tuple[str, Any], ...]
"""What tells trainings apart: two params with the same key give the same result."""


def key_of(params: Mapping[str, Any], train_images: int | None = None) -> Key:
    """Return the key of a trial's params.

    Beside `segexp.core.value_key`: a decoder is as wide as its channels, which are rounded, and
    Linknet has none to choose; a batch has no more images than there are; a warm-up lasts whole
    steps.

    Args:
        params: By name. Without ``arch``, a decoder's width is compared as a number; without
            ``batch_size``, so is a warm-up's length.
        train_images: How many there are; None if unknown.
    """
    return _key(tuple(params.items()), train_images)


@lru_cache(maxsize=1 << 17)
def _key(items: tuple[tuple[str, Any], ...], train_images: int | None) -> Key:
    params = dict(items)
    key = {name: value_key(name, value) for name, value in items}
    _, arch = key.get("arch", ("", None))
    if "decoder_width" in key and arch in ARCHS:
        key["decoder_width"] = _channels(arch, params["decoder_width"])
    # Whether one image that is left over, for a device, is a batch is not known here.
    if "batch_size" in key and train_images is not None and train_images > 1:
        size = min(params["batch_size"], train_images)
        key["batch_size"] = ("int", size)
        left = train_images % size
        if "warmup_epochs" in key and (left == 0 or left >= 2 * params.get("devices", 1)):
            steps = math.ceil(train_images / size)
            key["warmup_epochs"] = ("steps", round(params["warmup_epochs"] * steps))
    return tuple(sorted(key.items()))


@lru_cache(maxsize=1 << 14)
def _channels(arch: str, width: float) -> tuple[str, Any]:
    return "channels", tuple(sorted(decoder_channels(arch, width).items()))


@dataclass(frozen=True)
class Points:
    """The points of a search space that may be tried.

    Attributes:
        forbidden: Values of some params that are not tried together.
        fixed: By name, what is not searched and tells how params train; see `key_of`.
        train_images: How many there are; None if unknown.
    """

    space: Mapping[str, Parameter]
    forbidden: Sequence[Mapping[str, Any]] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    train_images: int | None = None

    def key(self, params: Mapping[str, Any]) -> Key:
        """Return the key of a trial's params in this space."""
        return key_of({**self.fixed, **params}, self.train_images)

    def allows(self, params: Mapping[str, Any]) -> bool:
        """Whether no forbidden combination is among the params."""
        keys = {name: value_key(name, value) for name, value in params.items()}
        return not any(
            all(keys.get(name) == value for name, value in combination)
            for combination in self._forbidden_keys
        )

    @cached_property
    def _forbidden_keys(self) -> list[list[tuple[str, tuple[str, Any]]]]:
        return [
            [(name, value_key(name, value)) for name, value in combination.items()]
            for combination in self.forbidden
        ]

    @cached_property
    def keys(self) -> frozenset[Key] | None:
        """The keys of all points; None for a space of more than `MAX_LISTED`."""
        if math.prod(map(count_values, self.space.values())) > MAX_LISTED:
            return None
        return frozenset(map(self.key, self.listed()))

    def listed(self) -> Iterator[dict[str, Any]]:
        """List the points of a space whose `keys` are known."""
        values = [
            [_value_at(parameter, i) for i in range(int(count_values(parameter)))]
            for parameter in self.space.values()
        ]
        for chosen in itertools.product(*values):
            params = dict(zip(self.space, chosen, strict=True))
            if self.allows(params):
                yield params

    def are_all_in(self, tried: Collection[Key]) -> bool:
        """Whether no point is left that is not among the keys of trials."""
        return self.keys is not None and self.keys <= set(tried)


def count_values(parameter: Parameter) -> float:
    """Return how many values a parameter has, possibly infinity."""
    if isinstance(parameter, Choices):
        return len(parameter.choices)
    step = parameter.step or (1 if parameter.integer else None)
    return math.inf if step is None else int((parameter.high - parameter.low) / step + 1e-9) + 1


def _value_at(parameter: Parameter, place: int) -> Any:
    """Return one of the values that `count_values` counts, from 0."""
    if isinstance(parameter, Choices):
        return parameter.choices[place]
    value = parameter.low + place * (parameter.step or 1)
    return int(value) if parameter.integer else value


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Return what `segexp.study.samplers.suggest` samples a parameter from, in Optuna's terms."""
    if isinstance(parameter, Choices):
        return CategoricalDistribution(parameter.choices)
    if parameter.integer:
        low, high, step = int(parameter.low), int(parameter.high), int(parameter.step or 1)
        return IntDistribution(low, high, log=parameter.log, step=step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


class UntriedSampler(BaseSampler):
    """Asks another sampler for points that may be tried and are new."""

    def __init__(
        self, sampler: BaseSampler, points: Points, tried: Iterable[Key], seed: int
    ) -> None:
        """Wrap a sampler."""
        self._sampler = sampler
        self._points = points
        self._tried = frozenset(tried)
        self._random = Random(seed)
        self._chosen: dict[str, Any] = {}
        self._read: optuna.Study | None = None

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self._sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Pass it on."""
        self._sampler.after_trial(study, trial, state, values)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Pass it on."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Choose the whole point; params that the sampler does not relate are drawn one by one."""
        for _ in range(TRIES):
            related = self._sampler.sample_relative(self._seen(study), trial, search_space)
            self._chosen = {
                name: related[name]
                if name in related
                else self._sampler.sample_independent(
                    self._seen(study), trial, name, distribution_of(parameter)
                )
                for name, parameter in self._points.space.items()
            }
            if self._is_new(self._chosen):
                return related
        self._chosen = self._near(self._chosen)
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the chosen point's value."""
        if param_name in self._chosen:
            return self._chosen[param_name]
        return self._sampler.sample_independent(
            self._seen(study), trial, param_name, param_distribution
        )

    def _seen(self, study: optuna.Study) -> optuna.Study:
        self._read = self._read or as_samplers_read(study)
        return self._read

    def _is_new(self, params: Mapping[str, Any]) -> bool:
        return self._points.allows(params) and self._points.key(params) not in self._tried

    def _near(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a new point that differs from one in few params, at random among equals.

        If none is found, the nearest point that is allowed.
        """
        if self._points.keys is not None:
            candidates = list(self._points.listed())
        else:
            candidates = [self._redrawn(params) for _ in range(DRAWS)]
        candidates = [point for point in candidates if self._points.allows(point)]
        fresh = [point for point in candidates if self._is_new(point)]

        def distance(point: Mapping[str, Any]) -> tuple[int, float]:
            return sum(
                point[name] != value for name, value in params.items()
            ), self._random.random()

        return min(fresh or candidates, key=distance, default=params)

    def _redrawn(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point with one or more params drawn anew."""
        names = list(params)
        count = self._random.randint(1, min(3, len(names)))
        return {
            **params,
            **{n: self._draw(self._points.space[n]) for n in self._random.sample(names, count)},
        }

    def _draw(self, parameter: Parameter) -> Any:
        count = count_values(parameter)
        if count < math.inf:
            return _value_at(parameter, self._random.randrange(int(count)))
        assert isinstance(parameter, Range)
        if parameter.log:
            low, high = math.log(parameter.low), math.log(parameter.high)
            return min(
                parameter.high, max(parameter.low, math.exp(self._random.uniform(low, high)))
            )
        return self._random.uniform(parameter.low, parameter.high)
