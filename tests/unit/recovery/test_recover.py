"""The index made anew: from nothing, from ruins, around damage, and taken back from a copy."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import Busy, CorruptObject, NoStore, StorageError, UnknownObject
from store.index.env import Index
from store.index.records import MARK, Scan, framed
from store.index.schema import ObjectEntry
from store.layout.paths import Layout
from store.local.store import Store
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.objects.ingest import ingest
from store.recovery.backup import backup
from store.recovery.recover import Rebuilt, rebuild, restore
from store.verify.index_check import check_index
from tests.amounts import example_count
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE
from tests.unit.index.test_env import later

NODE, KEY = DERIVATION.digest, RESOLVED.digest


@dataclass
class Kept:
    """A store with three objects, the second of which needs the first, and what it knew."""

    layout: Layout
    ids: list[ObjectId]
    link: Path

    def known(self) -> list[object]:
        """All that a user can ask of it, but for times."""
        store = Store.open(self.layout.root)
        try:
            return [
                store.objects.all(),
                [store.objects.references(oid) for oid, _ in store.objects.all()],
                [store.objects.referrers(oid) for oid, _ in store.objects.all()],
                store.realisations.all(),
                [(root.name, root.path, root.holds) for root in store.roots.all()],
                store.realisations.node(KEY),
                store.realisations.node(NODE),
                store.realisations.expected_seconds(RESOLVED.name),
                store.realisations.source_verified(SOURCE.sha256, SOURCE.locators),
                check_index(store),
            ]
        finally:
            store.close()


def add(store: Store, content: str, name: str, references: list[ObjectId]) -> Manifest:
    path = f"{store.layout.tmp}/made"
    Path(path).write_text(content + "".join(map(str, references)))
    manifest = ingest(store.layout.root, path, name, candidates=references)
    os.unlink(path)
    return manifest


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    store = Store.open(str(tmp_path / "root"))
    first = add(store, "first", "first", [])
    second = add(store, "second", RESOLVED.name, [first.id])
    third = add(store, "third", SOURCE.name, [])
    store.objects.register([first, third])
    made = Made("out", second.id, second.references, False, second.size)
    store.realisations.record_nodes(DERIVATION, RESOLVED, SOURCE)
    store.realisations.register(NODE, KEY, RESOLVED, Result((made,), "full", 1, 2.5))
    fetched = Made("out", third.id, (), False, third.size)
    result = Result((fetched,), "fetch", 1, 0.5, locator=SOURCE.locators[0])
    store.realisations.register(SOURCE.digest, SOURCE.digest, SOURCE, result)
    store.roots.add("gone", third.id)
    store.roots.add("kept", first.id)
    store.roots.link(str(tmp_path / "link"), second.id)
    store.roots.remove("gone")
    store.close()
    return Kept(store.layout, [first.id, second.id, third.id], tmp_path / "link")


def lose(layout: Layout) -> None:
    shutil.rmtree(layout.index)


def empty(layout: Layout) -> None:
    os.truncate(f"{layout.index}/data.mdb", 0)


def cut(layout: Layout) -> None:
    os.truncate(f"{layout.index}/data.mdb", 8192 + 100)


def scramble(layout: Layout) -> None:
    size = os.stat(f"{layout.index}/data.mdb").st_size
    Path(f"{layout.index}/data.mdb").write_bytes(bytes(range(1, 256)) * (size // 255))


def scramble_pages(layout: Layout) -> None:
    """The head stays: a program that opens it believes that all is well."""
    with open(f"{layout.index}/data.mdb", "r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(8192)
        stream.write(b"\x5a" * (size - 8192))


@pytest.mark.parametrize("ruin", [lose, empty, cut, scramble, scramble_pages])
def test_whatever_became_of_the_old_index_all_is_known_again(
    kept: Kept, ruin: Callable[[Layout], None]
) -> None:
    before = kept.known()
    assert before[-1] == []
    ruin(kept.layout)
    done = rebuild(kept.layout)
    assert done.old is not None
    assert (done.survey.damaged, done.survey.incomplete) == ([], [])
    assert (done.replay.realisations, done.replay.roots, done.replay.unread) == (2, 2, 0)
    assert done.replay.lost_roots == []
    assert kept.known() == before


@pytest.mark.parametrize("ruin", [lose, empty])
def test_a_store_without_its_index_is_not_taken_for_an_empty_one(
    kept: Kept, ruin: Callable[[Layout], None]
) -> None:
    ruin(kept.layout)
    with pytest.raises(CorruptObject, match="is missing") as caught:
        Store.open(kept.layout.root)
    assert "index rebuild" in str(caught.value.hint)


def test_a_sound_old_index_gives_its_times_and_stays_beside_the_new_one(kept: Kept) -> None:
    store = Store.open(kept.layout.root)
    store.index.write(lambda txn: txn.times.note_used(kept.ids[:1], 10**9))
    store.index.write(lambda txn: txn.times.note_verified(kept.ids[1:2], 10**9 + 1))
    store.close()
    before = Path(f"{kept.layout.index}/data.mdb").read_bytes()
    assert rebuild(kept.layout).old is None
    store = Store.open(kept.layout.root)
    with store.index.read() as txn:
        assert txn.times.last_used(txn.objects.known(kept.ids[0])) == 10**9
        assert txn.times.last_verified(txn.objects.known(kept.ids[1])) == 10**9 + 1
    aside = [path for path in Path(kept.layout.index).iterdir() if "replaced-" in path.name]
    assert sorted(path.suffix for path in aside) == [".mdb", ".records"]
    assert before in [path.read_bytes() for path in aside]


def test_an_index_older_than_the_record_file_is_taken_over(kept: Kept) -> None:
    before = kept.known()
    os.unlink(kept.layout.records)
    assert rebuild(kept.layout).old is None
    assert kept.known() == before


def test_a_damaged_object_is_told_and_left_out_with_what_needs_it(kept: Kept) -> None:
    first, second, third = kept.ids
    path = kept.layout.object(first)
    os.chmod(path, 0o644)
    with open(path, "r+b") as stream:
        stream.write(b"F")
    lose(kept.layout)
    done = rebuild(kept.layout)
    assert [item.name for item in done.survey.damaged] == [str(first)]
    assert [item.name for item in done.survey.incomplete] == [str(second)]
    assert sorted(done.replay.lost_roots) == [(str(kept.link), str(second)), ("kept", str(first))]
    store = Store.open(kept.layout.root)
    assert [oid for oid, _ in store.objects.all()] == [third]
    assert os.path.exists(path)
    assert os.path.exists(kept.layout.object(second))
    assert check_index(store) == []


def test_roots_of_an_object_that_was_not_whole_are_back_when_it_is(kept: Kept) -> None:
    before = kept.known()
    manifest = kept.layout.manifest(kept.ids[0])
    os.rename(manifest, f"{manifest}.away")
    assert len(rebuild(kept.layout).replay.lost_roots) == 2
    os.rename(f"{manifest}.away", manifest)
    assert rebuild(kept.layout).replay.lost_roots == []
    assert kept.known() == before


def test_only_an_old_index_that_cannot_be_read_is_gone_without(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = errno.EMFILE

    def refuse(*_: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("store.index.rebuilding.shutil.copyfile", refuse)
    before = kept.known()
    with pytest.raises(StorageError, match="Too many open files"):
        rebuild(kept.layout)
    number = errno.EIO
    assert rebuild(kept.layout).old == "reading it failed: Input/output error"
    assert kept.known() == before


def test_bytes_that_changed_behind_an_unchanged_face_are_found_when_asked_for(kept: Kept) -> None:
    path = kept.layout.object(kept.ids[2])
    os.chmod(path, 0o644)
    with open(path, "r+b") as stream:
        stream.write(b"T")
    os.chmod(path, 0o444)
    os.utime(path, ns=(10**9, 10**9))
    assert rebuild(kept.layout).survey.damaged == []
    done = rebuild(kept.layout, contents=True)
    assert [item.name for item in done.survey.damaged] == [str(kept.ids[2])]


def test_what_is_no_object_is_told_and_nobodys_loss(kept: Kept) -> None:
    (Path(kept.layout.objects) / "x.lock").write_text("hello")
    (Path(kept.layout.objects) / "folder").mkdir()
    shutil.copytree(f"{kept.layout.objects}", f"{kept.layout.objects}/{'0' * 32}-alone")
    done = rebuild(kept.layout)
    assert {item.name: item.why.split(":")[0] for item in done.survey.damaged} == {
        "0" * 32 + "-alone": "its manifest cannot be read",
    }
    assert done.survey.foreign == ["folder", "x.lock"]
    assert len(done.survey.sound) == 3


def test_a_damaged_record_costs_itself_alone(kept: Kept) -> None:
    data = bytearray(Path(kept.layout.records).read_bytes())
    data[40] ^= 1  # within the first node
    Path(kept.layout.records).write_bytes(data + b"\xf1xp\x01\0\0")  # and a frame that was cut
    lose(kept.layout)
    done = rebuild(kept.layout)
    assert done.skipped > 6
    assert (done.replay.realisations, done.replay.roots) == (2, 2)
    assert rebuild(kept.layout).skipped == 0, "the new file is whole"


def test_what_is_written_after_a_cut_frame_is_read(kept: Kept) -> None:
    with open(kept.layout.records, "ab") as stream:
        stream.write(b"\xf1xp\x01\0\0\0\xff" + b"half")
    store = Store.open(kept.layout.root)
    store.roots.add("later", kept.ids[0])
    store.close()
    lose(kept.layout)
    assert rebuild(kept.layout).replay.roots == 3


def test_while_others_use_the_index_it_stays(kept: Kept) -> None:
    started, finish = os.pipe(), os.pipe()

    def use() -> None:
        store = Store.open(kept.layout.root)
        os.write(started[1], b"x")
        os.read(finish[0], 1)
        store.close()

    user = os.fork()
    if user == 0:
        use()
        os._exit(0)
    os.read(started[0], 1)
    with pytest.raises(Busy, match="in use"):
        rebuild(kept.layout)
    os.write(finish[1], b"x")
    assert os.waitpid(user, 0)[1] == 0
    rebuild(kept.layout)


def await_helpers(layout: Layout) -> None:
    """Wait for the end of the processes that helped one that was killed; they die with it."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(Busy):
            Store.open(layout.root).close()
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_index(kept: Kept) -> None:
    before = kept.known()
    survived = 0
    for delay in range(1, 60, 5):
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, delay / 1000)
                rebuild(kept.layout)
                os._exit(0)
            finally:
                os._exit(1)  # it must not go on as the tests' process
        survived += os.waitpid(pid, 0)[1] == 0
        await_helpers(kept.layout)
        assert kept.known() == before
    assert survived < 12
    rebuild(kept.layout)
    assert kept.known() == before
    assert not [name for name in os.listdir(kept.layout.index) if name.startswith("new-")]


