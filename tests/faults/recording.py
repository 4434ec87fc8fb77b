"""From strace's output to changes of a disk: the work of a command, call by call, with all data."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tests.faults import disk
from tests.faults.disk import Attributes, Inode, Inodes, Make, Names, Resize, Said, Sync, Write
from tests.faults.tracing import HANDLE, Call, calls, path_of, strings, unhex

CALLS = (
    *("open", "openat", "creat", "lseek", "dup", "dup2", "dup3", "write", "writev", "pwrite64"),
    *("pwritev", "pwritev2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename"),
    *("renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "ftruncate", "truncate"),
    *("fallocate", "chmod", "fchmod", "fchmodat", "utimensat", "fsync", "fdatasync", "syncfs"),
    *("sync", "copy_file_range", "sendfile", "msync", "sync_file_range"),
)
OPTIONS = ("-y", "-xx", "-s", str(2 << 20), "-e", f"trace={','.join(CALLS)}")
"""The options of strace: paths of descriptors, all bytes of strings, in hex."""

RESERVE, RESERVE_NAMES = "reserve", "reserve-names"
"""A file in the index's folder that only takes room; it is left out, for speed."""

STREAMS = ("out", "err")
SKIPPED = frozenset((*STREAMS, "trace"))

_OFFSET = re.compile(r"\[(\d+)\]")
_SECONDS = re.compile(r"tv_sec=(\d+), tv_nsec=(\d+)")


