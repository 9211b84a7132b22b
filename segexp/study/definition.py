"""What a study means: what its scores depend on, now and when it was begun."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
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
from segexp.labels.taxonomy import VOID_NAME
from segexp.study.attributes import DEFINITION, PARTS, RESULT
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
        "data": f"{dataset.name} {dataset.hash}",
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


def with_later_settings(stored: Dict[str, Any], now: Dict[str, Any]) -> dict[str, Any]:
    """Add to a stored definition the settings that segexp did not have when the study was begun.

    Their defaults are what it did then.
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
    return {**later, **stored}


@dataclass(frozen=True)
class Change:
    """A part of a study's definition that is another one now.

    Attributes:
        key: Its key in the definition.
        before: When the study was begun; None where it had no such part.
        after: Now; None where it has none any more.
    """

    key: str
    before: Any
    after: Any

    @property
    def is_of_labels(self) -> bool:
        """Whether it is a mapping that has other classes now."""
        return isinstance(self.before, dict) and isinstance(self.after, dict)


def definition_changes(stored: Dict[str, Any], now: Dict[str, Any]) -> list[Change]:
    """Return how a study's stored definition differs from the one it would have now.

    Args:
        stored: From `definition` when it was begun.
    """
    stored = with_later_settings(stored, now)
    changed = [key for key in sorted({*stored, *now}) if stored.get(key) != now.get(key)]
    if any(key.startswith("mappings.") for key in changed):
        changed = [key for key in changed if key != "common_space"]  # it follows from them
    # A setting that is or was searched: the line about the space says it.
    spaces = {key for key in changed if key.startswith("space.")}
    changed = [k for k in changed if k in spaces or f"space.{k.rpartition('.')[2]}" not in spaces]
    return [Change(key, stored.get(key), now.get(key)) for key in changed]


def change_faults(name: str, changes: Sequence[Change], *, revisable: bool = True) -> list[str]:
    """Return a sentence for each change of a study, and last what to do; nothing without changes.

    Args:
        revisable: Whether it can have a new revision: a study that has parts, or is one, cannot.
    """
    if not changes:
        return []
    revision = (
        ", begin a new revision with --new-revision, which keeps the trials that are still valid,"
    )
    advice = (
        f"study {name!r} cannot be resumed as something else: run it with what it was begun with"
        f"{revision if revisable else ''} or begin another one with --study-name"
    )
    return [*(describe_change(name, change) for change in changes), advice]


def describe_change(name: str, change: Change) -> str:
    """Say how a study has changed since it was begun."""
    key, before = change.key, change.before
    if change.is_of_labels:
        labels = _changed_labels(before["classes"], change.after["classes"])
        mapping = key.removeprefix("mappings.")
        return f"mapping {mapping!r} has changed since study {name!r} was begun: {labels}"
    if key == "heldout" and str(before).startswith(_HALF):
        before = f"{before} (--set data.heldout_by={str(before).removeprefix(_HALF)})"
    was, is_ = (_shown(value) for value in (before, change.after))
    return f"study {name!r} was begun with {key} = {was}, now it is {is_}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value['classes'])} classes"
    return "nothing" if value is None else str(value)


def _changed_labels(before: list[list[str]], after: list[list[str]]) -> str:
    """Say which labels became another class; ``[name, label, ...]`` of each class."""
    was, is_ = (
        {label: name for name, *labels in classes for label in labels}
        for classes in (before, after)
    )
    changes = [
        f"label {label} was in {was.get(label, VOID_NAME)}, now in {is_.get(label, VOID_NAME)}"
        for label in dict.fromkeys([*was, *is_])
        if was.get(label) != is_.get(label)
    ]
    return "; ".join(changes) or (
        "its classes are in another order or over another taxonomy, or what follows a + changed"
    )


def is_known(
    storage: BaseStorage, name: str, now: Dict[str, Any], *, revisable: bool = True
) -> bool:
    """Whether there is a study of this name; if there is, it means the same.

    Args:
        revisable: Whether `segexp tune` can begin a new revision of it.

    Raises:
        InputError: When it is of the other kind, or was begun as something else.
    """
    changes = changes_since(storage, name, now)
    if faults := change_faults(name, changes or [], revisable=revisable):
        raise InputError(faults)
    return changes is not None


def changes_since(storage: BaseStorage, name: str, now: Dict[str, Any]) -> list[Change] | None:
    """Return how a study has changed since it was begun; None when there is none of this name.

    Raises:
        InputError: When it is of the other kind, or segexp did not make it.
    """
    stored = stored_definition(storage, name)
    if stored is None:
        return None
    if (PARTS in stored) != (PARTS in now):
        kind = "an A/B study" if PARTS in stored else "not an A/B study"
        raise InputError(f"{name!r} is {kind}; take another --study-name")
    return definition_changes(stored, now)


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