def test_a_copy_is_taken_back_and_knows_what_was_made_since(kept: Kept, tmp_path: Path) -> None:
    store = Store.open(kept.layout.root)
    copy = tmp_path / "copy"
    assert backup(store.index, str(copy)) == copy.stat().st_size
    newer = add(store, "newer", "newer", [])
    store.objects.register([newer])
    store.roots.add("newer", newer.id)
    store.close()
    before = kept.known()
    scramble(kept.layout)
    assert restore(kept.layout, str(copy)).old is None
    assert kept.known() == before


def test_an_object_that_many_refer_to_is_copied(tmp_path: Path) -> None:
    root, place = str(tmp_path / "root"), tmp_path / "copy"
    place.mkdir()
    # In a process of its own: it was LMDB that died of this.
    copy = later(lambda: _copy(root, f"{place}/data.mdb"))
    store = Store.open(root)
    ids = [ObjectId(number.to_bytes(20, "big"), "many") for number in range(5000)]
    entries = [
        ObjectEntry(oid, ids[:1] if number else (), False, 1) for number, oid in enumerate(ids)
    ]
    store.index.write(lambda txn: txn.objects.register_all(entries))
    store.close()
    assert copy() == 0
    index = Index.open(str(place))
    with index.read() as txn:
        assert set(txn.graph.referrers(ids[0])) == set(ids[1:])
        assert txn.objects.count() == len(ids)
    index.close()


