"""Samplers and pruners: a row each. No import here loads Optuna."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class SamplerRow:
    """A sampler.

    Attributes:
        place: Its class, or what makes it: takes ``seed`` and the options of a study file.
        walks_all: Whether a study with it tries all points of its space.
        several: Whether it takes several objectives.
        startup: The option that says how many of its first trials are random, if it has one: its
            later trials are tested before a study begins.
    """

    place: str
    walks_all: bool = False
    several: bool = False
    startup: str | None = None


SAMPLERS: dict[str, SamplerRow] = {
    "tpe": SamplerRow("optuna.samplers:TPESampler", several=True, startup="n_startup_trials"),
    "random": SamplerRow("optuna.samplers:RandomSampler", several=True),
    "gp": SamplerRow("optuna.samplers:GPSampler", several=True),
    "nsga2": SamplerRow("optuna.samplers:NSGAIISampler", several=True),
    "cmaes": SamplerRow("optuna.samplers:CmaEsSampler"),
    # All points in any order: see `segexp.study.untried`, which suggests none of them twice.
    "grid": SamplerRow("optuna.samplers:RandomSampler", walks_all=True, several=True),
}


@dataclass(frozen=True)
class PrunerRow:
    """A pruner; for the protocols that it may follow besides see `segexp.study.pruners`.

    Attributes:
        place: Its class, or what makes it: takes the options of a study file.
        defaults: Options that a study file may change.
        epochs: The option that is the number of epochs of a trial unless a study file sets it.
        label: The option that names the study, for all parts of one alike.
    """

    place: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    epochs: str | None = None
    label: str | None = None


PRUNERS: dict[str, PrunerRow] = {
    "hyperband": PrunerRow(
        "segexp.study.rungs:PlacedHyperbandPruner", epochs="max_resource", label="label"
    ),
    "successive_halving": PrunerRow("segexp.study.rungs:RungPruner"),
    "median": PrunerRow("optuna.pruners:MedianPruner"),
    "percentile": PrunerRow("optuna.pruners:PercentilePruner", {"percentile": 25.0}),
    "patient": PrunerRow("segexp.study.pruners:patient"),
    "none": PrunerRow("optuna.pruners:NopPruner"),
}


def load(place: str) -> Any:
    """Return what a place names: ``module:attribute``."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
