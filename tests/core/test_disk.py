"""A full disk, as the system and the libraries say it, and file systems of other machines."""

import errno
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from segexp.core.disk import (
    FullDiskError,
    full_disk_explained,
    is_away,
    is_full,
    megabytes,
    refuse_network_file_system,
    what_to_free,
)
from segexp.core.errors import InputError, WorkError
from segexp.core.files import write_atomic
from tests.small_disk import fill, on_a_small_disk


def write_to_a_full_disk(disk: Path) -> dict[str, tuple[bool, str]]:
    """Let everything that writes run into a full disk; tell whether that was recognised."""
    whole = disk / "whole.txt"
    write_atomic(whole, "whole")
    database = disk / "some.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    connection.commit()
    ballast = fill(disk, 0)

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(100_000)])
        connection.commit()

    found = {}
    for name, write in {
        "write_atomic": lambda: write_atomic(whole, bytes(100_000)),
        "safetensors": lambda: save_file({"x": np.zeros(100_000)}, disk / "x.safetensors"),
        "sqlite": insert,
    }.items():
        try:
            write()
        except Exception as error:
            found[name] = (is_full(error), f"{type(error).__name__}: {error}")
    connection.rollback()
    ballast.unlink()
    (check,) = connection.execute("PRAGMA integrity_check").fetchone()
    found["afterwards"] = (check == "ok" and whole.read_text() == "whole", check)
    found["beside"] = (sorted(p.name for p in disk.glob(".*")) == [], "")
    return found


def test_what_libraries_raise_on_a_full_disk_is_recognised(tmp_path: Path) -> None:
    found = on_a_small_disk(__name__, "write_to_a_full_disk", tmp_path, "1M")
    assert set(found) == {"write_atomic", "safetensors", "sqlite", "afterwards", "beside"}
    assert all(is_right for is_right, _ in found.values()), found


def raised_from(error: Exception, cause: BaseException) -> Exception:
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def raised_while(error: Exception, other: Exception) -> Exception:
    """As ``raise ... from None`` inside of an ``except``."""
    try:
        try:
            raise other
        except type(other):
            raise error from None
    except type(error) as raised:
        return raised


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        raised_from(ValueError("could not save"), FULL),
        raised_while(WorkError("the cache cannot be written"), FULL),
        raised_from(ValueError("x"), raised_from(KeyError("y"), FULL)),
    ],
    ids=str,
)
def test_a_full_disk_is_recognised_by_number_by_text_and_by_cause(error: Exception) -> None:
    assert is_full(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        sqlite3.OperationalError("database is locked"),
        raised_from(ValueError("full of errors"), KeyError("space")),
    ],
    ids=str,
)
def test_other_errors_are_not_a_full_disk(error: Exception) -> None:
    assert not is_full(error)


def test_an_error_that_is_its_own_cause_ends_the_search() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_full(first)


def test_a_file_with_two_names_takes_its_place_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "weights").write_bytes(bytes(3_000_000))
    (tmp_path / "b" / "weights").hardlink_to(tmp_path / "a" / "weights")
    (tmp_path / "b" / "own").write_bytes(bytes(1_000_000))
    folders = [tmp_path / name for name in ("a", "b", "none")]
    assert [megabytes(folder) for folder in folders] == [3, 4, 0]
    assert megabytes(*folders) == 4


def test_what_can_be_freed_is_listed_with_its_size(tmp_path: Path) -> None:
    studies = tmp_path / ".segexp" / "studies" / "tiny"
    studies.mkdir(parents=True)
    (studies / "model").write_bytes(bytes(3_000_000))
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "a").write_bytes(bytes(1_600_000))
    said = what_to_free(tmp_path)
    for words in (".segexp/studies/ 3 MB", "mlruns/ 2 MB", ".segexp/cache/ 0 MB", str(tmp_path)):
        assert words in said
    assert "run the same command again" in said


