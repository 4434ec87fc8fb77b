"""An index of schema 1 becomes one of the present schema, whole or not at all."""

from __future__ import annotations

import lzma
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmdb
import pytest

from store import canon
from store.canon import Value
from store.errors import Busy, CorruptObject, SchemaMismatch
from store.index import holder, migration
from store.index.env import Index
from store.index.schema import SCHEMA
from store.model.names import ObjectId
from store.model.origin import BUILT, KEPT
from store.system.machine import host_name, user_name
from tests.golden.examples import DERIVATION, REALISATION, RESOLVED, SOURCE
from tests.unit.index.test_env import become_nobody, later, needs_root, place

__all__ = ["place"]

OLD_TABLES: dict[str, dict[str, bool]] = {
    **{name: {} for name in ("meta", "ids", "objects", "references", "nodes", "realisations")},
    **{name: {} for name in ("outcomes", "roots", "leases", "sources", "history")},
    "referrers": {"dupsort": True, "dupfixed": True},
    "makers": {"dupsort": True},
}
MADE = replace(REALISATION, object=ObjectId(b"\x02" * 20, "n2"))
KEPT_MADE = replace(MADE, origin=KEPT)


def old_index(path: str, *, objects: int = 3, lease: tuple[int, int] = (0, 0)) -> None:
    """Write an index of schema 1: a chain of objects, the second of them made here."""
    raw = lmdb.open(path, max_dbs=20, map_size=64 << 20)
    key = MADE.key + MADE.output.encode() + b"\0" + MADE.digest()[:8]
    with raw.begin(write=True) as txn:
        table = {
            name: raw.open_db(name.encode(), txn, **flags) for name, flags in OLD_TABLES.items()
        }
        for number in range(1, objects + 1):
            digest = bytes([number]) * 20 if number < 256 else number.to_bytes(20, "big")
            at = number.to_bytes(4, "big")
            txn.put(digest, at, db=table["ids"])
            record: list[Value] = [digest, f"n{number}", number * 10, number == 2, 1000 + number]
            txn.put(at, canon.encode(record), db=table["objects"])
            below = (number - 1).to_bytes(4, "little") if number > 1 else b""
            txn.put(at, below, db=table["references"])
            if number > 1:
                txn.put((number - 1).to_bytes(4, "big"), at, db=table["referrers"])
        txn.put(key, MADE.encode(), db=table["realisations"])
        txn.put((2).to_bytes(4, "big"), key, db=table["makers"])
        txn.put(SOURCE.digest, b"s" + SOURCE.encode(), db=table["nodes"])
        root = canon.encode([b"\x03" * 20, "n3", b"/a/link", 77])
        txn.put(b"link:x", root, db=table["roots"])
        held = canon.encode([*lease, [[b"\x01" * 20, "n1"]]])
        txn.put(b"t" * 16, held, db=table["leases"])
        txn.put(b"hello", canon.encode([5, 6]), db=table["history"])
        txn.put(b"schema", b"1", db=table["meta"])
    raw.close()


WRITTEN = Path(__file__).resolve().parents[2] / "golden" / "index-schema-1.mdb.xz"
"""An index that the last program of schema 1 wrote: 300 objects, of which n refers to n // 2, one
that was made and refers to the last of them, and one record of each other kind."""


def written_index(path: str) -> None:
    Path(f"{path}/data.mdb").write_bytes(lzma.decompress(WRITTEN.read_bytes()))


def numbered(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(20, "big"), f"n{number}")


def oid(number: int) -> ObjectId:
    return ObjectId(bytes([number]) * 20, f"n{number}")


def test_all_that_was_known_is_known(tmp_path: Path) -> None:
    old_index(str(tmp_path))
    for _ in range(2):
        index = Index.open(str(tmp_path))
        with index.read() as txn:
            assert list(txn.objects.all()) == [(oid(n), n * 10) for n in (1, 2, 3)]
            record = txn.objects.record(oid(2))
            assert (record.refers_to_itself, record.registered) == (True, 1002)
            assert txn.graph.closure([oid(3)]) == [oid(1), oid(2), oid(3)]
            assert txn.graph.referrers_closure([oid(1)]) == [oid(1), oid(2), oid(3)]
            assert (
                txn.realisations.makers(oid(2))
                == txn.realisations.of(MADE.key, MADE.output)
                == [KEPT_MADE]
            )
            assert txn.nodes.get(SOURCE.digest) == SOURCE
            assert txn.history.of("hello") == [5, 6]
            root = txn.roots.all()["link:x"]
            assert (root.id, root.path, root.since) == (oid(3), b"/a/link", 77)
            assert txn.times.last_used(txn.objects.known(oid(1))) == 1001
            assert txn.leases.all() == {}
            assert txn.by_number.next_number() == 4
        index.close()


