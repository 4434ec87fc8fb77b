"""Caches that lie, each in one way: nothing of it is registered, it is named, and the next cache is
asked."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Mapping

import pytest

from store import canon, digest
from store.cache import head_search, staged_pull
from store.cache.head import Head
from store.cache.head_search import GUESSES, CacheNotes, HeadSearch
from store.cache.offering import Piece
from store.cache.pull import Pulled, pull
from store.cache.pulled_tree import ENTRIES_LIMIT, checked
from store.errors import CorruptObject, FormatError, UnknownObject
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model import identity
from store.model.file_tree import Directory, Node, NodeKind, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId
from tests.unit.cache.conftest import MemoryCache, Origin, head_of

LARGE = b"large" * 300_000


def flipped(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        data = bytearray(piece.data)
        data[-1] ^= 1
        yield piece._replace(data=bytes(data))


def shorter(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece._replace(data=piece.data[:-1])


def a_part(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    yield from itertools.islice(pieces, 1)


def nothing(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    yield from ()


def longer(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece._replace(data=bytes(piece.data) + b"!")


def bomb(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for at in itertools.count():
        yield Piece(key, at << 20, bytes(1 << 20))


def twice(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    found = list(pieces)
    yield from found * 2


def unasked(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    yield Piece(b"u" * 32, 0, b"a file of nobody")


def late(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece._replace(offset=piece.offset + 1)


def refused(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    raise CorruptObject("a frame is damaged")
    yield


def gone(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    raise UnknownObject("the pack is not there any more")
    yield


def silent(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    yield from itertools.islice(pieces, 1)
    raise CacheUnusable("memory:one is silent")


def cut(key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
    yield from itertools.islice(pieces, 1)
    raise ConnectionResetError(104, "reset")


ALL = [
    *(flipped, shorter, a_part, nothing, longer, bomb, twice, unasked, late, refused, gone),
    *(silent, cut),
]


@pytest.fixture
def oid(origin: Origin) -> ObjectId:
    return origin.add("liar", {"a": b"small", "b": LARGE, "c": b"c" * 5000})


def of_one_cache(own: Store, cache: MemoryCache, oid: ObjectId) -> Pulled:
    """The outcome of a pull that can take nothing."""
    pulled = pull(own, [cache], [oid])
    assert pulled.taken == ()
    assert oid in pulled.refused
    assert own.objects.all() == []
    return pulled


@pytest.mark.parametrize("lie", ALL)
def test_wrong_contents_are_refused_and_come_from_the_next(
    origin: Origin, own: Store, oid: ObjectId, lie: Callable[..., Iterator[Piece]]
) -> None:
    one, two = origin.cache(oid), origin.cache(oid, name="memory:two")
    one.lies[oid] = lie
    pulled = of_one_cache(own, one, oid)
    if lie is silent:
        assert pulled.unusable["memory:one"].message == "memory:one is silent"
    elif lie not in (gone, nothing):
        assert any("memory:one" in line and str(oid) in line for line in pulled.damaged)
    pulled = pull(own, [one, two], [oid])
    assert pulled.taken == (oid,)
    assert pulled.refused == {}


def test_a_lie_about_one_object_spares_the_others(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    other = origin.add("other", {"a": b"other"})
    cache = origin.cache(top, other)
    cache.lies[low] = flipped
    pulled = pull(own, [cache], [top, other])
    assert pulled.taken == (other,)
    assert set(pulled.refused) == {low, top}


# -- heads -----------------------------------------------------------------------------------


def told(head: Head, **change: object) -> Head:
    """The head with another manifest, and frames that fit it."""
    manifest = dataclasses.replace(head.manifest, **change)  # type: ignore[arg-type]
    return head_of(manifest, head.closure)


def with_file(head: Head, data: bytes) -> Head:
    """The head of the same object with another file."""
    root = head.manifest.root
    entries = dict(head.manifest.directories[root.payload].entries)
    entries[b"a"] = file(digest.file_digest(data), len(data))
    top = Directory(tuple(sorted(entries.items(), key=lambda item: item[0])))
    return told(head, root=top.node(), directories={top.node().payload: top})


def test_the_head_of_another_object_is_refused(origin: Origin, own: Store, oid: ObjectId) -> None:
    other = origin.add("other", {"a": b"other"})
    cache = origin.cache(oid, other)
    cache.told[oid] = cache.known[other]
    assert f"the head of {oid} is that of {other}" in of_one_cache(own, cache, oid).damaged[0]
    assert cache.given() == []


def test_manifest_and_data_changed_together_are_refused(
    origin: Origin, own: Store, oid: ObjectId
) -> None:
    cache = origin.cache(oid)
    cache.told[oid] = with_file(cache.known[oid], b"evil")
    cache.contents_by_digest[digest.file_digest(b"evil")] = b"evil"
    assert "is that of another object" in of_one_cache(own, cache, oid).damaged[0]
    assert cache.given() == []


@pytest.mark.slow
def test_likewise_of_an_object_that_names_itself(origin: Origin, own: Store) -> None:
    oid = origin.add_naming_itself("itself")
    one, two = origin.cache(oid), origin.cache(oid, name="memory:two")
    for text in (b"evil", b"evil" + oid.path.encode()):
        one.told[oid] = with_file(one.known[oid], text)
        one.contents_by_digest[digest.file_digest(text)] = text
        assert "came in the place of" in of_one_cache(own, one, oid).damaged[0]
    pulled = pull(own, [one, two], [oid])
    assert pulled.taken == (oid,)
    assert len(pulled.damaged) == 1


def test_an_object_that_only_says_that_it_names_itself_is_refused(
    origin: Origin, own: Store
) -> None:
    honest = origin.add("honest", {"a": b"a"})
    manifest = origin.store.objects.manifest(honest)
    oid = identity.object_id("honest", manifest.root.digest(), (), True)
    cache = origin.cache(honest)
    cache.told[oid] = told(cache.known[honest], id=oid, refers_to_itself=True)
    assert "came in the place of" in of_one_cache(own, cache, oid).damaged[0]


@pytest.mark.parametrize("more", [True, False])
def test_a_closure_that_is_not_that_of_its_members_is_refused(
    origin: Origin, own: Store, more: bool
) -> None:
    low = origin.add("low", {"a": b"low"})
    middle = origin.add("middle", {"a": b"middle"}, low)
    top = origin.add("top", {"a": b"top"}, middle)
    other = origin.add("other", {"a": b"other"})
    one, two = origin.cache(top, other), origin.cache(top, name="memory:two")
    closure = (low, middle, other) if more else (middle,)
    one.told[top] = dataclasses.replace(one.known[top], closure=tuple(sorted(closure)))
    pulled = pull(own, [one], [top])
    assert top in pulled.refused
    assert top not in pulled.taken
    assert "the closure of" in pulled.damaged[0]
    assert pull(own, [one, two], [top]).taken[-1] == top


def test_nothing_is_registered_before_its_references(origin: Origin, own: Store) -> None:
    """A record that names an object is one thing, and its presence another."""
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    cache = origin.cache(top)
    cache.lies[low] = gone
    of_one_cache(own, cache, top)


# -- trees that no ingest would take -----------------------------------------------------------


def object_of(top: Directory, *others: Directory, **change: object) -> tuple[ObjectId, Head]:
    """An object of these directories with the right identity, and its head."""
    directories = {item.node().payload: item for item in (top, *others)}
    root = top.node()
    oid = identity.object_id("odd", root.digest(), (), False)
    manifest = Manifest(oid, (), False, root, directories)
    return oid, head_of(dataclasses.replace(manifest, **change), ())  # type: ignore[arg-type]


def nested(name: bytes, levels: int) -> list[Directory]:
    found = [Directory(())]
    for _ in range(levels):
        found.append(Directory(((name, found[-1].node()),)))
    return found[::-1]


def odd_trees() -> Iterator[tuple[str, ObjectId, Head]]:
    yield "folders deep", *object_of(*nested(b"d", 202))
    yield "longer path", *object_of(*nested(b"d" * 255, 17))
    empty = Directory(())
    wrong = Node(NodeKind.DIRECTORY, False, 5, empty.node().payload)
    yield "the size of its entries", *object_of(Directory(((b"a", wrong),)), empty)
    yield "directory too many", *object_of(Directory(()), Directory(((b"a", link(b"b")),)))
    yield "link's target", *object_of(Directory(((b"a", link(b"b\0c")),)))


@pytest.mark.parametrize(("why", "oid", "head"), list(odd_trees()))
def test_a_tree_that_could_not_be_taken_in_is_refused(why: str, oid: ObjectId, head: Head) -> None:
    with pytest.raises(CorruptObject, match=why):
        checked(head, oid)


def countless(oid: ObjectId, levels: int) -> Head:
    """A head that says to be that of an object with its own path in it, which is proven last: each
    folder holds the next one twice."""
    folders = [Directory(((b"a", link(b"b")),))]
    for _ in range(levels):
        below = folders[-1].node()
        folders.append(Directory(((b"a", below), (b"b", below))))
    top = folders[-1].node()
    return head_of(Manifest(oid, (), True, top, {f.node().payload: f for f in folders}), ())


def test_countless_entries_in_a_small_head_are_not_laid_out(
    origin: Origin, own: Store, oid: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ENTRIES_LIMIT < 1 << 26
    monkeypatch.setattr(head_search, "ENTRIES_LIMIT", 1000)
    one, two = origin.cache(oid), origin.cache(oid, name="memory:two")
    one.told[oid] = countless(oid, 26)
    assert "has more entries than are taken" in of_one_cache(own, one, oid).damaged[0]
    assert pull(own, [one, two], [oid]).taken == (oid,)


def test_the_entries_of_all_objects_together_have_a_bound(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_search, "ENTRIES_LIMIT", 12)
    first, second, third = (origin.add(f"{n}", {"a": b"%d" % n}) for n in range(3))
    cache = origin.cache(first, second, third)
    other = origin.cache(first, second, third, name="memory:two")
    cache.told[first] = countless(first, 2)
    search = HeadSearch([cache, other], set, CacheNotes([cache, other]))
    search.search([first])
    search.search([second])
    assert (set(search.found), set(search.absent)) == ({first}, {second})
    assert search.another(first)
    search.search([third])
    assert set(search.found) == {first, third}, "what the first head had is free again"


@pytest.mark.parametrize("folders", [0, 12])
def test_a_size_that_nothing_proves_does_not_end_the_run(
    origin: Origin, own: Store, oid: ObjectId, folders: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = os.statvfs(own.layout.root)
    size = free.f_bavail * free.f_frsize + 1
    one, two = origin.cache(oid), origin.cache(oid, name="memory:two")
    top = Directory(((b"a", file(b"x" * 32, size)),))
    one.told[oid] = head_of(Manifest(oid, (), True, top.node(), {top.node().payload: top}), ())
    one.lies[oid] = lambda key, pieces: iter([Piece(key, 0, b"x")])
    if folders:
        monkeypatch.setattr(staged_pull, "FOLDER_BYTES", size)
        one.told[oid] = countless(oid, 2)
    assert "of disk would stay free" in of_one_cache(own, one, oid).damaged[0]
    if not folders:
        assert pull(own, [one, two], [oid]).taken == (oid,)


def test_an_object_with_its_own_digest_in_a_name_is_refused(origin: Origin) -> None:
    oid = origin.add_naming_itself("itself")
    head = origin.head(oid)
    entries = dict(head.manifest.directories[head.manifest.root.payload].entries)
    entries[b"x" + oid.text.encode()] = entries.pop(b"plain")
    top = Directory(tuple(sorted(entries.items(), key=lambda item: item[0])))
    lying = told(head, root=top.node(), directories={top.node().payload: top})
    with pytest.raises(CorruptObject, match="in its name"):
        checked(lying, oid)


@pytest.mark.parametrize(
    "names", [(b"..",), (b".",), (b"",), (b"a/b",), (b"a", b"a"), (b"b", b"a"), (b"n\0",)]
)
def test_duplicate_or_escaping_names_do_not_decode(
    origin: Origin, oid: ObjectId, names: tuple[bytes, ...]
) -> None:
    head = origin.head(oid)
    node = file(digest.file_digest(b"x"), 1)
    data = canon.encode([[name, *node.to_fields()] for name in names])
    key = digest.keyed(digest.DigestKind.DIRECTORY, data)
    root = Node(NodeKind.DIRECTORY, False, len(names), key)
    manifest = dataclasses.replace(head.manifest, root=root, directories={})
    fields = canon.decode(dataclasses.replace(manifest, directories={}).encode())
    assert isinstance(fields, list)
    fields[5] = [data]
    values = canon.decode(head.encode())
    assert isinstance(values, list)
    values[1] = canon.encode(fields)
    with pytest.raises(FormatError):
        Head.decode(canon.encode(values))


# -- closures of any size ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_closure_of_countless_objects_is_not_asked_for(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing proves a closure: references, which are proven, are asked for in any case."""
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    one, two = origin.cache(top), origin.cache(top, name="memory:two")
    many = [ObjectId(number.to_bytes(20, "big"), "n") for number in range(10 * GUESSES)]
    one.told[top] = dataclasses.replace(one.known[top], closure=tuple(sorted([low, *many])))
    asked: list[int] = []
    heads = MemoryCache.heads

    def counted(cache: MemoryCache, oids: Collection[ObjectId]) -> Mapping[ObjectId, Head]:
        asked.append(len(oids))
        return heads(cache, oids)

    monkeypatch.setattr(MemoryCache, "heads", counted)
    notes = CacheNotes([one, two])
    search = HeadSearch([one, two], set, notes)
    search.search([top])
    assert sum(asked) < 2 * GUESSES + 10
    assert search.found.keys() == {low, top}
    assert search.found[top].cache == 1
    assert "the closure of" in notes.damaged[0]