class Recorder:
    """Follows calls through a model of the disk below ``top``, and keeps the changes.

    Whatever lies in a work folder (``tmp/work-…``) is left out: builders see it under other paths,
    and it is worthless after a cut.
    """

    def __init__(self, top: Path, before: Inodes) -> None:
        self._top = str(top)
        self._now = disk.after(before, ())
        self._next = max(before) + 1
        self._places: dict[tuple[int, int], list[int]] = {}
        self._synced: dict[tuple[int, int], bool] = {}
        self._ends: list[int] = []
        self.events: list[disk.Event] = []

    def follow(self, trace: str) -> None:
        """Take in a whole trace."""
        for call in calls(trace):
            take = getattr(self, f"_{call.name}", None)
            if take is None:
                raise NotImplementedError(f"{call.name} is not modelled: {call.args}")
            take(call)
            self._ends.append(len(self.events))

    def _note(self, event: disk.Event) -> None:
        disk.apply(self._now, event)
        self.events.append(event)

    # -- where a path leads --

    def _inside(self, path: str) -> list[str] | None:
        """The parts below the top; None for a path elsewhere, or one that is left out."""
        if path == self._top:
            return []
        if not path.startswith(self._top + "/"):
            return None
        parts = [part for part in path[len(self._top) + 1 :].split("/") if part not in ("", ".")]
        assert ".." not in parts, path
        if parts[1:2] == ["index"] and parts[2:3] in ([RESERVE], [RESERVE_NAMES]):
            return None
        if parts[1:2] == ["tmp"] and len(parts) > 3 and parts[2].startswith("work-"):
            return None
        return parts

    def _whole(self, folder: str, name: str) -> str:
        if name.startswith("/"):
            return name
        match = HANDLE.match(folder)
        assert match, folder
        if name == "..":
            return os.path.dirname(unhex(match[2]))
        return f"{unhex(match[2])}/{name}"

    def _find(self, path: str) -> int | None:
        parts = self._inside(path)
        ino: int | None = disk.TOP
        for part in parts or ():
            ino = None if ino is None else self._now[ino].entries.get(part)
        return ino if parts is not None else None

    def _entry(self, path: str) -> tuple[int, str] | None:
        """The folder's inode and the last part."""
        parts = self._inside(path)
        if not parts:
            return None
        folder = self._find(self._top + "/" + "/".join(parts[:-1])) if parts[1:] else disk.TOP
        assert folder is not None, path
        return folder, parts[-1]

    def _handle(self, text: str) -> tuple[int, str, int | None]:
        """A descriptor's number, path, and inode below the top."""
        match = HANDLE.match(text)
        if not match:
            return int(text.partition("<")[0]), "", None
        path = unhex(match[2])
        number = -1 if match[1] == "AT_FDCWD" else int(match[1])
        return number, path, None if match[3] or "(deleted)" in path else self._find(path)

    # -- opening --

    def _openat(self, call: Call) -> None:
        self._opened(call, self._whole(call.args[0], path_of(call.args[1])), call.args[2])

    def _open(self, call: Call) -> None:
        self._opened(call, path_of(call.args[0]), call.args[1])

    def _creat(self, call: Call) -> None:
        self._opened(call, path_of(call.args[0]), "O_CREAT|O_TRUNC")

    def _opened(self, call: Call, path: str, flags: str) -> None:
        key = (call.pid, call.result)
        self._places[key] = [0]
        self._synced[key] = "O_DSYNC" in flags or "O_SYNC" in flags
        entry = self._entry(path)
        if entry is None:
            return
        if "O_TMPFILE" in flags:
            raise NotImplementedError("O_TMPFILE is not modelled")
        ino = self._now[entry[0]].entries.get(entry[1])
        if ino is None and "O_CREAT" in flags:
            mode = int(call.args[-1], 8) & ~0o022
            ino = self._make(Inode(stat.S_IFREG, mode), entry)
        elif ino is not None and "O_TRUNC" in flags and self._now[ino].data:
            self._note(Resize(ino, 0))
        if ino is not None and "O_APPEND" in flags:
            self._places[key] = [len(self._now[ino].data)]

    def _make(self, inode: Inode, entry: tuple[int, str]) -> int:
        ino, self._next = self._next, self._next + 1
        self._note(Make(ino, inode))
        self._note(Names(((*entry, ino),)))
        return ino

    def _lseek(self, call: Call) -> None:
        self._places[call.pid, self._handle(call.args[0])[0]] = [call.result]

    def _dup(self, call: Call) -> None:
        old = (call.pid, self._handle(call.args[0])[0])
        self._places[call.pid, call.result] = self._places.get(old, [-1])
        self._synced[call.pid, call.result] = self._synced.get(old, False)

    _dup2 = _dup3 = _dup

    # -- bytes --

    def _write(self, call: Call) -> None:
        number, path, ino = self._handle(call.args[0])
        data = strings(call.args[1])[: call.result]
        for stream in STREAMS:
            if path == f"{self._top}/{stream}":
                self._note(Said(stream, data.decode("utf-8", "replace")))
                return
        if ino is None:
            return
        place = self._places.setdefault((call.pid, number), [-1])
        offset = place[0] if place[0] >= 0 else len(self._now[ino].data)
        self._written(call, number, ino, offset, data)
        place[0] = offset + len(data)

    _writev = _write

    def _pwrite64(self, call: Call) -> None:
        number, _, ino = self._handle(call.args[0])
        if ino is not None:
            data = strings(call.args[1])[: call.result]
            self._written(call, number, ino, int(call.args[3]), data)

    _pwritev = _pwritev2 = _pwrite64

    def _sendfile(self, call: Call) -> None:
        number, _, ino = self._handle(call.args[0])
        if ino is None or call.result == 0:
            return
        source, start = self._handle(call.args[1])[2], _OFFSET.match(call.args[2])
        assert source is not None and start, call
        first = int(start[1])
        data = self._now[source].data[first : first + call.result]
        place = self._places[call.pid, number]
        self._written(call, number, ino, place[0], data)
        place[0] += call.result

    def _written(self, call: Call, number: int, ino: int, offset: int, data: bytes) -> None:
        assert len(data) == call.result, "strace was told to show all data"
        self._note(Write(ino, offset, data))
        if self._synced.get((call.pid, number)):
            self._note(Sync(frozenset((len(self.events) - 1,))))

    def _ftruncate(self, call: Call) -> None:
        ino = self._handle(call.args[0])[2]
        if ino is not None:
            self._note(Resize(ino, int(call.args[1])))

    def _truncate(self, call: Call) -> None:
        ino = self._find(path_of(call.args[0]))
        if ino is not None:
            self._note(Resize(ino, int(call.args[1])))

    def _fallocate(self, call: Call) -> None:
        ino = self._handle(call.args[0])[2]
        if ino is not None:
            assert call.args[1] == "0", call
            size = int(call.args[2]) + int(call.args[3])
            self._note(Resize(ino, max(size, len(self._now[ino].data))))

    # -- names --

    def _make_at(self, path: str, inode: Inode) -> None:
        entry = self._entry(path)
        if entry is not None:
            self._make(inode, entry)

    def _mkdir(self, call: Call) -> None:
        self._make_at(path_of(call.args[0]), _folder(call.args[1]))

    def _mkdirat(self, call: Call) -> None:
        self._make_at(self._whole(call.args[0], path_of(call.args[1])), _folder(call.args[2]))

    def _symlink(self, call: Call) -> None:
        link = Inode(stat.S_IFLNK, 0o777, data=strings(call.args[0]))
        self._make_at(path_of(call.args[1]), link)

    def _symlinkat(self, call: Call) -> None:
        link = Inode(stat.S_IFLNK, 0o777, data=strings(call.args[0]))
        self._make_at(self._whole(call.args[1], path_of(call.args[2])), link)

    def _remove(self, path: str) -> None:
        entry = self._entry(path)
        if entry is not None:
            self._note(Names(((*entry, None),)))

    def _unlink(self, call: Call) -> None:
        self._remove(path_of(call.args[0]))

    _rmdir = _unlink

    def _unlinkat(self, call: Call) -> None:
        self._remove(self._whole(call.args[0], path_of(call.args[1])))

    def _linked(self, old: str, new: str) -> None:
        source, entry = self._find(old), self._entry(new)
        if entry is not None:
            assert source is not None, (old, new)
            self._note(Names(((*entry, source),)))

    def _link(self, call: Call) -> None:
        self._linked(path_of(call.args[0]), path_of(call.args[1]))

    def _linkat(self, call: Call) -> None:
        old = self._whole(call.args[0], path_of(call.args[1]))
        self._linked(old, self._whole(call.args[2], path_of(call.args[3])))

    def _renamed(self, old: str, new: str) -> None:
        source, target = self._entry(old), self._entry(new)
        if source is None and target is None:
            return
        assert source is not None and target is not None, (old, new)
        ino = self._now[source[0]].entries[source[1]]
        self._note(Names(((*source, None), (*target, ino))))

    def _rename(self, call: Call) -> None:
        self._renamed(path_of(call.args[0]), path_of(call.args[1]))

    def _renameat(self, call: Call) -> None:
        old = self._whole(call.args[0], path_of(call.args[1]))
        self._renamed(old, self._whole(call.args[2], path_of(call.args[3])))

    def _renameat2(self, call: Call) -> None:
        if "RENAME_EXCHANGE" not in call.args[4]:
            self._renameat(call)
            return
        one = self._entry(self._whole(call.args[0], path_of(call.args[1])))
        two = self._entry(self._whole(call.args[2], path_of(call.args[3])))
        assert one is not None and two is not None, call
        first, second = (self._now[folder].entries[name] for folder, name in (one, two))
        self._note(Names(((*one, second), (*two, first))))

    # -- attributes --

    def _attribute(self, ino: int | None, mode: int | None, mtime: int | None = None) -> None:
        if ino is not None and (mode is not None or mtime is not None):
            self._note(Attributes(ino, mode, mtime))

    def _chmod(self, call: Call) -> None:
        self._attribute(self._find(path_of(call.args[0])), int(call.args[1], 8))

    def _fchmod(self, call: Call) -> None:
        self._attribute(self._handle(call.args[0])[2], int(call.args[1], 8))

    def _fchmodat(self, call: Call) -> None:
        path = self._whole(call.args[0], path_of(call.args[1]))
        self._attribute(self._find(path), int(call.args[2], 8))

    def _utimensat(self, call: Call) -> None:
        times = _SECONDS.findall(call.args[2])
        if call.args[1] == "NULL":
            ino = self._handle(call.args[0])[2]
        else:
            ino = self._find(self._whole(call.args[0], path_of(call.args[1])))
        if len(times) == 2:
            self._attribute(ino, None, int(times[1][0]) * 10**9 + int(times[1][1]))

    # -- syncing --

    def _sync_of(self, call: Call, ino: int | None, *, data_only: bool) -> None:
        if ino is None:
            return
        ended = self._ends[call.began - 1] if call.began else 0
        lasting = (
            number
            for number, event in enumerate(self.events[:ended])
            if disk.touches(event, ino, data_only=data_only)
        )
        self._note(Sync(frozenset(lasting)))

    def _fsync(self, call: Call) -> None:
        self._sync_of(call, self._handle(call.args[0])[2], data_only=False)

    def _fdatasync(self, call: Call) -> None:
        self._sync_of(call, self._handle(call.args[0])[2], data_only=True)

    def _syncfs(self, call: Call) -> None:
        ended = self._ends[call.began - 1] if call.began else 0
        everything = (n for n in range(ended) if not isinstance(self.events[n], Sync | Said))
        self._note(Sync(frozenset(everything)))

    _sync = _syncfs


def _folder(mode: str) -> Inode:
    return Inode(stat.S_IFDIR, int(mode, 8) & ~0o022)
