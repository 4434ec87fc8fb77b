"""The upkeep of a cache in a folder: each damage is found, and a prune keeps closures whole."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store import digest
from store.cache import file_names, folder_place, zstd
from store.cache.checking import CACHE_KINDS, CacheCheck, CacheFinding
from store.cache.folder_place import FolderPlace, PlacedFile
from store.cache.head import PackFrame
from store.cache.inventory import take_inventory
from store.cache.pruning import PrunePlan, PrunePolicy, plan_prune, prune
from store.cache.pull import pull
from store.cache.push_plan import plan_push
from store.cache.pushing import push
from store.cache.static_cache import StaticCache
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.signing.keys import PrivateKey
from store.system.beneath import open_file_beneath
from store.system.whole_file import replacing
from tests.unit.cache.caches import head_and_pack, manifest_of, write_cache
from tests.unit.cache.conftest import Origin

ANNE, BOB = PrivateKey(b"\1" * 32, "anne"), PrivateKey(b"\2" * 32, "bob")
DAY = 24 * 3600.0


def build(origin: Origin, name: str, *needs: ObjectId) -> ObjectId:
    """An object of a build, with a log."""
    oid = origin.add(name, {"text": name.encode() * 1000, "empty": b""}, *needs)
    node = Derivation(name, "x86_64-linux", "/bin/sh")
    key = node.resolve({})
    Path(origin.store.start_log(key.digest)).write_bytes(name.encode())
    log = digest.file_digest(name.encode())
    record = Realisation(key.digest, "out", oid, "u", "h", "full", log, 1, 9)

    def write(txn: Writer) -> None:
        txn.nodes.put([key])
        txn.realisations.add(record)
        txn.nodes.put_outcomes({node.digest: key.digest})

    origin.store.index.write(write)
    return oid


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(str(tmp_path / "cache"))


@pytest.fixture
def objects(origin: Origin, place: FolderPlace) -> dict[str, ObjectId]:
    """Two closures that share an object, and a source, pushed."""
    source = Source("src", "0" * 64, ("https://example.org/src",))
    (origin.place / "src").write_text("source")
    sha256 = "41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"
    source = Source("src", sha256, source.locators)
    src = origin.store.objects.add(str(origin.place / "src"), "src")
    record = Realisation(source.digest, "out", src, "u", "h", "fetch", None, 1, 9)

    def write(txn: Writer) -> None:
        txn.nodes.put([source])
        txn.realisations.add(record)

    origin.store.index.write(write)
    lib = build(origin, "lib")
    made = {"src": src, "lib": lib, "one": build(origin, "one", lib)}
    made["two"] = build(origin, "two", lib)
    push_all(origin.store, place, *made.values())
    return made


def push_all(store: Store, place: FolderPlace, *oids: ObjectId) -> None:
    push(store, place, plan_push(store, oids, ANNE))


def found(place: FolderPlace, *, contents: bool = False) -> list[CacheFinding]:
    findings: list[CacheFinding] = []
    CacheCheck(place, findings.append, keys=[ANNE.public], contents=contents).run()
    assert {each.kind for each in findings} <= CACHE_KINDS.keys()
    return findings


def kinds(place: FolderPlace, *, contents: bool = False) -> list[str]:
    return sorted({each.kind for each in found(place, contents=contents)})


def age(place: FolderPlace, days: float, *names: str) -> None:
    """Let files be as old; all when none is named."""
    then = time.time() - days * DAY
    for name in names or [file.name for file in place.listing() if file.regular]:
        os.utime(f"{place.path}/{name}", (then, then))


@pytest.mark.parametrize("kind", ["head", "content", "statement", "source", "log"])
def test_a_file_that_the_disk_does_not_give_is_found_with_all_others(
    place: FolderPlace,
    objects: dict[str, ObjectId],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    inventory = take_inventory(place)
    names = {
        "head": file_names.head(objects["one"]),
        "content": file_names.pack(objects["src"]),
        "statement": inventory.statements[0].file.name,
        "source": next(iter(inventory.sources.values())).name,
        "log": next(iter(inventory.logs.values())).name,
    }

    def failing(top: int, name: str) -> int:
        if name == names[kind]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return open_file_beneath(top, name)

    monkeypatch.setattr(folder_place, "open_file_beneath", failing)
    flip(Path(place.path) / file_names.pack(objects["two"]))
    told = found(place, contents=True)
    assert any(each.name == names[kind] and "Input/output error" in each.detail for each in told)
    assert any(each.name == file_names.pack(objects["two"]) for each in told)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("x", path)])
def test_something_else_in_the_place_of_a_pack_hides_no_finding(
    place: FolderPlace, objects: dict[str, ObjectId], make: Callable[[Path], None]
) -> None:
    pack = Path(place.path) / file_names.pack(objects["src"])
    pack.unlink()
    make(pack)
    flip(Path(place.path) / file_names.pack(objects["two"]))
    assert {"content", "pack"} <= {*kinds(place, contents=True)}


def test_a_fresh_cache_is_sound(place: FolderPlace, objects: dict[str, ObjectId]) -> None:
    assert found(place, contents=True) == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE: list[tuple[Callable[[dict[str, ObjectId]], str], Callable[[Path], object], list[str]]] = [
    (lambda made: file_names.head(made["one"]), flip, ["head"]),
    (lambda made: file_names.head(made["lib"]), Path.unlink, ["closure", "headless", "unpushed"]),
    (lambda made: file_names.pack(made["one"]), Path.unlink, ["pack"]),
    (lambda made: file_names.pack(made["one"]), cut, ["pack"]),
    (lambda made: file_names.pack(made["one"]), flip, ["content"]),
    (lambda made: "by-key", flip, ["statement"]),
    (lambda made: "by-derivation", cut, []),
    (lambda made: "by-derivation", lambda path: path.write_bytes(b"{}\n"), ["statement"]),
    (lambda made: "by-derivation", lambda path: path.write_bytes(bytes(2 << 20)), ["statement"]),
    (lambda made: "sources", lambda path: path.write_bytes(b"nothing\n"), ["source"]),
    (lambda made: "sources", lambda path: path.rename(path.with_name("f" * 64)), ["source"]),
    (lambda made: "logs", flip, ["log"]),
    (lambda made: "logs", lambda path: path.with_name(".new-1-2").write_bytes(b""), ["unfinished"]),
    (lambda made: "logs", lambda path: path.with_name("notes").write_bytes(b""), ["stray"]),
]


@pytest.mark.parametrize(("name", "damage", "expected"), DAMAGE)
def test_each_damage_is_found(
    place: FolderPlace,
    objects: dict[str, ObjectId],
    name: Callable[[dict[str, ObjectId]], str],
    damage: Callable[[Path], object],
    expected: list[str],
) -> None:
    path = Path(place.path, name(objects))
    damage(path if path.is_file() else next(each for each in path.rglob("*") if each.is_file()))
    assert kinds(place, contents=True) == expected


def test_a_statement_at_another_place_is_found(
    place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    [one, two, *_] = take_inventory(place).statements
    Path(place.path, one.file.name).write_bytes(Path(place.path, two.file.name).read_bytes())
    assert kinds(place) == ["statement"]


def test_a_signature_of_another_key_is_found(
    origin: Origin, place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    push(origin.store, place, plan_push(origin.store, [objects["one"]], BOB))
    assert found(place) == []  # his key is not known here
    theirs = next(each for each in take_inventory(place).statements if each.key_id == BOB.public.id)
    name = theirs.file.name.replace(BOB.public.id, ANNE.public.id)
    Path(place.path, name).write_bytes(Path(place.path, theirs.file.name).read_bytes())
    assert [each.kind for each in found(place)] == ["statement"]


def test_a_folder_that_is_no_cache_is_neither_checked_nor_pruned(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("")
    for work in (found, lambda place: plan_prune(place, PrunePolicy(1))):
        with pytest.raises(CacheUnusable):
            work(FolderPlace(str(tmp_path)))


def remaining(place: FolderPlace) -> set[str]:
    return {oid.name for oid in take_inventory(place).heads}


def test_old_closures_go_and_shared_objects_stay(
    origin: Origin, own: Store, place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    age(place, 40)
    push_all(origin.store, place, objects["two"])  # is wanted again
    plan = plan_prune(place, PrunePolicy(30 * DAY))
    assert {oid.name for oid in plan.objects} == {"one", "src"}
    assert prune(place, plan) == set()
    assert remaining(place) == {"two", "lib"}
    # The packs are there for whoever read a head before.
    assert len(take_inventory(place).packs) == 4
    assert kinds(place, contents=True) == ["headless"]
    again = plan_prune(place, PrunePolicy(30 * DAY))
    assert (again.objects, again.packs) == ((), ())
    pull(own, [StaticCache(place)], [objects["two"]])
    for oid in (objects["one"], objects["src"]):
        age(place, 2, file_names.pack(oid))
    prune(place, plan_prune(place, PrunePolicy(30 * DAY)))
    assert found(place, contents=True) == []
    assert len(take_inventory(place).packs) == 2
    facts = take_inventory(place)
    assert (len(facts.statements), len(facts.logs), len(facts.sources)) == (4, 2, 0)


def test_the_newest_closures_stay_within_a_size(
    place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    for days, name in enumerate(("two", "one", "lib", "src")):
        age(place, days, file_names.head(objects[name]))
    inventory = take_inventory(place)
    both = inventory.object_size(objects["two"]) + inventory.object_size(objects["lib"])
    packs = sum(inventory.packs[objects[name]].size for name in ("two", "lib"))
    assert 0 < packs < both
    every = {"one", "two", "lib", "src"}
    for most, stay in ((both, {"two", "lib"}), (packs, set()), (1 << 30, every), (0, set())):
        plan = plan_prune(place, PrunePolicy(most=most))
        assert remaining(place) - {oid.name for oid in plan.objects} == stay
    prune(place, plan_prune(place, PrunePolicy(most=0, grace=0)))
    assert [file.name for file in place.listing() if file.regular] == [file_names.MARKER]


def test_statements_go_before_heads_and_heads_before_packs(
    place: FolderPlace, objects: dict[str, ObjectId], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    remove = FolderPlace.remove

    def noted(self: FolderPlace, name: str) -> None:
        order.append(name.rpartition(".")[2])
        remove(self, name)

    monkeypatch.setattr(FolderPlace, "remove", noted)
    age(place, 40)
    prune(place, plan_prune(place, PrunePolicy(30 * DAY, grace=0)))
    heads = [number for number, end in enumerate(order) if end == "head"]
    assert order[: heads[0]].count("jsonl") == 6
    assert set(order[heads[-1] + 1 :]) == {"pack"}


def test_a_push_since_the_plan_keeps_its_closure(
    origin: Origin, place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    age(place, 40)
    plan = plan_prune(place, PrunePolicy(30 * DAY, grace=0))
    assert len(plan.objects) == 4
    push_all(origin.store, place, objects["two"])
    assert {oid.name for oid in prune(place, plan)} == {"two", "lib"}
    push_all(origin.store, place, objects["two"])
    assert found(place, contents=True) == []
    assert remaining(place) == {"two", "lib"}


@pytest.mark.parametrize("before", [".jsonl", ".head"])
def test_a_push_beside_a_prune_loses_nothing(
    origin: Origin,
    place: FolderPlace,
    objects: dict[str, ObjectId],
    monkeypatch: pytest.MonkeyPatch,
    before: str,
) -> None:
    age(place, 40)
    plan = plan_prune(place, PrunePolicy(30 * DAY, grace=0))
    top = build(origin, "three", objects["lib"])
    remove, pushed = FolderPlace.remove_unless_newer, list[bool]()

    def beside(self: FolderPlace, file: PlacedFile) -> bool:
        if file.name.endswith(before) and not pushed:
            pushed.append(True)
            push_all(origin.store, FolderPlace(place.path), top)
        return remove(self, file)

    monkeypatch.setattr(FolderPlace, "remove_unless_newer", beside)
    prune(place, plan)
    monkeypatch.undo()
    push_all(origin.store, place, top)
    assert {"three", "lib"} <= remaining(place)
    assert [each for each in found(place, contents=True) if each.severity == "error"] == []


def test_leftovers_of_a_killed_push_go(place: FolderPlace, objects: dict[str, ObjectId]) -> None:
    fresh, old = "objects/aa/.new-1-aa", "objects/bb/.new-1-bb"
    for name in (fresh, old):
        place.put(name, b"part")
    age(place, 2, old)
    plan: PrunePlan = plan_prune(place, PrunePolicy())
    assert [file.name for file in plan.unfinished] == [old]
    prune(place, plan)
    assert remaining(place) == objects.keys()


def test_a_prune_leaves_the_file_that_a_push_is_writing(
    place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    path = f"{place.path}/objects/aa/pack"
    os.mkdir(os.path.dirname(path))
    with replacing(path) as stream:
        (name,) = os.listdir(os.path.dirname(path))
        age(place, 2, f"objects/aa/{name}")
        plan = plan_prune(place, PrunePolicy())
        assert [file.name for file in plan.unfinished] == [f"objects/aa/{name}"]
        prune(place, plan)
        stream.write(b"whole")
    assert Path(path).read_bytes() == b"whole"


def test_a_damaged_head_stays_for_the_check(
    place: FolderPlace, objects: dict[str, ObjectId]
) -> None:
    path = Path(place.path, file_names.head(objects["one"]))
    path.write_bytes(zstd.compress(b"nothing"))
    age(place, 40)
    prune(place, plan_prune(place, PrunePolicy(30 * DAY)))
    assert path.exists()


def test_the_contents_of_a_pack_that_are_wrong_are_one_line(tmp_path: Path) -> None:
    datas = [bytes([number]) * 40 for number in range(30)]
    size = sum(map(len, datas))
    head, _ = head_and_pack(manifest_of("one", datas), datas, [size])
    packed = zstd.compress(os.urandom(size))
    frames = (PackFrame(len(packed), size),)
    head = replace(head, frames=frames, pack_digest=digest.file_digest(packed))
    write_cache(tmp_path, (head, packed))
    (finding,) = found(FolderPlace(str(tmp_path)), contents=True)
    assert finding.kind == "content"
    assert finding.detail.endswith(", and 29 more")
