"""Disks: which are remote, how a full or a broken one shows, and what can be freed."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import psutil

from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError, WorkError, first_line

_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_AWAY = (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN)
_TEXTS = ("no space left on device", "database or disk is full", "disk quota exceeded")

# Types as the kernel and FUSE name them, without "fuse.". Left out on purpose: 9p and virtiofs
# (a folder of the host in a virtual machine, WSL or a sandbox) and overlay (a container's root).
# One kernel sees every access to those, and it is that kernel which keeps SQLite's locks.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb(fs|\d)?|smbnetfs|sshfs|k?afs|afpfs|ncp(fs)?|davfs2?|webdav|curlftpfs|coda"
    r"|lustre|gpfs|beegfs|fhgfs|glusterfs|ceph|panfs|pvfs2|orangefs|moosefs|mfs|lizardfs|saunafs"
    r"|seaweedfs|quobyte|wekafs|juicefs|s3fs|gcsfuse|goofys|rclone|blobfuse2?|mountpoint-s3"
)


class FullDiskError(WorkError):
    """A disk is full or a quota used up; says what can be freed."""


def refuse_network_file_system(path: Path, what: str) -> None:
    """Refuse a SQLite file that would lie on a network file system.

    SQLite relies on locks and shared memory that work between the processes of one machine
    (https://www.sqlite.org/wal.html, https://www.sqlite.org/faq.html#q5).

    Args:
        path: The database; need not be there.
        what: The setting that names it, for the message, such as ``"storage"``.

    Raises:
        InputError: With the type of the file system, where it is mounted, and the way out.
    """
    where = path.resolve()
    mounts = psutil.disk_partitions(all=True)
    above = [mount for mount in mounts if where.is_relative_to(mount.mountpoint)]
    # The deepest wins; of several at one place the last, which covers those before it.
    mount = max(reversed(above), key=lambda m: len(Path(m.mountpoint).parts), default=None)
    if mount is None or not _NETWORK.fullmatch(mount.fstype.lower().removeprefix("fuse.")):
        return
    raise InputError(
        f"{what}: {where} lies on a network file system ({mount.fstype} at {mount.mountpoint}), "
        "where SQLite databases break; name a file on a local disk, or a PostgreSQL server: "
        "postgresql://USER@HOST/DATABASE"
    )


@contextmanager
def full_disk_explained(project: Path) -> Iterator[None]:
    """Turn whatever a full disk makes the block raise into an error that says what to free.

    Raises:
        FullDiskError: In its place.
    """
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        is_own = isinstance(error, InputError | WorkError)
        reason = first_line(error) if is_own else f"{type(error).__name__}: {first_line(error)}"
        raise FullDiskError(f"{reason}; {what_to_free(project)}") from error


def is_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, says that a disk is full or a quota used up.

    SQLite and safetensors say so in their text alone.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in _ERRNOS:
            return True
        if any(text in str(current).lower() for text in _TEXTS):
            return True
        current = current.__cause__ or current.__context__
    return False


def is_away(error: BaseException) -> bool:
    """Whether an error says that a disk is broken, read-only all at once, or cut off."""
    return isinstance(error, OSError) and error.errno in _AWAY


def what_to_free(project: Path) -> str:
    """Say what takes room in a project, and what of it can be deleted."""
    free = shutil.disk_usage(project).free / 1e6
    sizes = ", ".join(
        f"{name}/ {megabytes(project / name):,.0f} MB ({meaning})"
        for name, meaning in (
            (f"{WORK_DIRECTORY}/cache", "decoded data, made again when missing"),
            (f"{WORK_DIRECTORY}/studies", "checkpoints and saved models"),
            ("mlruns", "artifacts of runs that `mlflow gc` can delete"),
        )
    )
    return (
        f"{free:,.0f} MB are free in {project}; free some, of {sizes}, and run the same command "
        "again: everything finished so far is kept"
    )


def megabytes(*directories: Path) -> float:
    """Return how much the files in folders take together, in millions of bytes.

    A folder that is not there takes nothing, and a file that has several names (hard links) takes
    its place once.
    """
    sizes: dict[tuple[int, int], int] = {}
    for folder, _, files in chain.from_iterable(map(os.walk, directories)):
        for name in files:
            try:
                found = (Path(folder) / name).lstat()
            except OSError:  # it was deleted meanwhile
                continue
            sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values()) / 1e6
