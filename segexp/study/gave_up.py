"""Processes that left a trial open because the storage was away: noted in their project.

When the storage answers again, such a trial is closed like any whose process is gone; but no
process died in it.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from segexp.core.config import WORK_DIRECTORY
from segexp.core.lease import Owner


def note_giving_up(project: Path, owner: Owner) -> None:
    """Note that a process could not close its trial.

    Raises:
        OSError: When the project cannot be written.
    """
    path = _note_of(project, owner)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def forget_giving_up(project: Path, owner: Owner) -> bool:
    """Delete the note: the trial is about to be closed.

    Returns:
        Whether there was one.
    """
    note = _note_of(project, owner)
    if not note.exists():
        return False
    with suppress(OSError):  # one that stays does no harm: no other process signs like this one
        note.unlink()
    return True


def _note_of(project: Path, owner: Owner) -> Path:
    name = hashlib.sha256(json.dumps(owner.to_dict(), sort_keys=True).encode()).hexdigest()
    return project / WORK_DIRECTORY / "gave-up" / name[:32]