@pytest.mark.parametrize(
    ("error", "begin"),
    [
        (FULL, "OSError: [Errno 28] No space left on device; "),
        (InputError("storage: disk quota exceeded"), "storage: disk quota exceeded; "),
        (raised_while(WorkError("the cache cannot be written"), FULL), "the cache cannot be wr"),
    ],
    ids=str,
)
def test_a_full_disk_is_explained_once(tmp_path: Path, error: Exception, begin: str) -> None:
    with (
        pytest.raises(FullDiskError) as caught,
        full_disk_explained(tmp_path),
        full_disk_explained(tmp_path),
    ):
        raise error
    assert str(caught.value).startswith(begin)
    assert str(caught.value).count("free some") == 1
    assert isinstance(caught.value, WorkError)


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    error = InputError("no such folder")
    with pytest.raises(InputError) as caught, full_disk_explained(tmp_path):
        raise error
    assert caught.value is error


# Homes and data from a server, an automounter, a share of Windows, FUSE, a cluster's scratch.
MOUNTS = [
    ("/proc", "proc"),
    ("/", "ext4"),
    ("/tmp", "tmpfs"),
    ("/home", "autofs"),
    ("/home", "nfs4"),
    ("/home/ann/scratch", "xfs"),
    ("/mnt/my office\\share", "cifs"),
    ("/mnt/lab", "fuse.sshfs"),
    ("/mnt/disk", "fuseblk"),
    ("/scratch", "lustre"),
    ("/scratch/local", "ext4"),
    ("/project", "beegfs"),
    ("/gpfs/users", "gpfs"),
    ("/data", "fuse.glusterfs"),
    ("/objects", "ceph"),
    ("/afs", "afs"),
    ("/mnt/c", "9p"),  # a folder of the host in a virtual machine or WSL
    ("/workspace", "virtiofs"),
    ("/overlay", "overlay"),
]


@pytest.fixture
def _mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [SimpleNamespace(mountpoint=point, fstype=kind) for point, kind in MOUNTS]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    monkeypatch.setattr(Path, "resolve", lambda path: path)


@pytest.mark.usefixtures("_mounts")
@pytest.mark.parametrize(
    "path",
    [
        *("/etc/x.db", "/tmp/x.db", "/tmpfoo/x.db", "/home/ann/scratch/deep/x.db", "/mnt/c/x.db"),
        *("/scratch/local/x.db", "/mnt/disk/x.db", "/workspace/x.db", "/overlay/x.db"),
    ],
)
def test_a_file_on_this_machine_is_taken(path: str) -> None:
    refuse_network_file_system(Path(path), "storage")


@pytest.mark.usefixtures("_mounts")
@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/home/ann/studies/x.db", "nfs4 at /home"),
        ("/home/ann/scratches/x.db", "nfs4 at /home"),
        ("/mnt/my office\\share/x.db", "cifs at /mnt/my office\\share"),
        ("/mnt/lab/x.db", "fuse.sshfs at /mnt/lab"),
        ("/scratch/ann/x.db", "lustre at /scratch"),
        ("/project/x.db", "beegfs at /project"),
        ("/gpfs/users/x.db", "gpfs at /gpfs/users"),
        ("/data/x.db", "fuse.glusterfs at /data"),
        ("/objects/x.db", "ceph at /objects"),
        ("/afs/x.db", "afs at /afs"),
    ],
)
def test_a_file_on_a_server_is_refused_with_the_way_out(path: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        refuse_network_file_system(Path(path), "tracking.uri")
    assert str(caught.value) == (
        f"tracking.uri: {path} lies on a network file system ({where}), where "
        "SQLite databases break; name a file on a local disk, or a PostgreSQL server: "
        "postgresql://USER@HOST/DATABASE"
    )


def test_a_link_is_followed_to_where_the_file_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_network_file_system(tmp_path / "not" / "there" / "optuna.db", "storage")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    remote = SimpleNamespace(mountpoint=str(tmp_path.resolve() / "elsewhere"), fstype="nfs")
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [remote])
    with pytest.raises(InputError, match="lies on a network file system"):
        refuse_network_file_system(tmp_path / "link" / "optuna.db", "storage")


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (OSError(errno.EROFS, "Read-only file system"), True),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("Input/output error"), False),
    ],
)
def test_a_broken_disk_is_told_from_a_file_that_is_not_there(error: Exception, away: bool) -> None:
    assert is_away(error) == away