def test_closures_of_more_objects_than_are_guessed_come_by_references(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_search, "GUESSES", 2)
    chain = [origin.add("n0", {"a": b"0"})]
    for number in range(1, 8):
        chain.append(origin.add(f"n{number}", {"a": b"%d" % number}, chain[-1]))
    assert set(pull(own, [origin.cache(chain[-1])], [chain[-1]]).taken) == {*chain}


def test_large_heads_end_the_guesses(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The objects come by references then, one level after the other."""
    monkeypatch.setattr(head_search, "GUESSED_ENTRIES", 5)
    chain = [origin.add("n0", {"a": b"0"})]
    for number in range(1, 6):
        files = {f"f{each}": b"%d" % each for each in range(4)}
        chain.append(origin.add(f"n{number}", files | {"a": b"%d" % number}, chain[-1]))
    strangers = [origin.add(f"s{n}", {f"f{each}": b"x" for each in range(9)}) for n in range(2)]
    cache = origin.cache(*chain, *strangers)
    top = chain[-1]
    others = {*cache.known[top].closure, *strangers}
    cache.told[top] = dataclasses.replace(cache.known[top], closure=tuple(sorted(others)))
    search = HeadSearch([cache], set, CacheNotes([cache]))
    search.search([top])
    assert search._guesses == 0
