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
from segexp.core.config_keys import flatten, resolve_key
from segexp.core.errors import InputError, WorkError
from segexp.data.cache import Dataset
from segexp.evaluation.result import refuse_newer
from segexp.evaluation.sizes import at_own_size
from segexp.labels.mapping import Mapping
from segexp.study.attributes import DEFINITION, RESULT
from segexp.study.constraints import as_definition
from segexp.study.plan import StudyPlan
from segexp.study.space import describe_parameter

# Parts of the configuration that no score depends on.
_NOT_IN_DEFINITION = (
    "tracking.",
    "storage",
    "data.root",
    "data.format",
    "data.synthetic.",
    "data.layout",
    "data.relabel",
    "data.masks",  # the hash of `data` has what it came to
    "data.heldout",  # the hash has which images; of `heldout_by`, `heldout` says what it came to
)


_SCORED_AT, _AT_OWN, _RESIZED = "data.scored_at", "own", "resized"

_TEST_SPLIT, _HALF = "test split", "half of val by "

DATA = "data"
"""The key of the data in a definition: its name and its digest."""


def definition(plan: StudyPlan, dataset: Dataset) -> dict[str, Any]:
    """Return everything that the scores of a study's trials depend on, as plain text.

    A study must mean the same when it is resumed: otherwise its trials cannot be compared.
    """
    searched = {resolve_key(name) for name in plan.space}
    settings = {
        key: str(value)
        for key, value in flatten(plan.config.to_dict()).items()
        if key not in searched and key != "mapping" and not key.startswith(_NOT_IN_DEFINITION)
    }
    if [*dataset.sizes] == [dataset.image_size]:  # which all rules come to
        settings["data.resize"] = "stretch"
    settings[_SCORED_AT] = _AT_OWN if at_own_size(plan.config.data.scored_at, dataset) else _RESIZED
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
    study was begun have their defaults, which are what it did then.
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
    is_same_data = DATA in stored and data_of(stored)[1] == data_of(now)[1]
    return {**later, **stored, **({DATA: now[DATA]} if is_same_data else {})}


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
