"""A task on its way to another host: without passwords, and with the paths of where it arrives."""

import io
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segexp.core.credentials import is_same_place, without_credentials
from segexp.core.errors import InputError
from segexp.study.engines._worker import Task
from segexp.study.plan import ListPlan, SearchPlan

_PROJECT, _DATA, _HELDOUT = "project", "data", "heldout"


@dataclass(frozen=True)
class Own:
    """What the host of a worker has of its own.

    Attributes:
        directory: Takes what a project directory has, such as caches and checkpoints.
        data: The folder of the data set; None where it is at the same path as the supervisor's.
        storage: Optuna's storage with the password by which this host opens it; None where none is
            needed, or it stands elsewhere, as in ~/.pgpass.
    """

    directory: Path
    data: Path | None = None
    storage: str | None = None


def pack(task: Task) -> bytes:
    """Return a task as `unpack` takes it.

    Paths below the project and the data are sent as such; URLs without their passwords. The time
    from when on no trial is begun is sent as how long it is until then.
    """
    base = task.studies[0][0].base
    roots = {_PROJECT: base.project}
    if base.source.root is not None:
        roots[_DATA] = base.source.root
    if base.source.other is not None and base.source.other.root is not None:
        roots[_HELDOUT] = base.source.other.root
    studies = tuple(
        (
            _with_storage(plan, _public(plan.base.config.storage)),
            replace(experiment, uri=without_credentials(experiment.uri)),
            replace(run, uri=without_credentials(run.uri)),
        )
        for plan, experiment, run in task.studies
    )
    left = replace(task.stop, deadline=task.stop.deadline - time.monotonic())
    buffer = io.BytesIO()
    _Packer(buffer, roots).dump(replace(task, studies=studies, stop=left))
    return buffer.getvalue()


def unpack(content: bytes, own: Own) -> Task | int:
    """Return what a supervisor sent: a task, with the paths of this host, or a number.

    Raises:
        InputError: When the data is not on this host, or its storage is another one.
    """
    found = _Unpacker(io.BytesIO(content), own).load()
    if not isinstance(found, Task):
        return int(found)
    sent = found.studies[0][0].base.config.storage
    if own.storage is not None and not is_same_place(sent, own.storage):
        raise InputError(
            f"SEGEXP_STORAGE or --storage names {without_credentials(own.storage)}, but the study "
            f"is in {sent}; name that, with this host's password"
        )
    studies = tuple(
        (_with_storage(plan, own.storage or sent), experiment, run)
        for plan, experiment, run in found.studies
    )
    deadline = found.stop.deadline + time.monotonic()
    return replace(found, studies=studies, stop=replace(found.stop, deadline=deadline))


def _public(url: str | None) -> str | None:
    return None if url is None else without_credentials(url)


def _with_storage(plan: SearchPlan | ListPlan, storage: str | None) -> SearchPlan | ListPlan:
    config = plan.base.config
    tracking = config.tracking.model_copy(update={"uri": _public(config.tracking.uri)})
    config = config.model_copy(update={"storage": storage, "tracking": tracking})
    return replace(plan, base=replace(plan.base, config=config))


class _Packer(pickle.Pickler):
    """Writes a path below a root as the root's name and the rest."""

    def __init__(self, file: io.BytesIO, roots: Mapping[str, Path]) -> None:
        super().__init__(file, protocol=5)
        # The innermost first: the data may be in the project.
        self._roots = sorted(roots.items(), key=lambda root: -len(root[1].parts))

    def persistent_id(self, obj: Any) -> tuple[str, str, str] | None:
        if isinstance(obj, Path):
            for name, root in self._roots:
                if obj.is_relative_to(root):
                    return name, str(root), obj.relative_to(root).as_posix()
        return None


class _Unpacker(pickle.Unpickler):
    """Reads what `_Packer` wrote, below the roots of this host."""

    def __init__(self, file: io.BytesIO, own: Own) -> None:
        super().__init__(file)
        self._own = own
        self._roots: dict[str, Path] = {}

    def persistent_load(self, pid: tuple[str, str, str]) -> Path:
        name, root, rest = pid
        if name not in self._roots:
            self._roots[name] = self._root(name, Path(root))
        return self._roots[name] / rest

    def _root(self, name: str, there: Path) -> Path:
        if name == _PROJECT:
            return self._own.directory
        here = (self._own.data if name == _DATA else None) or there
        if here.is_dir():
            return here
        if name == _HELDOUT:
            raise InputError(
                f"data.heldout.root: {here}: no such folder on this host; it must be at the same "
                "path on every host"
            )
        raise InputError(
            f"data: {here}: no such folder on this host; name the folder that has the study's data "
            "with --data DIR or SEGEXP_DATA"
        )
