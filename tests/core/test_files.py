import errno
import os
import subprocess
import sys
import threading

import pytest
from filelock import FileLock, Timeout

from segexp.core.errors import InputError
from segexp.core.files import (
    LONGEST_FILE_NAME,
    inside,
    locked,
    make_private,
    name_fault,
    read_bounded,
    write_atomic,
)


def full_disk(*_args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_text_is_written_as_utf8_without_any_translation(tmp_path):
    path = tmp_path / "new" / "folder" / "text"
    write_atomic(path, "Straße\r\n")
    assert path.read_bytes() == b"Stra\xc3\x9fe\r\n"


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "file"
    for content in (b"old", b"\x00new"):
        write_atomic(path, content)
    assert path.read_bytes() == b"\x00new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_atomic(path, "old")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_no_file_where_there_was_none(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_beyond_the_size_that_the_system_allows_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, "old")
    script = """if True:
        import resource, sys
        from pathlib import Path
        from segexp.core.files import write_atomic
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomic(Path(sys.argv[1]), bytes(5000))
        except OSError as error:
            print(error.strerror)
    """
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == os.strerror(errno.EFBIG)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "file", "content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_a_part(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    write_atomic(path, contents[0])
    seen = set()
    writer = threading.Thread(
        target=lambda: [write_atomic(path, contents[turn % 2]) for turn in range(30)]
    )
    writer.start()
    while writer.is_alive():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= set(contents)


def test_a_lock_excludes_another_process_and_is_free_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "folder" / "lock"
    script = """if True:
        import sys, time
        from pathlib import Path
        from segexp.core.files import locked
        with locked(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(Timeout):
                FileLock(path, timeout=0.05).acquire()
        finally:
            holder.kill()
    FileLock(path, timeout=5).acquire().lock.release()


def test_two_processes_that_count_under_a_lock_lose_no_step(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    script = """if True:
        import sys
        from pathlib import Path
        from segexp.core.files import locked
        counter = Path(sys.argv[1])
        for _ in range(200):
            with locked(counter.with_name("lock")):
                counter.write_text(str(int(counter.read_text()) + 1))
    """
    processes = [subprocess.Popen([sys.executable, "-c", script, counter]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert counter.read_text() == "400"


def test_a_lock_is_released_when_its_block_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        raise ZeroDivisionError
    FileLock(tmp_path / "lock", timeout=0).acquire().lock.release()


@pytest.mark.parametrize("name", ["a", "default", "0", "camvid-2.run_1+x", "A" * 100])
def test_good_names_have_no_fault(name):
    assert name_fault("study name", name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("", ".hidden", "-x", "a b", "a/b", "..", "a\n", "é", "A" * 101, "a\0", "a:b", "a."),
        *("a..", "/etc/passwd", "..\\x", "\u0430\u0455", "\uff0e\uff0e\uff0fx", "\u202ea"),
    ],
)
def test_a_name_that_is_unsafe_as_a_file_name_is_refused_with_its_value(name):
    fault = name_fault("study name", name)
    assert fault is not None
    assert fault.startswith(f"study name {name!r:.80}")
    assert ": use 1 to 100 letters" in fault
    assert fault.isprintable()


@pytest.mark.parametrize(
    "name", ["CON", "nul", "Aux", "prn", "COM1", "lpt9", "con.yaml", "NUL.a.b"]
)
def test_a_name_that_windows_takes_for_a_device_is_refused(name):
    fault = name_fault("study name", name)
    assert fault == f"study name {name!r}: is a device on Windows, not a file; choose another one"


@pytest.mark.parametrize("name", ["CONS", "nul2", "com", "lpt10", "a.con", "console.yaml"])
def test_a_name_that_only_begins_like_a_device_is_good(name):
    assert name_fault("study name", name) is None


@pytest.mark.parametrize("name", ["a", "a/b.c", "a/../b", ".", "..a", "a/.."])
def test_what_stays_inside_is_the_path_itself(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/../../x", "/etc/passwd", "a\0b", "out", "out/x", "ring", "ring/x"]
)
def test_what_leads_out_is_refused(tmp_path, name):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "ring").symlink_to(root / "ring2")
    (root / "ring2").symlink_to(root / "ring")
    if name.startswith("ring") and sys.version_info >= (3, 13):
        assert inside(root, name)  # a ring leads nowhere
        return
    with pytest.raises(InputError, match="leads out of it"):
        inside(root, name)


def test_a_directory_that_is_a_link_itself_was_chosen(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "x") == tmp_path / "link" / "x"


def test_a_link_is_replaced_by_the_file_and_not_written_through(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "kept"
    assert (tmp_path / "link").read_text() == "new"
    assert not (tmp_path / "link").is_symlink()


def test_the_longest_name_that_a_file_system_takes_can_be_written(tmp_path):
    for letter in ("x", "é"):
        path = tmp_path / (letter * (LONGEST_FILE_NAME // len(letter.encode())))
        write_atomic(path, "content")
        assert path.read_text() == "content"


def test_a_file_is_read_up_to_a_bound(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(InputError, match="5 bytes; at most 4 are read"):
        read_bounded(path, 4)
    with pytest.raises(InputError, match="is not a file"):
        read_bounded(tmp_path, 4)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_bounded(tmp_path / "absent", 4)


def test_a_private_file_is_the_users_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        write_atomic(tmp_path / "private", "content", is_private=True)
        write_atomic(tmp_path / "other", "content")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"private": 0o600, "other": 0o666}


def test_a_private_folder_is_made_and_one_that_was_open_is_closed(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    for name in ("open", "new/deep"):
        make_private(tmp_path / name)
        make_private(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
