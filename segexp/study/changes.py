"""How a study would mean something else than when it was begun, said with what to do."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage

from segexp.core.errors import InputError
from segexp.core.lease import this_process
from segexp.core.overrides import DATA_VARIABLE
from segexp.data.layout import is_drawn
from segexp.labels.taxonomy import VOID_NAME
from segexp.study.attributes import PARTS
from segexp.study.definition import (
    DATA,
    PRECISION,
    as_written_now,
    data_of,
    stored_definition,
    way_to_halve,
)
from segexp.training.compute import choose_compute


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
    stored = as_written_now(stored, now)
    changed = [key for key in sorted({*stored, *now}) if stored.get(key) != now.get(key)]
    if any(key.startswith("mappings.") for key in changed):
        changed = [key for key in changed if key != "common_space"]  # it follows from them
    # A setting that is or was searched: the line about the space says it.
    spaces = {key for key in changed if key.startswith("space.")}
    changed = [k for k in changed if k in spaces or f"space.{k.rpartition('.')[2]}" not in spaces]
    return [Change(key, stored.get(key), now.get(key)) for key in changed]


def change_faults(
    name: str, changes: Sequence[Change], root: Path | None = None, *, revisable: bool = True
) -> list[str]:
    """Return a sentence for each change of a study, and last what to do; nothing without changes.

    Args:
        root: The folder that the data is read from here, if it is in one.
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
    return [*(describe_change(name, change, root) for change in changes), advice]


def describe_change(name: str, change: Change, root: Path | None = None) -> str:
    """Say how a study has changed since it was begun."""
    key, before = change.key, change.before
    if change.is_of_labels:
        labels = _changed_labels(before["classes"], change.after["classes"])
        mapping = key.removeprefix("mappings.")
        return f"mapping {mapping!r} has changed since study {name!r} was begun: {labels}"
    if key == "heldout" and (way := way_to_halve(str(before))):
        before = f"{before} ({way})"
    if key == PRECISION:
        return _other_precision(name, str(before), str(change.after))
    was, is_ = (_shown(value) for value in (before, change.after))
    to_do = _other_data(str(before), root) if key == DATA else ""
    return f"study {name!r} was begun with {key} = {was}, now it is {is_}{to_do}"


def _other_precision(name: str, before: str, after: str) -> str:
    """Say that this host trains in another number format, and the ways to join all the same."""
    is_slow = before == "bf16" and not choose_compute("auto").bf16
    return (
        f"study {name!r} was begun with {PRECISION} = {before}, on {this_process().host} it comes "
        f"to {after}: --mixed joins it in {after}, which each trial records; --set {PRECISION}="
        f"{before} trains as it was begun{', emulated and slow here' if is_slow else ''}"
    )


def _other_data(before: str, root: Path | None) -> str:
    """Say where the data is read from, and how to read what a study was begun on."""
    at = "" if root is None else f", read from {root} on {this_process().host}"
    if is_drawn(data_of({DATA: before})[0]):
        return at
    return (
        f"{at}: an image, a mask, a label or a split is another; name the folder on this host that "
        f"has the study's data with --data or {DATA_VARIABLE}"
    )


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
    storage: BaseStorage,
    name: str,
    now: Dict[str, Any],
    root: Path | None = None,
    *,
    revisable: bool = True,
) -> bool:
    """Whether there is a study of this name; if there is, it means the same.

    Args:
        root: The folder that the data is read from here, if it is in one.
        revisable: Whether `segexp tune` can begin a new revision of it.

    Raises:
        InputError: When it is of the other kind, or was begun as something else.
    """
    changes = changes_since(storage, name, now)
    if faults := change_faults(name, changes or [], root, revisable=revisable):
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
