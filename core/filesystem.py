"""Which file system a folder is on, in a form that outlives a restart and a change of drive letters and numbers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

# f_fsid comes from the file system's own UUID on these; xfs, vfat, exfat and others make it of the device number,
# which changes from one plugging-in to the next.
_FSID_IS_LASTING = frozenset(("ext2", "ext3", "ext4", "btrfs", "zfs", "squashfs"))
# Kinds as they stand in /proc/self/mountinfo, and as psutil names them on macOS.
_NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "beegfs", "9p", "webdav"),
        *("davfs", "afpfs", "ftp", "gfs2", "ocfs2", "drvfs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs", "fuse.davfs2"),
        *("fuse.curlftpfs", "fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.onedriver", "fuse.google-drive-ocamlfuse"),
        *("fuse.vmhgfs-fuse", "fuse.cephfs", "fuse.juicefs", "fuse.JuiceFS", "fuse.seafile", "fuse.mountpoint-s3"),
    )
)
# Over these a local disk is seen, and every change to it goes through this computer's kernel.
_LOCAL_FUSE = frozenset(
    ("fuse.ntfs-3g", "fuse.exfat", "fuse.apfs", "fuse.bindfs", "fuse.mergerfs", "fuse.gocryptfs", "fuse.cryfs")
) | {"fuse.encfs", "fuse.veracrypt", "fuse.lowntfs-3g", "fuse.bcachefs", "fuse.zfs"}
# Made up by the kernel: no files of a person's. Reading there may wait for ever, take what others wait for, or tell of
# other programs what they keep to themselves.
_KERNEL = frozenset(
    (
        *("proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs"),
        *("pstore", "efivarfs", "bpf", "fusectl", "binfmt_misc", "mqueue", "hugetlbfs", "rpc_pipefs", "nfsd", "nsfs"),
        *("selinuxfs", "smackfs", "resctrl", "functionfs", "ipathfs", "fuse.lxcfs"),
    )
)
_BY_UUID = b"/dev/disk/by-uuid"
_ESCAPES = ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\"))


@dataclass(frozen=True)
class _Mount:
    point: bytes
    kind: str
    source: bytes


def filesystem_id(folder: bytes) -> str | None:
    """The identity of the file system that holds ``folder``; None where the system tells no lasting one.

    The form is ``scheme:value``; only identities of one scheme can be compared. Raises ``OSError``.
    """
    device = os.stat(folder).st_dev
    if sys.platform == "win32":
        return f"serial:{device:x}"  # there, and only there, st_dev is the volume's serial number
    if sys.platform != "linux":
        return None  # macOS makes both f_fsid and st_dev of the device; an unplugged volume's folder is gone there
    mount = _mount_of(folder)
    if mount is None:
        return None
    if is_network(mount.kind):
        return f"source:{mount.source.decode('utf-8', 'replace')}"
    uuid = _uuid_of(mount.source)
    if uuid is not None:
        return f"uuid:{uuid}"
    if mount.kind in _FSID_IS_LASTING:
        return f"fsid:{os.statvfs(folder).f_fsid:x}"
    return None


def same_filesystem(known: str | None, now: str | None) -> bool:
    """Whether two identities may be one file system's; what cannot be compared counts as the same."""
    if not known or not now or known.split(":", 1)[0] != now.split(":", 1)[0]:
        return True
    return known == now


def kind_of(folder: bytes) -> str | None:
    """The kind of file system that holds ``folder``, as the system names it: ``ext4``, ``fuse.sshfs``, ``smbfs``.

    ``network drive`` on Windows, where only that is told; None where nothing is.
    """
    if sys.platform == "win32":
        return "network drive" if _is_remote_drive(folder) else None
    if sys.platform != "linux":
        return _kind_by_psutil(folder)
    mount = _mount_of(folder)
    return mount.kind if mount is not None else None


def is_network(kind: str | None) -> bool:
    """Whether a kind of ``kind_of`` is known to be a network's, or to be served by another machine."""
    return kind in _NETWORK or kind == "network drive"


def is_kernels(kind: str | None) -> bool:
    """Whether a kind of ``kind_of`` is a view into the kernel, such as /proc, and no place for files."""
    return kind in _KERNEL


def kernel_folders() -> frozenset[bytes]:
    """Where views into the kernel are mounted: /proc and /sys, and those of every other root inside this one."""
    return (
        frozenset(mount.point for mount in _mounts() if is_kernels(mount.kind))
        if sys.platform == "linux"
        else frozenset()
    )


def hides_changes(kind: str | None) -> bool:
    """Whether others may change files there of which this computer's kernel tells nothing.

    Of file systems in user space that are not known, nobody can say where their files are.
    """
    return is_network(kind) or (kind is not None and kind.split(".")[0] == "fuse" and kind not in _LOCAL_FUSE)


def _is_remote_drive(folder: bytes) -> bool:
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(os.path.abspath(os.fsdecode(folder)))[0]
        return drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == 4  # DRIVE_REMOTE
    return False


def _kind_by_psutil(folder: bytes) -> str | None:
    import psutil

    real = os.path.realpath(folder)
    kinds = {os.fsencode(part.mountpoint): str(part.fstype) for part in psutil.disk_partitions(all=True)}
    holding = [point for point in kinds if _holds(point, real)]
    return kinds[max(holding, key=len)] if holding else None


def _mount_of(folder: bytes) -> _Mount | None:
    """The innermost mount that holds ``folder``. Matched by path, because btrfs invents device numbers."""
    real = os.path.realpath(folder)
    # The latest first: of two mounts on one point it is the one that is seen.
    holding = [mount for mount in reversed(_mounts()) if _holds(mount.point, real)]
    return max(holding, key=lambda mount: len(mount.point), default=None)


def _holds(point: bytes, path: bytes) -> bool:
    return point == b"/" or path == point or path.startswith(point + b"/")


def _mounts() -> list[_Mount]:
    """The lines of ``/proc/self/mountinfo`` (proc(5)): ... mount-point options [tags] - kind source options."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        left, _, right = line.partition(b" - ")
        fields, tail = left.split(b" "), right.split(b" ")
        if len(fields) > 4 and len(tail) > 1:
            found.append(_Mount(_unescape(fields[4]), tail[0].decode("ascii", "replace"), _unescape(tail[1])))
    return found


def _unescape(text: bytes) -> bytes:
    for code, character in _ESCAPES:
        text = text.replace(code, character)
    return text


def _uuid_of(source: bytes) -> str | None:
    """The UUID of a block device, from the links that udev makes."""
    if not source.startswith(b"/dev/"):
        return None
    device = os.path.realpath(source)
    try:
        for name in os.listdir(_BY_UUID):
            if os.path.realpath(os.path.join(_BY_UUID, name)) == device:
                return os.fsdecode(name)
    except OSError:
        return None
    return None
