"""What processes that were killed have left beside the files that they wrote."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from segexp.core.leftovers import FOREIGN_SECONDS, folder_beside, place_beside, remove_leftovers

WRITER = """if True:
    import sys, time
    from pathlib import Path
    from segexp.core.files import written_beside
    from segexp.core.leftovers import folder_beside
    folder = Path(sys.argv[1])
    with written_beside(folder / "a_mask.png") as beside, folder_beside(folder / "m.onnx") as inner:
        beside.write_text("a part")
        beside.with_name(f"{beside.name}.mp4").write_text("a part")
        (inner / "m.onnx").write_text("a part")
        print("writing", flush=True)
        time.sleep(60)
"""


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, in the middle of writing two files and a folder."""
    words = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"writing\n"
            yield process
        finally:
            process.kill()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    others = {".hidden", ".a.0123456789ab", "a_mask.png", ".a.0123456789ab-1-2"}
    for name in others:
        (tmp_path / name).write_text("mine")
    with ExitStack() as stack:
        killed = stack.enter_context(writer(tmp_path))
        left = names(tmp_path) - others
        assert len(left) == 3
        stack.enter_context(writer(tmp_path))
        living = names(tmp_path) - others - left
        killed.kill()
        killed.wait()
        remove_leftovers(tmp_path)
        assert names(tmp_path) == others | living


def test_the_first_file_in_a_folder_makes_the_next_run_remove_them(tmp_path: Path) -> None:
    with writer(tmp_path):
        pass
    assert len(names(tmp_path)) == 3
    place_beside(tmp_path / "next")
    assert names(tmp_path) == set()


def test_those_of_other_machines_go_when_they_have_not_changed_for_a_day(tmp_path: Path) -> None:
    mark = place_beside(tmp_path / "a").name[:-8]
    for name, age in {"old": FOREIGN_SECONDS + 60, "new": FOREIGN_SECONDS - 60}.items():
        path = tmp_path / f".{name}{mark.removeprefix('.a')}00000000"
        path.write_text("a part")
        os.utime(path, (time.time() - age,) * 2)
    remove_leftovers(tmp_path)
    assert [name[:4] for name in names(tmp_path)] == [".new"]


def test_a_folder_that_is_not_renamed_is_deleted_and_one_that_is_stays(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_beside(tmp_path / "new" / "a") as beside:
        (beside / "file").write_text("a part")
        raise ZeroDivisionError
    assert names(tmp_path / "new") == set()
    with folder_beside(tmp_path / "a") as beside:
        beside.rename(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_a_long_name_leaves_room_for_the_rest(tmp_path: Path) -> None:
    beside = place_beside(tmp_path / ("ü" * 120))
    beside.write_text("a part")
    assert len(os.fsencode(beside.name)) < 255
