"""Which file system a path lies on, by mount tables as they are found."""

from pathlib import Path, PurePosixPath

import pytest

from segexp.core.errors import InputError
from segexp.core.file_system import mount_of, read_mountinfo, refuse_network_file_system

# A workstation with homes and data from a server, an automounter, a share of Windows, and FUSE.
WORKSTATION = r"""
22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw
27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
30 27 0:26 / /tmp rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=16336728k
61 27 0:47 / /home rw,relatime shared:30 - autofs systemd-1 rw,fd=49,pgrp=1,timeout=0,direct
93 61 0:51 / /home rw,relatime shared:46 - nfs4 nas:/export/home rw,vers=4.2,proto=tcp
97 93 259:4 /ann /home/ann/scratch rw,relatime shared:49 - xfs /dev/nvme1n1p1 rw,attr2
101 27 0:60 / /mnt/my\040office\134share rw,relatime - cifs //office/share rw,vers=3.1.1
103 27 0:61 / /mnt/lab rw,nosuid,nodev,relatime shared:51 master:2 - fuse.sshfs ann@lab:/data rw
105 27 0:62 / /mnt/disk rw,relatime shared:52 - fuseblk /dev/sda1 rw
""".strip()

# A node of a cluster: the root is an overlay, scratch is Lustre, one project is on BeeGFS.
CLUSTER = """
500 400 0:90 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
510 500 0:91 / /scratch rw,relatime - lustre 10.0.0.1@o2ib:/scratch rw,flock
511 510 0:92 / /scratch/local rw,relatime - ext4 /dev/sda3 rw
520 500 0:93 / /project rw,relatime - beegfs beegfs_nodev rw,cfgFile=/etc/beegfs/client.conf
530 500 0:94 / /gpfs/users rw,relatime - gpfs users rw
540 500 0:95 / /data rw,relatime - fuse.glusterfs server:/volume rw
550 500 0:96 / /objects rw,relatime - ceph 10.0.0.2:6789:/ rw
560 500 0:97 / /afs rw,relatime - afs AFS rw
""".strip()

# A virtual machine or WSL, where the host's folders are handed in.
GUEST = """
70 60 0:30 / / rw,relatime - ext4 /dev/vda rw
80 70 0:31 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs
81 70 0:32 / /workspace rw,relatime - virtiofs workspace rw
""".strip()


@pytest.mark.parametrize(
    ("table", "path", "type_", "point"),
    [
        (WORKSTATION, "/etc/passwd", "ext4", "/"),
        (WORKSTATION, "/tmp/optuna.db", "tmpfs", "/tmp"),
        (WORKSTATION, "/tmpfoo/optuna.db", "ext4", "/"),
        (WORKSTATION, "/home/ann/studies/optuna.db", "nfs4", "/home"),
        (WORKSTATION, "/home/ann/scratch/deep/down/optuna.db", "xfs", "/home/ann/scratch"),
        (WORKSTATION, "/home/ann/scratches/optuna.db", "nfs4", "/home"),
        (WORKSTATION, "/mnt/my office\\share/optuna.db", "cifs", "/mnt/my office\\share"),
        (WORKSTATION, "/mnt/lab/optuna.db", "fuse.sshfs", "/mnt/lab"),
        (CLUSTER, "/scratch/ann/optuna.db", "lustre", "/scratch"),
        (CLUSTER, "/scratch/local/optuna.db", "ext4", "/scratch/local"),
    ],
)
def test_the_deepest_mount_point_and_the_last_at_one_place_win(
    table: str, path: str, type_: str, point: str
) -> None:
    mount = mount_of(PurePosixPath(path), read_mountinfo(table))
    assert mount is not None
    assert (mount.type, mount.point) == (type_, PurePosixPath(point))


@pytest.mark.parametrize(
    ("table", "remote"),
    [
        (WORKSTATION, {"/home", "/mnt/my office\\share", "/mnt/lab"}),
        (CLUSTER, {"/scratch", "/project", "/gpfs/users", "/data", "/objects", "/afs"}),
        (GUEST, set()),
    ],
)
def test_file_systems_that_other_machines_write_to_are_remote(table: str, remote: set[str]) -> None:
    # /home stands twice in the first table; the automounter's own is not where files are.
    assert {str(mount.point) for mount in read_mountinfo(table) if mount.is_remote} == remote


def test_lines_that_are_cut_off_are_left_out_and_an_empty_table_has_no_mount() -> None:
    assert read_mountinfo("") == []
    assert read_mountinfo("27 1 259:2 / / rw\n22 27 - ext4\n1 2 3 4 5 -") == []
    assert mount_of(PurePosixPath("/home"), []) is None


def test_a_file_on_this_machine_is_taken(tmp_path: Path) -> None:
    refuse_network_file_system(tmp_path / "not" / "there" / "optuna.db", "storage")


@pytest.mark.parametrize("what", ["storage", "tracking.uri"])
def test_a_file_on_a_server_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    folder = tmp_path.resolve()
    table = f"27 1 259:2 / / rw - ext4 /dev/vda rw\n61 27 0:47 / {folder} rw - nfs4 nas:/a rw"
    monkeypatch.setattr("segexp.core.file_system._mounts", lambda: read_mountinfo(table))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (folder / "studies" / "optuna.db", folder / "link" / "optuna.db"):
        with pytest.raises(InputError) as caught:
            refuse_network_file_system(path, what)
        assert str(caught.value) == (
            f"{what}: {path.resolve()} lies on a network file system (nfs4 at {folder}), where "
            "SQLite databases break; name a file on a local disk, or a PostgreSQL server: "
            "postgresql://USER@HOST/DATABASE"
        )
