"""A process that left its trial open because the storage was away, and how others know."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from segexp.core.lease import this_process
from segexp.study.gave_up import forget_giving_up, note_giving_up


def test_what_is_noted_of_a_process_is_found_once_and_of_no_other_one(tmp_path: Path) -> None:
    own = this_process()
    others = [replace(own, started=own.started + 1), replace(own, boot="another start")]
    assert not forget_giving_up(tmp_path, own)
    note_giving_up(tmp_path, own)
    note_giving_up(tmp_path, own)  # as after a second call that was not answered
    assert not any(forget_giving_up(tmp_path, other) for other in others)
    assert forget_giving_up(tmp_path, own)
    assert not forget_giving_up(tmp_path, own)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_note_that_cannot_be_deleted_is_still_read(tmp_path: Path) -> None:
    note_giving_up(tmp_path, this_process())
    folder = tmp_path / ".segexp" / "gave-up"
    folder.chmod(0o500)
    try:
        assert forget_giving_up(tmp_path, this_process())
    finally:
        folder.chmod(0o700)
