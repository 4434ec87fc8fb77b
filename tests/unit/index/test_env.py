"""Opening, growing and sharing the index."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

from store.errors import (
    CorruptObject,
    NetworkFileSystem,
    NotOwner,
    SchemaMismatch,
    StorageError,
    StoreFull,
    StoreReadOnly,
)
from store.index import env as environment
from store.index import filesystem
from store.index.env import Index
from store.index.filesystem import filesystem_of
from store.index.writing import Writer
from store.model.names import ObjectId

SMALL = 64 << 10


def oid(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(20, "big"), f"n{number}")


def register(first: int, last: int) -> Callable[[Writer], None]:
    def work(txn: Writer) -> None:
        for number in range(first, last):
            txn.objects.register(oid(number), [oid(number - 1)] if number > first else [], False, 1)

    return work


def count(index: Index) -> int:
    with index.read() as txn:
        return len(list(txn.objects.all()))


def later(work: Callable[[], None]) -> Callable[[], int]:
    """Fork now, and run ``work`` in the child when called; its exit status, 0 if nothing raised.

    Forked before this process opens the environment: a child with one cannot open it again.
    """
    wait, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(go)
            if os.read(wait, 1):
                work()
            status = 0
        finally:
            os._exit(status)
    os.close(wait)

    def run() -> int:
        os.write(go, b"x")
        os.close(go)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run


@pytest.fixture
def place() -> Iterator[str]:
    """A folder that every user can reach."""
    path = tempfile.mkdtemp(prefix="index-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def test_what_was_written_is_there_when_opened_again(tmp_path: Path) -> None:
    index = Index.open(str(tmp_path))
    index.write(register(1, 4))
    index.close()
    assert count(Index.open(str(tmp_path))) == 3


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    index = Index.open(str(tmp_path))

    def work(txn: Writer) -> None:
        register(1, 4)(txn)
        raise KeyError

    with pytest.raises(KeyError):
        index.write(work)
    assert count(index) == 0


def test_a_map_that_is_full_grows(tmp_path: Path) -> None:
    index = Index.open(str(tmp_path), map_size=SMALL)
    index.write(register(1, 2000))
    assert count(index) == 1999


@pytest.mark.slow
def test_a_map_that_another_process_grew_is_followed(tmp_path: Path) -> None:
    path = str(tmp_path)
    grow = later(lambda: Index.open(path, map_size=SMALL).write(register(1, 2000)))
    again = later(lambda: Index.open(path).write(register(3000, 6000)))
    index = Index.open(path, map_size=SMALL)
    assert grow() == 0
    assert count(index) == 1999
    assert again() == 0
    index.write(register(9000, 9001))
    assert count(index) == 5000


def test_readers_keep_their_snapshot_while_another_process_writes(tmp_path: Path) -> None:
    path = str(tmp_path)

    def write() -> None:
        other = Index.open(path)
        for start in range(10, 100, 10):
            other.write(register(start, start + 5))

    writer = later(write)
    index = Index.open(path)
    index.write(register(1, 3))
    with index.read() as txn:
        assert writer() == 0
        assert len(list(txn.objects.all())) == 2
    assert count(index) == 2 + 9 * 5


def test_a_kill_loses_the_transaction_under_way_and_nothing_else(tmp_path: Path) -> None:
    Index.open(str(tmp_path)).close()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        index = Index.open(str(tmp_path))
        index.write(register(1, 4))

        def stuck(txn: Writer) -> None:
            register(10, 500)(txn)
            os.write(write, b"x")
            signal.pause()

        index.write(stuck)
    os.read(read, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    index = Index.open(str(tmp_path))
    assert count(index) == 3
    index.write(register(20, 22))
    assert count(index) == 5


@pytest.mark.parametrize(
    ("schema", "hint"), [(b"5", "update"), (b"0", "anew"), (b"garbage \xff", "anew"), (b"", "anew")]
)
def test_another_schema_is_refused(tmp_path: Path, schema: bytes, hint: str) -> None:
    Index.open(str(tmp_path)).close()
    raw = lmdb.open(str(tmp_path), max_dbs=1)
    with raw.begin(write=True) as txn:
        txn.put(b"schema", schema, db=raw.open_db(b"meta", txn))
    raw.close()
    with pytest.raises(SchemaMismatch, match="schema") as caught:
        Index.open(str(tmp_path))
    assert caught.value.exit_code == 54
    assert hint in str(caught.value.hint)


def test_a_file_that_is_no_index_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(os.urandom(8192))
    with pytest.raises(CorruptObject, match="damaged"):
        Index.open(str(tmp_path))


@pytest.mark.parametrize("error", [lmdb.BadTxnError, lmdb.NotFoundError, lmdb.PageNotFoundError])
def test_what_follows_a_damaged_page_is_said_to_be_damage(
    tmp_path: Path, error: type[Exception]
) -> None:
    index = Index.open(str(tmp_path))
    with pytest.raises(CorruptObject, match="damaged") as caught, index.read():
        raise error("as LMDB says it")
    assert caught.value.exit_code == 56


def test_a_fork_does_not_use_its_parents_index(tmp_path: Path) -> None:
    index = Index.open(str(tmp_path))

    def use() -> None:
        for attempt in (lambda: count(index), lambda: index.write(register(1, 2))):
            with pytest.raises(StorageError, match="forked"):
                attempt()

    assert later(use)() == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_lets_the_index_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    index = Index.open(str(tmp_path))
    index.write(register(1, 3))
    index.close()
    (tmp_path / "lock.mdb").unlink()

    def full(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", full)
    index = Index.open(str(tmp_path))
    assert count(index) == 2
    with pytest.raises(StoreFull):
        index.write(register(4, 5))
    index.close()


def test_the_lock_file_has_its_room_from_the_start(tmp_path: Path) -> None:
    index = Index.open(str(tmp_path))
    found = (tmp_path / "lock.mdb").stat()
    index.close()
    assert found.st_blocks * 512 >= found.st_size


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


needs_root = pytest.mark.root(reason="becomes another user")


@needs_root
def test_another_user_reads_and_does_not_write(place: str) -> None:
    def visit() -> None:
        become_nobody()
        other = Index.open(place)
        assert count(other) == 3
        with pytest.raises(NotOwner):
            other.check_writable()
        with pytest.raises(NotOwner):
            other.write(register(5, 6))

    visitor = later(visit)
    Index.open(place).write(register(1, 4))
    assert visitor() == 0


@needs_root
def test_another_user_who_reads_while_the_owner_writes_does_not_crash(place: str) -> None:
    read_once, tell = os.pipe()

    def visit() -> None:
        become_nobody()
        other = Index.open(place)
        assert count(other) == 99, "nobody writes yet"
        os.write(tell, b"x")
        # A writer that never rests may overtake every one of these: that is said, and is no crash.
        for _ in range(40):
            try:
                assert count(other) >= 99
            except StorageError as error:
                assert "index" in error.message

    visitor = later(visit)
    os.close(tell)
    index = Index.open(place)
    index.write(register(1, 100))
    status: list[int] = []
    waiting = threading.Thread(target=lambda: status.append(visitor()))
    waiting.start()
    os.read(read_once, 1)  # or the end of the pipe, should the visitor have failed
    number = 1000
    while waiting.is_alive():
        index.write(register(number, number + 10))
        number += 10
    assert status == [0]


@needs_root
def test_an_index_that_is_not_there_is_not_made_for_another(place: str) -> None:
    def visit() -> None:
        become_nobody()
        with pytest.raises(StoreReadOnly):
            Index.open(place)

    assert later(visit)() == 0


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /home rw - nfs4 server:/home rw
31 22 0:26 / /mnt/with\040space rw shared:5 master:2 - 9p host rw
32 31 0:27 / /mnt/with\040space/local rw - xfs /dev/sdb rw
33 22 0:28 / /mnt/ssh rw - fuse.sshfs me@host: rw
34 22 0:29 / /mnt/tab\011\134x rw - cifs //a/b rw
35 22 0:30 / /over rw - ext4 /dev/sdc rw
36 35 0:31 / /over rw - nfs a:/b rw
37 22 0:32 / /mnt/käse rw - ceph a rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/fixpoint/index", "ext4"),
        ("/home/me", "nfs4"),
        ("/homely", "ext4"),
        ("/mnt/with space", "9p"),
        ("/mnt/with space/local/x", "xfs"),
        ("/mnt/with space/locals", "9p"),
        ("/mnt/ssh/x", "fuse.sshfs"),
        ("/mnt/tab\t\\x/y", "cifs"),
        ("/over/x", "nfs"),
        ("/mnt/käse/x", "ceph"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert filesystem_of(path, MOUNTS) == kind


def test_no_mounts_say_nothing() -> None:
    assert filesystem_of("/x", "") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "9p", "cifs", "smb3", "fuse.sshfs", "lustre"])
def test_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(filesystem, "_read", lambda _: f"1 0 0:1 / / rw - {kind} x rw\n")
    with pytest.raises(NetworkFileSystem, match=kind):
        Index.open(str(tmp_path))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "fifo"])
def test_reading_follows_no_link_and_waits_for_nothing(tmp_path: Path, kind: str) -> None:
    real, place = tmp_path / "real", tmp_path / "index"
    real.mkdir()
    Index.open(str(real)).close()
    if kind == "folder":
        place.symlink_to(real)
    else:
        place.mkdir()
        data = place / "data.mdb"
        data.symlink_to(real / "data.mdb") if kind == "file" else os.mkfifo(data)
    with pytest.raises(OSError):
        environment._open_for_reading(str(place), 1 << 20)
    with environment._open_for_reading(str(real), 1 << 20) as opened:
        assert opened.info()["last_txnid"] > 0