def test_it_goes_on_from_there(tmp_path: Path) -> None:
    old_index(str(tmp_path))
    index = Index.open(str(tmp_path))
    index.write(lambda txn: txn.objects.register(oid(9), [oid(3)], False, 1))
    index.write(lambda txn: txn.leases.put(None, [oid(9)]))
    with index.read() as txn:
        assert txn.objects.known(oid(9)) == 4
        assert len(txn.graph.closure([oid(9)])) == 4


def test_an_index_without_objects_is_brought_up_to_date(tmp_path: Path) -> None:
    old_index(str(tmp_path), objects=0)
    index = Index.open(str(tmp_path))
    index.write(lambda txn: txn.objects.register(oid(1), [], False, 1))
    with index.read() as txn:
        assert txn.objects.known(oid(1)) == 1


@pytest.mark.slow
def test_the_map_grows_when_it_has_to(tmp_path: Path) -> None:
    old_index(str(tmp_path), objects=40_000)
    size = os.stat(tmp_path / "data.mdb").st_size
    index = Index.open(str(tmp_path), map_size=1 << 20)
    with index.read() as txn:
        assert txn.objects.count() == 40_000
    assert os.stat(tmp_path / "data.mdb").st_size > size


def test_while_an_older_program_uses_it_nothing_is_done(tmp_path: Path) -> None:
    mine = holder.myself()
    old_index(str(tmp_path), lease=(mine.pid, mine.start))
    with pytest.raises(Busy, match=f"process {mine.pid}") as caught:
        Index.open(str(tmp_path))
    assert caught.value.exit_code == 57
    raw = lmdb.open(str(tmp_path), max_dbs=20)
    with raw.begin() as txn:
        assert txn.get(b"used") is None
    raw.close()


def test_what_schema_1_would_not_have_written_is_not_taken_over(tmp_path: Path) -> None:
    old_index(str(tmp_path))
    raw = lmdb.open(str(tmp_path), max_dbs=20)
    with raw.begin(write=True) as txn:
        txn.put(b"\0\0\0\1", b"garbage", db=raw.open_db(b"objects", txn))
    raw.close()
    for _ in range(2):
        with pytest.raises(CorruptObject, match="schema 1"):
            Index.open(str(tmp_path))


def test_of_two_programs_that_open_it_at_once_one_does_it(tmp_path: Path) -> None:
    path = str(tmp_path)
    others = [later(lambda: Index.open(path).close()) for _ in range(4)]
    old_index(path, objects=5000)
    assert [other() for other in others] == [0] * 4
    index = Index.open(path)
    with index.read() as txn:
        assert txn.objects.count() == 5000


def test_of_schema_2_what_was_made_here_counts_as_such_and_the_rest_goes_on(tmp_path: Path) -> None:
    ours = replace(MADE, builder=user_name(), host=host_name())
    Index.open(str(tmp_path)).close()
    raw = lmdb.open(str(tmp_path), max_dbs=40)
    with raw.begin(write=True) as txn:
        for record in (MADE, ours):
            key = record.key + record.output.encode() + b"\0" + record.digest()[:8]
            txn.put(key, record.encode(), db=raw.open_db(b"realisations", txn))
            txn.put(record.object.digest, key, db=raw.open_db(b"makers", txn, dupsort=True))
        txn.put(b"schema", b"2", db=raw.open_db(b"meta", txn))
    raw.close()
    for _ in range(2):
        index = Index.open(str(tmp_path))
        with index.read() as txn:
            assert {item.origin for item in txn.realisations.makers(oid(2))} == {BUILT, KEPT}
            assert set(txn.realisations.of(MADE.key, MADE.output)) == {KEPT_MADE, ours}
        index.close()


