import os
import time
from pathlib import Path

import pytest

from segexp.study import fetched_files
from segexp.study.fetched_files import MARK, forget_old, note_fetched


def trial_in(project: Path, number: int, *, used: float, is_fetched: bool = True) -> Path:
    directory = project / ".segexp" / "studies" / "tiny-1" / f"trial-{number:04d}"
    directory.mkdir(parents=True)
    (directory / "model").write_bytes(bytes(1000))
    if is_fetched:
        note_fetched(directory, is_new=True)
        os.utime(directory / MARK, (used, used))
    return directory


def test_what_was_not_used_for_longest_goes_and_what_ran_here_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched_files, "MOST_BYTES", 2500)
    day = 86400.0
    own = trial_in(tmp_path, 0, used=0, is_fetched=False)
    older, old, new = (
        trial_in(tmp_path, n, used=time.time() - days * day) for n, days in ((1, 3), (2, 2), (3, 1))
    )
    forget_old(tmp_path)
    assert [d.exists() for d in (own, older, old, new)] == [True, False, True, True]
    note_fetched(old, is_new=False)  # used again
    note_fetched(own, is_new=False)
    assert not (own / MARK).exists()
    monkeypatch.setattr(fetched_files, "MOST_BYTES", 0)
    forget_old(tmp_path)
    assert [d.exists() for d in (own, old, new)] == [True, True, False]
