"""The file system that an index stands on: LMDB's shared memory works on local ones alone."""

from __future__ import annotations

import os

from store.errors import NetworkFileSystem

_NETWORK = (
    *("nfs", "cifs", "smb", "9p", "afs", "ceph", "gfs", "lustre", "ncpfs", "davfs", "beegfs"),
    *("fuse.sshfs", "fuse.ceph", "fuse.gluster", "fuse.s3fs", "fuse.rclone", "fuse.davfs"),
)


def refuse_network(path: str) -> None:
    """Raise NetworkFileSystem when ``path`` lies on one."""
    kind = filesystem_of(os.path.realpath(path), _read("/proc/self/mountinfo"))
    if kind is not None and kind.startswith(_NETWORK):
        raise NetworkFileSystem(
            f"{path} lies on a network file system ({kind}), where the index is not safe",
            hint="choose a local disk with --root or $STORE_ROOT",
        )


def filesystem_of(path: str, mountinfo: str) -> str | None:
    """Return the type of the file system that holds ``path``, from the text of a mountinfo file."""
    best, kind = -1, None
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) < 5 or "-" not in fields[5:-1]:
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # The last of several mounts on one point is the one that is seen.
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-", 5) + 1]
    return kind


def _unescaped(text: str) -> str:
    """Return the path without the escapes of a mountinfo file: a backslash and three octal digits
    for a space, tab, newline or backslash."""
    if "\\" not in text:
        return text
    import re

    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""