@needs_root
def test_who_may_not_write_is_told_who_has_to(place: str) -> None:
    def visit() -> None:
        become_nobody()
        with pytest.raises(SchemaMismatch, match="older schema") as caught:
            Index.open(place)
        assert "owner" in str(caught.value.hint)

    visitor = later(visit)
    old_index(place)
    os.chmod(f"{place}/data.mdb", 0o644)
    assert visitor() == 0


def check_written(path: str) -> None:
    """All that the program of schema 1 had written is known."""
    index = Index.open(path)
    with index.read() as txn:
        made = REALISATION.object
        expected = [(numbered(n), n * 10) for n in range(1, 301)] + [(made, 5)]
        assert list(txn.objects.all()) == sorted(expected)
        for n in range(2, 301):
            assert txn.graph.references(numbered(n)) == [numbered(n // 2)]
            assert txn.objects.record(numbered(n)).refers_to_itself == (n % 7 == 0)
        assert txn.graph.referrers(numbered(300)) == [made]
        chain = [made, *(numbered(n) for n in (300, 150, 75, 37, 18, 9, 4, 2, 1))]
        assert txn.graph.closure([made]) == sorted(chain)
        assert txn.realisations.makers(made) == [replace(REALISATION, origin=KEPT)]
        assert txn.nodes.get(RESOLVED.digest) == RESOLVED
        assert txn.nodes.get(DERIVATION.digest) == DERIVATION
        assert txn.nodes.outcome(DERIVATION.digest) == RESOLVED.digest
        assert txn.sources.verified(SOURCE.sha256, SOURCE.locators[0])
        assert txn.history.of("hello-1.0") == [1500]
        assert txn.roots.all()["link:x"].id == numbered(300)
        assert txn.leases.all() == {}
        assert txn.by_number.next_number() == 302
    index.close()


def test_an_index_that_the_old_program_wrote_is_brought_up_to_date(tmp_path: Path) -> None:
    written_index(str(tmp_path))
    check_written(str(tmp_path))
    check_written(str(tmp_path))


@pytest.mark.parametrize("step", range(0, 40, 3))
def test_killed_in_the_middle_the_old_index_is_still_there(tmp_path: Path, step: int) -> None:
    """``step`` changes are made before the kill; after the last, the commit is all that lacks."""
    written_index(str(tmp_path))
    before = (tmp_path / "data.mdb").read_bytes()
    pid = os.fork()
    if pid == 0:
        open_until(str(tmp_path), step)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (-signal.SIGKILL, 0)
    if step == 0:
        assert (tmp_path / "data.mdb").read_bytes() == before
    check_written(str(tmp_path))


def open_until(path: str, step: int) -> None:
    left = [step]

    class Counted:
        """A transaction whose changes are counted."""

        def __init__(self, txn: Any) -> None:
            self._txn = txn

        def __getattr__(self, name: str) -> Any:
            if name in ("put", "drop", "cursor"):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
            return getattr(self._txn, name)

    raw = lmdb.open(path, max_dbs=40, map_size=64 << 20)
    with raw.begin(write=True) as txn:
        migration.migrate(OfTransaction(raw, txn), Counted(txn))
        os.kill(os.getpid(), signal.SIGKILL)


class OfTransaction:
    """Opens tables within a transaction, whatever stands in its place."""

    def __init__(self, env: Any, txn: Any) -> None:
        self._env = env
        self._txn = txn

    def open_db(self, name: bytes, txn: Any, **flags: Any) -> Any:
        return self._env.open_db(name, self._txn, **flags)


def test_an_index_from_the_future_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    Index.open(str(tmp_path)).close()
    raw = lmdb.open(str(tmp_path), max_dbs=40)
    with raw.begin(write=True) as txn:
        txn.put(b"schema", b"%d" % (SCHEMA + 1), db=raw.open_db(b"meta", txn))
    raw.close()
    before = (tmp_path / "data.mdb").read_bytes()
    with pytest.raises(SchemaMismatch, match=f"has schema {SCHEMA + 1}") as caught:
        Index.open(str(tmp_path))
    assert "update this program" in str(caught.value.hint)
    assert (tmp_path / "data.mdb").read_bytes() == before
