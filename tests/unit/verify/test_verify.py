"""Damage of each kind is found as what it is, and an object is repaired from another store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from store.errors import CorruptObject, StoreFull
from store.index.content_table import ContentTable
from store.index.reading import Reader
from store.index.schema import ObjectEntry
from store.index.writing import Writer
from store.layout.paths import Layout
from store.local.root_snapshot import NamedRoot
from store.local.roots import Roots
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.content import LONGEST_RECORD
from store.recovery.survey import survey
from store.substitute.directory import StoreDirectory
from store.substitute.importing import import_objects
from store.substitute.own_links import SharedFiles
from store.substitute.substituter import Substituter
from store.system import kernel
from store.verify import object_check
from store.verify.finding import KINDS, Finding
from store.verify.index_check import check_index
from store.verify.object_repair import Mended, ObjectRepair
from store.verify.optimise import optimise
from store.verify.verifier import Verifier


@pytest.fixture
def oid(store: Store, tmp_path: Path) -> ObjectId:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "a").write_text("one\n")
    (tree / "below" / "b").write_text("two\n")
    (tree / "link").symlink_to("a")
    return store.objects.add(str(tree), "tree")


def repair(store: Store, oid: ObjectId, sources: Sequence[Substituter]) -> Mended:
    """How the repair of one object ended."""
    (mended,) = ObjectRepair(store, sources).run([oid])
    return mended


def kinds(store: Store, *, contents: bool = True) -> set[str]:
    found: list[Finding] = []
    Verifier(store, found.append, contents=contents).run()
    assert {finding.kind for finding in found} <= KINDS.keys()
    return {finding.kind for finding in found}


def test_what_a_link_led_to_before_may_be_gone(store: Store, oid: ObjectId, tmp_path: Path) -> None:
    """As when a process that makes a link anew is killed before it writes the index."""
    (tmp_path / "other").write_text("other")
    other = store.objects.add(str(tmp_path / "other"), "other")
    link = tmp_path / "link"
    store.roots.link(str(link), oid)
    store.index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid)))
    assert [finding.path for finding in check_index(store)] == ["index/roots"]
    link.unlink()
    assert check_index(store) == []
    link.symlink_to(store.layout.object(other))
    assert check_index(store) == []


NUMBERS = {name: (at + 1).to_bytes(4, "big") for at, name in enumerate(("base", "left", "top"))}
"""Three objects: the second refers to the first, and the third to both."""


@pytest.mark.parametrize(
    ("table", "key", "value", "told"),
    [
        ("referrers", "base", "-left", ["left is not among those of number 1"]),
        ("referrers", "left", "+left", ["number 2 does not refer to number 2"]),
        ("referrers", "top", "+left", ["number 2 does not refer to number 3"]),
        ("references", "left", b"", ["number 2 does not refer to number 1"]),
        ("references", "base", b"\3\0\0\0", ["base refers to number 3, no object"]),
        ("references", "left", b"\1\0\0\0\7\0\0\0", ["left refers to number 7, no object"]),
        # What cannot be read is said once, and not of each object that it names.
        ("references", "left", b"odd", ["some are cut off"]),
        ("objects", "left", b"short", ["unpack_from requires"]),
        ("ids", "left", None, ["2 digests for 3 objects", "left leads to another object"]),
    ],
)
def test_what_refers_to_what_is_compared_both_ways(
    store: Store, table: str, key: str, value: bytes | str | None, told: list[str]
) -> None:
    made = {name: ObjectId(number.rjust(20), name) for name, number in NUMBERS.items()}
    below = {"base": [], "left": ["base"], "top": ["base", "left"]}
    entries = [
        ObjectEntry(oid, [made[x] for x in below[name]], False, 1) for name, oid in made.items()
    ]
    store.index.write(lambda txn: txn.objects.register_all(entries))
    assert check_index(store) == []

    def change(txn: Writer) -> None:
        if value is None:
            txn._tables.delete(table.encode(), made[key].digest)
        elif isinstance(value, bytes):
            txn._tables.put(table.encode(), NUMBERS[key], value)
        else:
            act = txn._tables.put if value[0] == "+" else txn._tables.delete
            act(table.encode(), NUMBERS[key], NUMBERS[value[1:]])

    store.index.write(change)
    found = [finding.detail for finding in check_index(store)]
    assert len(found) == len(told), found
    for part, detail in zip(told, found, strict=True):
        assert part in detail


def test_a_link_that_is_newer_than_what_is_read_of_the_index_is_no_finding(
    store: Store, oid: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.roots.link(str(tmp_path / "link"), oid)
    (tmp_path / "newer").write_text("newer")
    real = Roots.all_in

    def later(self: Roots, txn: Reader) -> list[NamedRoot]:
        store.roots.link(
            str(tmp_path / "link"), store.objects.add(str(tmp_path / "newer"), "newer")
        )
        return real(self, txn)

    monkeypatch.setattr(Roots, "all_in", later)
    assert check_index(store) == []


def tamper(path: str, text: str = "owe\n") -> None:
    os.chmod(path, 0o644)
    Path(path).write_text(text)
    os.utime(path, ns=(10**9, 10**9))
    os.chmod(path, 0o444)


def unlink(path: str) -> None:
    os.chmod(os.path.dirname(path), 0o755)
    os.unlink(path)


def add_entry(path: str) -> None:
    os.chmod(path, 0o755)
    Path(f"{path}/new").touch()


def make_folder(path: str) -> None:
    unlink(path)
    os.mkdir(path)


def test_a_sound_store_has_no_findings(store: Store, oid: ObjectId) -> None:
    assert kinds(store) == set()
    assert kinds(store, contents=False) == set()


DAMAGE: dict[str, Callable[[Store, str], object]] = {
    "content": lambda store, path: tamper(f"{path}/a"),
    "missing": lambda store, path: unlink(f"{path}/a"),
    "mode": lambda store, path: os.chmod(f"{path}/a", 0o644),
    "mtime": lambda store, path: os.utime(f"{path}/a", ns=(5, 5)),
    "extra": lambda store, path: add_entry(path),
    "kind": lambda store, path: make_folder(f"{path}/a"),
    "manifest": lambda store, path: os.unlink(f"{store.layout.manifests}/{os.path.basename(path)}"),
    "stray": lambda store, path: Path(f"{store.layout.objects}/x").touch(),
    "leftover": lambda store, path: os.mkdir(f"{store.layout.tmp}/object-x"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_as_what_it_is(store: Store, oid: ObjectId, kind: str) -> None:
    DAMAGE[kind](store, store.layout.object(oid))
    assert kind in kinds(store)


@pytest.mark.parametrize("contents", [True, False])
def test_what_looks_damaged_is_looked_at_once_more_and_no_oftener(
    store: Store, oid: ObjectId, monkeypatch: pytest.MonkeyPatch, contents: bool
) -> None:
    tamper(f"{store.layout.object(oid)}/a", "two bytes more\n")
    seen: list[str] = []

    def counted(name: str) -> None:
        call = getattr(object_check, name)

        def counting(
            layout: Layout, oids: Sequence[ObjectId | str], *more: object, **named: object
        ) -> Any:
            seen.extend(f"{name} {oid}" for oid in oids)
            return call(layout, oids, *more, **named)

        monkeypatch.setattr(object_check, name, counting)

    counted("glance")
    counted("_look_at_all")
    counted("sound_objects")
    assert "content" in kinds(store, contents=contents)
    first = "glance" if contents else "sound_objects"
    assert seen == [f"{first} {oid}", f"_look_at_all {oid}"]


@pytest.mark.parametrize("contents", [True, False])
def test_what_is_right_again_at_the_second_look_is_no_finding(
    store: Store, oid: ObjectId, monkeypatch: pytest.MonkeyPatch, contents: bool
) -> None:
    other = f"{store.layout.objects}/.{oid}"
    path = store.layout.object(oid)
    shutil.copytree(path, other, symlinks=True)
    tamper(f"{path}/a", "two bytes more\n")
    look_again = Verifier._look_again

    def swapped(verifier: Verifier, suspects: Sequence[ObjectId]) -> None:
        assert list(suspects) == [oid]
        kernel.exchange(path, other)
        look_again(verifier, suspects)

    monkeypatch.setattr(Verifier, "_look_again", swapped)
    found: list[Finding] = []
    verifier = Verifier(store, found.append, contents=contents)
    verifier.run([oid])
    assert [item for item in found if item.kind != "unshared"] == []
    assert verifier.damaged == []


@pytest.mark.parametrize("kind", ["content", "missing", "mode", "extra", "kind", "manifest"])
def test_a_damaged_object_is_repaired_from_another_store(
    store: Store, oid: ObjectId, kind: str, tmp_path: Path
) -> None:
    other = Store.open(str(tmp_path / "other"))
    assert import_objects(other, StoreDirectory(store.layout.root), [oid]).fresh == [oid]
    assert kinds(other) == set()
    DAMAGE[kind](other, other.layout.object(oid))
    assert repair(other, oid, [StoreDirectory(store.layout.root)]).how is not None
    assert kinds(other) == set()
    assert os.listdir(other.layout.trash) == os.listdir(other.layout.tmp) == []


def test_what_cannot_be_repaired_is_quarantined_and_not_deleted(
    store: Store, oid: ObjectId
) -> None:
    tamper(f"{store.layout.object(oid)}/a")
    mended = repair(store, oid, [])
    assert mended.how is None
    assert mended.quarantined is not None
    assert Path(mended.quarantined, str(oid), "a").read_text() == "owe\n"
    assert Path(mended.quarantined, "note").read_text()
    assert "missing" in kinds(store)


def test_what_is_damaged_at_the_other_end_is_refused(
    store: Store, oid: ObjectId, tmp_path: Path
) -> None:
    other = Store.open(str(tmp_path / "other"))
    tamper(f"{store.layout.object(oid)}/a")
    with pytest.raises(CorruptObject):
        import_objects(other, StoreDirectory(store.layout.root), [oid])
    assert other.objects.all() == []


def test_a_budget_begins_with_what_was_verified_least_recently(
    store: Store, oid: ObjectId, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("f")
    new = store.objects.add(str(tmp_path / "f"), "f")
    store.index.write(lambda txn: txn.times.note_verified([oid]))
    verifier = Verifier(store, lambda finding: None, budget=60)
    assert verifier._batch(verifier._due([]), 0) == ([new, oid], 2)
    assert verifier.run().looked == 2


class Full(StoreDirectory):
    """Another store, from which nothing can be taken as this one is full."""

    def tree(self, oid: ObjectId) -> str:
        raise StoreFull("no space left")


def test_what_was_collected_since_is_passed_over_and_progress_is_told(
    store: Store, oid: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_text("f")
    gone = store.objects.add(str(tmp_path / "f"), "f")
    told: list[tuple[str, int, int]] = []
    verifier = Verifier(store, lambda finding: None, lambda *progress: told.append(progress))
    due = verifier._due([])
    with store.index.read() as txn:
        number = txn.objects.known(gone)
    store.index.write(lambda txn: txn.objects.unregister(number))
    assert verifier._batch(due, 0) == ([oid], 2)
    monkeypatch.setattr(verifier, "_due", lambda chosen: due)
    assert verifier.run().looked == 2
    assert told == [("object", 0, 2)]


def test_nothing_is_given_up_because_the_disk_is_full(store: Store, oid: ObjectId) -> None:
    tamper(f"{store.layout.object(oid)}/a")
    with pytest.raises(StoreFull):
        repair(store, oid, [Full(store.layout.root)])
    assert os.path.exists(f"{store.layout.object(oid)}/a")


def put_fifo(path: str) -> None:
    os.mkfifo(path)


def put_folder(path: str) -> None:
    os.mkdir(path)
    Path(f"{path}/kept").touch()


def put_endless(path: str) -> None:
    os.symlink("/dev/zero", path)


def put_long(path: str) -> None:
    with open(path, "wb") as stream:
        stream.truncate(LONGEST_RECORD + 1)


@pytest.mark.parametrize("put", [put_fifo, put_folder, put_endless, put_long])
def test_what_stands_in_the_place_of_a_manifest_holds_nobody_up(
    store: Store, oid: ObjectId, put: Callable[[str], None]
) -> None:
    """Opening a fifo waits for a writer; reading a device need not come to an end."""
    path = store.layout.manifest(oid)
    os.unlink(path)
    put(path)
    assert kinds(store) == {"manifest"}
    assert [item.why for item in survey(store.layout).damaged]
    with pytest.raises(CorruptObject):
        store.objects.manifest(oid)
    with pytest.raises(CorruptObject):
        StoreDirectory(store.layout.root).manifest(oid)
    assert repair(store, oid, []).how == "itself"
    assert kinds(store) == set()
    if put is put_folder:
        (moved,) = Path(store.layout.quarantine).iterdir()
        assert (moved / str(oid) / "kept").exists()


@pytest.mark.parametrize("put", [put_fifo, put_folder, put_endless])
def test_what_stands_in_the_place_of_an_equal_file_holds_nobody_up(
    store: Store, oid: ObjectId, put: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "lone").write_text("one\n")
    other = store.objects.add(str(tmp_path / "lone"), "lone")
    tamper(f"{store.layout.object(oid)}/a")
    os.unlink(store.layout.object(other))
    put(store.layout.object(other))
    assert {"content", "kind"} <= kinds(store)
    assert SharedFiles(store).name
    with pytest.raises(CorruptObject):
        SharedFiles(store).tree(oid)
    assert repair(store, oid, []).how is None


def test_an_object_that_the_table_of_contents_lacks_is_a_note(store: Store, oid: ObjectId) -> None:
    ContentTable(store.layout.index).forget([oid.digest])
    assert kinds(store) == kinds(store, contents=False) == {"unshared"}
    assert list(optimise(store)) == []
    assert kinds(store) == set()


@pytest.mark.parametrize("damage", ["cut short", "garbage", "empty", "gone"])
def test_a_damaged_table_of_contents_is_made_anew(
    store: Store, oid: ObjectId, damage: str, tmp_path: Path
) -> None:
    table = Path(store.layout.index, "contents.mdb")
    data = table.read_bytes()
    wrong = {"cut short": data[: len(data) // 2], "garbage": b"no index" * 5000, "empty": b""}
    table.unlink() if damage == "gone" else table.write_bytes(wrong[damage])
    (tmp_path / "lone").write_text("one\n")
    store.objects.add(str(tmp_path / "lone"), "lone")
    assert kinds(store) <= {"unshared"}
    assert sum(done.saved for done in optimise(store)) in (0, 4)
    assert kinds(store) == set()


def test_a_finding_is_one_line_of_text() -> None:
    finding = Finding("extra", os.fsdecode(b"/store/a\nb\xff\x1b[2J"), "points to \udcfe\r")
    assert str(finding) == r"extra: /store/a\nb\xff\x1b[2J (points to \xfe\r)"
    assert str(finding).encode().isascii()
    assert str(Finding("mode", "/store/a ü")) == "mode: /store/a ü"


@pytest.mark.root(reason="gives files to another user, which only root can")
@pytest.mark.parametrize("where", ["a", "below", "below/b", "."])
def test_what_another_user_could_change_is_found_and_mended(
    store: Store, oid: ObjectId, where: str
) -> None:
    path = os.path.normpath(f"{store.layout.object(oid)}/{where}")
    os.chown(path, 12345, -1)
    assert kinds(store) == {"mode"}
    assert "mode" in kinds(store, contents=False)
    assert survey(store.layout).damaged
    assert repair(store, oid, []).how == "itself"
    assert kinds(store) == set()
    assert os.lstat(path).st_uid == 0


@pytest.mark.parametrize("mode", [0, 0o644, 0o666, 0o555])
def test_a_manifest_of_another_mode_is_found_and_mended(
    store: Store, oid: ObjectId, mode: int
) -> None:
    os.chmod(store.layout.manifest(oid), mode)
    assert kinds(store) == kinds(store, contents=False) == {"mode"} or os.geteuid()
    assert repair(store, oid, []).how == "itself"
    assert kinds(store) == set()


@pytest.mark.parametrize("folder", ["tmp", "trash", "logs", "locks"])
def test_a_file_in_the_place_of_a_folder_of_the_store_is_found(
    store: Store, oid: ObjectId, folder: str
) -> None:
    os.rename(f"{store.layout.root}/{folder}", f"{store.layout.root}/away")
    Path(f"{store.layout.root}/{folder}").touch()
    assert kinds(store) == {"kind"}


@pytest.mark.parametrize("folder", ["manifests", "store"])
def test_a_whole_folder_of_the_store_that_is_gone_is_found(
    store: Store, oid: ObjectId, folder: str
) -> None:
    os.rename(f"{store.layout.root}/{folder}", f"{store.layout.root}/away")
    for contents in (True, False):
        found = kinds(store, contents=contents)
        assert found == {"manifests": {"manifest"}, "store": {"missing"}}[folder]


@pytest.mark.parametrize("text", [b"xx", b"1", b"-1", b"9" * 30])
def test_a_next_number_that_was_given_is_found_and_never_given_again(
    store: Store, oid: ObjectId, tmp_path: Path, text: bytes
) -> None:
    store.index.write(lambda txn: txn._tables.put(b"meta", b"next", text))
    assert [item.path for item in check_index(store)] == ["index/meta"]
    (tmp_path / "f").write_text("f")
    with pytest.raises(CorruptObject, match="next number"):
        store.objects.add(str(tmp_path / "f"), "f")


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("used", bytes(4), b"1"),
        ("verified", b"1", bytes(4)),
        ("objects", b"a", b"b"),
        ("ids", bytes(20), b"1"),
        ("nodes", bytes(32), b"junk"),
        ("outcomes", bytes(32), b"short"),
    ],
)
def test_a_value_that_could_not_have_been_written_is_found(
    store: Store, oid: ObjectId, table: str, key: bytes, value: bytes
) -> None:
    store.index.write(lambda txn: txn._tables.put(table.encode(), key, value))
    assert f"index/{table}" in {item.path for item in check_index(store)}
