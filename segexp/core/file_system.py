"""Which file systems are remote: SQLite's locks do not hold there, and its files break."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import psutil

from segexp.core.errors import InputError

# Types as the kernel and FUSE name them, without "fuse.". Left out on purpose: 9p and virtiofs
# (a folder of the host in a virtual machine, WSL or a sandbox) and overlay (a container's root).
# One kernel sees every access to those, and it is that kernel which keeps SQLite's locks.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb(fs|\d)?|smbnetfs|sshfs|k?afs|afpfs|ncp(fs)?|davfs2?|webdav|curlftpfs|coda"
    r"|lustre|gpfs|beegfs|fhgfs|glusterfs|ceph|panfs|pvfs2|orangefs|moosefs|mfs|lizardfs|saunafs"
    r"|seaweedfs|quobyte|wekafs|juicefs|s3fs|gcsfuse|goofys|rclone|blobfuse2?|mountpoint-s3"
)


@dataclass(frozen=True)
class Mount:
    """One line of a mount table: where, and the file system's type in lower case."""

    point: PurePath
    type: str

    @property
    def is_remote(self) -> bool:
        """Whether other machines may change the files as well."""
        return _NETWORK.fullmatch(self.type.removeprefix("fuse.")) is not None


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
    mount = mount_of(where, _mounts())
    if mount is not None and mount.is_remote:
        raise InputError(
            f"{what}: {where} lies on a network file system ({mount.type} at {mount.point}), where "
            "SQLite databases break; name a file on a local disk, or a PostgreSQL server: "
            "postgresql://USER@HOST/DATABASE"
        )


def mount_of(path: PurePath, mounts: Sequence[Mount]) -> Mount | None:
    """Return the mount that a resolved path lies on, or None when the table has none.

    The deepest mount point above the path wins, and of several at one place the last, which
    covers those before it.
    """
    above = [mount for mount in mounts if path.is_relative_to(mount.point)]
    return max(reversed(above), key=lambda mount: len(mount.point.parts), default=None)


def read_mountinfo(text: str) -> list[Mount]:
    r"""Read Linux's mount table, in its order.

    Args:
        text: The content of ``/proc/self/mountinfo`` (man 5 proc): five fields with the mount
            point last, options, any number of optional fields, ``-``, the type. Blanks in
            names are written in octal, as in ``/mnt/my\040disk``.
    """
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if dash and len(fields) >= 5 and after.split():
            mounts.append(Mount(PurePath(_unescape(fields[4])), after.split()[0].lower()))
    return mounts


def _unescape(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)


def _mounts() -> list[Mount]:
    table = Path("/proc/self/mountinfo")
    if table.is_file():
        return read_mountinfo(os.fsdecode(table.read_bytes()))
    return [
        # Windows shows a share by the type of the far side, and marks it in the options.
        Mount(PurePath(disk.mountpoint), "smb" if "remote" in disk.opts else disk.fstype.lower())
        for disk in psutil.disk_partitions(all=True)
    ]
