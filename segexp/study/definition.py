"""What a study means: what its scores depend on, now and when it was begun."""

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from segexp.core.config import Config
from segexp.core.config_keys import NO_SETTINGS, flatten, resolve_key
from segexp.core.errors import InputError, WorkError
from segexp.data.cache import Dataset
from segexp.evaluation.result import refuse_newer
from segexp.evaluation.sizes import at_own_size
from segexp.labels.mapping import Mapping
from segexp.study.attributes import DEFINITION, RESULT
from segexp.study.constraints import as_definition
from segexp.study.plan import StudyPlan
from segexp.study.space import describe_parameter
from segexp.training.compute import choose_compute

_SCORED_AT, _AT_OWN, _RESIZED = "data.scored_at", "own", "resized"

_TEST_SPLIT, _HALF = "test split", "half of val by "

PRECISION, _AUTO = "training.precision", "auto"
"""The key of what trials are computed in: `auto` is what it comes to on the host that begins."""

DATA = "data"
"""The key of the data in a definition: its name and its digest."""


def definition(
    plan: StudyPlan, dataset: Dataset, joined: Dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return everything that the scores of a study's trials depend on, as plain text.

    A study must mean the same when it is resumed: otherwise its trials cannot be compared.

    Args:
        joined: What the study was begun with, if trials here may be in another precision than its:
            theirs is recorded with each trial.
    """
    searched = {resolve_key(name) for name in plan.space}
    settings = {
        key: str(value)
        for key, value in flatten(plan.config.to_dict()).items()
        if key not in searched and key != "mapping" and not key.startswith(NO_SETTINGS)
    }
    if [*dataset.sizes] == [dataset.image_size]:  # which all rules come to
        settings["data.resize"] = "stretch"
    settings[_SCORED_AT] = _AT_OWN if at_own_size(plan.config.data.scored_at, dataset) else _RESIZED
    settings[PRECISION] = choose_compute(plan.config.training.precision).precision
    if joined is not None:
        settings[PRECISION] = _begun_precision(joined)
    return {
        **data_definition(dataset),
        "objective": plan.study.score,
        **({"costs": ", ".join(plan.study.costs)} if plan.study.costs else {}),
        **as_definition(plan.constraints),
        "common_space": f"{plan.common.name} {plan.common.hash}",
        **{f"space.{name}": describe_parameter(p) for name, p in sorted(plan.space.items())},
        **mapping_definitions(plan.mappings.values()),
        **settings,
    }


def data_definition(dataset: Dataset) -> dict[str, Any]:
    """Return the part of a definition that says which images there are, and which are held out."""
    by = dataset.heldout_by
    return {
        DATA: f"{dataset.name} {dataset.hash}",
        "heldout": _TEST_SPLIT if by is None else _HALF + by,
    }


def with_begun_halves(plan: StudyPlan, stored: Dict[str, Any] | None) -> StudyPlan:
    """Halve val as a study did when it was begun, unless the configuration says how.

    Before there was a choice, val was halved by image. A resumed study tunes on the images that it
    has tuned on, whatever segexp would choose today.

    Args:
        stored: From `definition` when it was begun; None if there is no such study yet.
    """
    data = plan.config.data
    if stored is None or data.heldout_by != "auto":
        return plan
    begun = str(stored.get("heldout", f"{_HALF}image"))
    if begun == _TEST_SPLIT:
        return plan
    data = data.model_copy(update={"heldout_by": begun.removeprefix(_HALF)})
    return replace(plan, config=plan.config.model_copy(update={"data": data}))


def way_to_halve(heldout: str) -> str | None:
    """Return the option that halves val as a definition says; None where it is not halved."""
    if not heldout.startswith(_HALF):
        return None
    return f"--set data.heldout_by={heldout.removeprefix(_HALF)}"


def mapping_definitions(mappings: Iterable[Mapping]) -> dict[str, Any]:
    """Return the part of a definition that says what the mappings are, label by label."""
    return {
        f"mappings.{m.name}": {
            "hash": m.hash,
            "classes": [[c.name, *c.labels] for c in m.classes],
            **({"also": {of.name: of.hash for of in m.also}} if m.also else {}),
        }
        for m in sorted(mappings, key=lambda m: m.name)
    }


def data_of(definition: Dict[str, Any]) -> tuple[str, str]:
    """Return the name of a study's data, which is for people, and the digest that tells it."""
    name, _, digest = str(definition.get(DATA, "")).rpartition(" ")
    return name, digest


def as_written_now(stored: Dict[str, Any], now: Dict[str, Any]) -> dict[str, Any]:
    """Return a stored definition as this segexp writes it here, where it means the same.

    The same data may lie in a folder of another name. Settings that segexp did not have when the
    study was begun have their defaults, which are what it did then. What `auto` precision came to
    was not recorded at first: it is taken to be what it comes to here.
    """
    defaults = flatten(Config().to_dict())
    later = {
        key: str(defaults[key])
        for key in now
        if key in defaults and f"space.{key.rpartition('.')[2]}" not in stored
    }
    if _SCORED_AT in now:
        later[_SCORED_AT] = _RESIZED
    if "heldout" in now:
        later["heldout"] = _TEST_SPLIT if now["heldout"] == _TEST_SPLIT else f"{_HALF}image"
    known = {**later, **stored}
    if DATA in known and data_of(known)[1] == data_of(now)[1]:
        known[DATA] = now[DATA]
    if PRECISION in known:
        known[PRECISION] = _begun_precision(known)
    return known


def _begun_precision(stored: Dict[str, Any]) -> str:
    begun = str(stored.get(PRECISION, _AUTO))
    return choose_compute("auto").precision if begun == _AUTO else begun


def definition_in(storage: BaseStorage, plan: StudyPlan, dataset: Dataset) -> dict[str, Any]:
    """Return the definition of a study; if hosts of it may differ, with the precision it has."""
    joined = stored_definition(storage, plan.study.name) if plan.is_mixed else None
    return definition(plan, dataset, joined)


def with_known_precision(stored: Dict[str, Any]) -> dict[str, Any] | None:
    """Return a stored definition with what `auto` precision comes to here; None if it has that."""
    if stored.get(PRECISION) != _AUTO:
        return None
    return {**stored, PRECISION: _begun_precision(stored)}


def stored_definition(storage: BaseStorage, name: str) -> dict[str, Any] | None:
    """Return the definition that a study was begun with; None if there is no such study.

    Raises:
        InputError: When segexp did not make it, or a newer segexp ran its trials.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None
    except optuna.exceptions.StorageInternalError as error:
        raise WorkError(f"storage: {error}") from error
    stored: dict[str, Any] | None = study.user_attrs.get(DEFINITION)
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        refuse_newer(trial.user_attrs.get(RESULT, {}))
    begun = any(t.state != TrialState.WAITING for t in trials)
    if stored is None and (begun or study.directions[0] != StudyDirection.MAXIMIZE):
        raise InputError(
            f"study {name!r} is in the storage, but segexp did not make it; "
            "take another --study-name"
        )
    return stored
