"""Which studies are running, and which were left by a process that died.

Read from Optuna's storage alone: no torch, no MLflow.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.storages import BaseStorage

from segexp.core.lease import beating, is_gone, owner_from_dict, this_process
from segexp.study.attributes import SUPERVISORS


@contextmanager
def supervised(study: optuna.Study) -> Iterator[None]:
    """Note in a study's attributes that this process runs it, while the block runs."""
    key = f"{SUPERVISORS}{secrets.token_hex(4)}"
    owner = this_process().to_dict()

    def beat() -> None:
        study.set_user_attr(key, {**owner, "beat": time.time()})

    beat()
    with beating(beat):
        yield
    # Only now, and not after an error: the next start closes what may still be open then.
    with suppress(Exception):
        study.set_user_attr(key, None)


def left_behind(storage: BaseStorage) -> list[str]:
    """Return the names of the studies whose processes are all gone, and that nobody runs now."""
    found = []
    for study in storage.get_all_studies():
        supervisors = _supervisors(study.user_attrs)
        if supervisors and all(map(_is_gone, supervisors.values())):
            found.append(study.study_name)
    return found


def is_running(study: optuna.Study) -> bool:
    """Whether a process runs a study now."""
    return any(not _is_gone(content) for content in _supervisors(study.user_attrs).values())


def forget_supervisors(study: optuna.Study) -> None:
    """Forget the supervisors that are gone: what they left open is closed."""
    for key, content in _supervisors(study.user_attrs).items():
        if _is_gone(content):
            study.set_user_attr(key, None)


def _supervisors(attributes: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in attributes.items() if k.startswith(SUPERVISORS) and v is not None}


def _is_gone(content: Any) -> bool:
    owner = owner_from_dict(content)
    return owner is None or is_gone(owner, content.get("beat"))