def _copy(root: str, path: str) -> None:
    store = Store.open(root)
    backup(store.index, path)
    store.close()


@pytest.mark.slow
@settings(
    max_examples=example_count(40), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_copy_that_is_damaged_is_refused_or_what_it_tells_is_sound(
    kept: Kept, tmp_path: Path, data: st.DataObject
) -> None:
    """Cut, flipped, filled with other bytes, or another's altogether."""
    copy, damaged = tmp_path / "copy", tmp_path / "damaged"
    if not copy.exists():
        assert later(lambda: _copy(kept.layout.root, str(copy)))() == 0
    whole = copy.read_bytes()
    damaged.write_bytes(data.draw(damages(whole)))
    index = Path(f"{kept.layout.index}/data.mdb")
    before, names = index.read_bytes(), sorted(os.listdir(kept.layout.index))
    try:
        done = restore(kept.layout, str(damaged))
    except CorruptObject as error:
        assert "cannot be taken back" in error.message
        assert index.read_bytes() == before
        assert sorted(os.listdir(kept.layout.index)) == names
    else:
        # Objects come from the disk, and what the copy does not tell the record file does.
        assert not done.survey.damaged
        assert not done.survey.incomplete
        assert len(done.survey.sound) == 3
        for name in os.listdir(kept.layout.index):
            if name.startswith("replaced-"):
                os.unlink(f"{kept.layout.index}/{name}")
    known = kept.known()
    assert known[0] == [(oid, size) for oid, size in known[0] if oid in kept.ids]  # type: ignore[attr-defined]
    assert known[-1] == []


def damages(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file's bytes, damaged."""
    at = st.integers(0, len(whole) - 1)
    page = st.integers(0, len(whole) // 4096 - 1)
    cut = at.map(lambda end: whole[:end])
    flipped = st.lists(at, min_size=1, max_size=20).map(lambda places: _flip(whole, places))
    filled = st.builds(lambda number, byte: _fill(whole, number, byte), page, st.binary(min_size=1))
    moved = st.builds(lambda one, two: _move(whole, one, two), page, page)
    return cut | flipped | filled | moved | st.binary(max_size=20_000)


def _flip(whole: bytes, places: list[int]) -> bytes:
    changed = bytearray(whole)
    for place in places:
        changed[place] ^= 1 << place % 8
    return bytes(changed)


def _fill(whole: bytes, page: int, text: bytes) -> bytes:
    start = page * 4096
    return whole[:start] + (text * 4096)[:4096] + whole[start + 4096 :]


def _move(whole: bytes, source: int, target: int) -> bytes:
    page = whole[source * 4096 : source * 4096 + 4096]
    return whole[: target * 4096] + page + whole[target * 4096 + 4096 :]


def test_what_is_no_copy_is_refused_and_changes_nothing(kept: Kept, tmp_path: Path) -> None:
    before = Path(f"{kept.layout.index}/data.mdb").read_bytes()
    copy = tmp_path / "copy"
    with pytest.raises(UnknownObject):
        restore(kept.layout, str(copy))
    for content in (b"", b"garbage" * 5000, before[:9000]):
        copy.write_bytes(content)
        with pytest.raises(CorruptObject, match="cannot be taken back"):
            restore(kept.layout, str(copy))
    assert Path(f"{kept.layout.index}/data.mdb").read_bytes() == before


@pytest.mark.slow
def test_copies_made_while_others_write_are_of_one_moment(kept: Kept, tmp_path: Path) -> None:
    def write() -> None:
        store = Store.open(kept.layout.root)
        for number in range(10**6):
            # Both or neither, in every copy.
            store.index.write(
                lambda txn, n=number: (  # type: ignore[misc]
                    txn.roots.put("one", kept.ids[n % 3]),
                    txn.roots.put("two", kept.ids[n % 3]),
                )
            )

    go = os.fork()
    if go == 0:
        write()
        os._exit(1)
    try:
        store = Store.open(kept.layout.root)
        seen = set()
        for number in range(12):
            place = tmp_path / str(number)
            place.mkdir()
            backup(store.index, str(place / "data.mdb"))
            seen.add(later(lambda place=place: _agree(place))())  # type: ignore[misc]
        store.close()
    finally:
        os.kill(go, signal.SIGKILL)
        os.waitpid(go, 0)
    assert seen == {0}


def _agree(place: Path) -> None:
    from store.index.env import Index

    index = Index.open(str(place))
    with index.read() as txn:
        roots = txn.roots.all()
        one, two = (roots[name].id if name in roots else None for name in ("one", "two"))
        assert one == two
        assert txn.objects.count() == 3
    index.close()


def test_without_a_store_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="no store"):
        rebuild(Layout(str(tmp_path / "nowhere")))
    assert not list(tmp_path.iterdir())


def test_the_report_says_what_it_is_about(kept: Kept) -> None:
    done = rebuild(kept.layout)
    assert isinstance(done, Rebuilt)
    assert [entry.id for entry in done.survey.sound].index(kept.ids[0]) < [
        entry.id for entry in done.survey.sound
    ].index(kept.ids[1])


def put_fifo(path: str) -> None:
    os.mkfifo(path)


def put_endless(path: str) -> None:
    os.symlink("/dev/zero", path)


@pytest.mark.parametrize("put", [put_fifo, put_endless, os.mkdir])
@pytest.mark.parametrize("name", ["records", "index/data.mdb", "index/lock.mdb"])
def test_what_is_no_file_is_set_aside_and_waited_for_by_nobody(
    kept: Kept, name: str, put: Callable[[str], None]
) -> None:
    before = kept.known()
    path = f"{kept.layout.root}/{name}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    put(path)
    rebuild(kept.layout)
    assert kept.known() == before
    assert os.path.isfile(f"{kept.layout.index}/data.mdb")
    assert os.path.isfile(kept.layout.records)


@pytest.mark.parametrize("put", [put_fifo, put_endless])
def test_a_record_file_that_is_no_file_holds_up_no_transaction(
    kept: Kept, put: Callable[[str], None]
) -> None:
    os.unlink(kept.layout.records)
    put(kept.layout.records)
    store = Store.open(kept.layout.root)
    store.roots.add("new", kept.ids[0])
    assert not os.path.lexists(kept.layout.records)
    store.roots.add("newer", kept.ids[0])
    assert os.path.isfile(kept.layout.records)


def shared_pages(layout: Layout) -> None:
    """Each large node is, by the pages that the index has for it, the largest of all."""
    large_one = tuple((f"key{n}", "v" * 100_000) for n in range(9))
    env = [large_one if n == 0 else (("key", "v" * 3000),) for n in range(300)]
    nodes = [replace(RESOLVED, name=f"n{n}", env=pairs) for n, pairs in enumerate(env)]
    store = Store.open(layout.root)
    store.realisations.record_nodes(*nodes)
    store.close()
    with open(f"{layout.index}/data.mdb", "r+b") as stream:
        data = bytearray(stream.read())
        # Before a key: the size of its value (4 bytes), 1 if that has pages of its own, and 32.
        heads = [b"\1\0\x20\0" + node.digest for node in nodes]
        large = data.index(heads[0]) + 4
        size, page = data[large - 8 : large - 4], data[large + 32 : large + 40]
        for head in heads[1:]:
            for found in re.finditer(re.escape(head), bytes(data)):
                at = found.start() + 4
                data[at - 8 : at - 4] = size
                data[at + 32 : at + 40] = page
        stream.seek(0)
        stream.write(data)


@pytest.mark.slow
def test_an_old_index_that_tells_the_same_again_and_again_is_left(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "root"))
    shared_pages(layout)
    assert rebuild(layout).old == "it repeats the same records without end"


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 60, 1 << 20, 1 << 30])
def test_a_record_file_of_marks_alone_is_read_in_time(tmp_path: Path, length: int) -> None:
    frame = MARK + length.to_bytes(4, "big") + bytes(16)
    sound = framed(["unroot", b"gone"])
    (tmp_path / "records").write_bytes(frame * (80_000) + sound)
    began = time.process_time()
    found = list(Scan(str(tmp_path / "records")).records())
    assert found in ([], [["unroot", b"gone"]])
    assert time.process_time() - began < 5
