"""A cache on a server of the Remote Execution API: all comes back as it was put, and a loss is
noticed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from store import digest
from store.cache import file_names, zstd
from store.cache.build_logs import taken_log
from store.cache.offering import NamedFiles
from store.cache.pull import pull
from store.cache.push_plan import plan_push
from store.cache.pushing import Pushed
from store.cache.reapi_cache import FILE, TREE, ReapiCache, action_of
from store.cache.reapi_push import push_files, push_to_server
from store.errors import CorruptObject, ServerUnusable, UnknownObject
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.reapi.blob import BlobDigest, BlobPiece, blob_of, digest_message
from store.reapi.messages import message
from store.reapi.server import Server
from store.signing.keys import PrivateKey
from tests.unit.cache.conftest import Origin
from tests.unit.farm.memory_server import MemoryServer

ANNE = PrivateKey(b"\1" * 32, "anne")
HELLO = Derivation("top", "x86_64-linux", "/bin/sh")
SOURCE = Source("src", "a" * 64, ("https://example.org/src",))
LOG = b"made\n"


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


@pytest.fixture
def cache(server: MemoryServer) -> ReapiCache:
    return ReapiCache(cast(Server, server))


@pytest.fixture
def top(origin: Origin) -> ObjectId:
    """An object that was built here, with a log, of a source and another object."""
    lib = origin.add("lib", {"large": os.urandom(5 << 20), "text": b"text", "same": b"text"})
    src = origin.add("src", {"text": b"source"})
    oid = origin.add("top", {"a/b": b"1", "empty": b""}, lib, src)
    node = HELLO.resolve({})
    node = type(node)(node.name, node.system, node.builder, inputs=tuple(sorted((src, lib))))
    Path(origin.store.start_log(node.digest)).write_bytes(LOG)

    def write(txn: Writer) -> None:
        txn.nodes.put([node, SOURCE])
        log = digest.file_digest(LOG)
        txn.realisations.add(Realisation(node.digest, "out", oid, "u", "h", "full", log, 1, 9))
        txn.realisations.add(Realisation(SOURCE.digest, "out", src, "u", "h", "fetch", None, 1, 9))
        txn.nodes.put_outcomes({HELLO.digest: node.digest})

    origin.store.index.write(write)
    return oid


def pushed(store: Store, cache: ReapiCache, top: ObjectId) -> Pushed:
    return push_to_server(store, cache, plan_push(store, [top], ANNE))


def named(store: Store, name: str) -> ObjectId:
    return next(oid for oid, _ in store.objects.all() if oid.name == name)


def lose(server: MemoryServer, data: bytes) -> None:
    """Let the server lose the blob with these bytes."""
    server.blobs = {key: held for key, held in server.blobs.items() if held != data}


@pytest.mark.slow
def test_a_closure_comes_back_with_all_that_is_known_of_it(
    origin: Origin, own: Store, top: ObjectId, cache: ReapiCache
) -> None:
    done = pushed(origin.store, cache, top)
    assert {oid.name for oid in done.objects} == {"lib", "src", "top"}
    assert (done.present, done.statements, done.sources, done.logs) == (0, 2, 1, 1)
    pulled = pull(own, [cache], [top])
    assert (pulled.damaged, pulled.unusable, pulled.refused) == ((), {}, {})
    assert own.objects.manifest(top) == origin.store.objects.manifest(top)
    assert cache.sources([SOURCE.sha256]) == {SOURCE.sha256: named(origin.store, "src")}
    assert cache.by_derivation([HELLO.digest], [ANNE.public.id]).keys() == {HELLO.digest}
    assert taken_log(cache, digest.file_digest(LOG)) == LOG


def test_objects_that_are_pushed_are_counted(
    origin: Origin, top: ObjectId, cache: ReapiCache
) -> None:
    counts = []
    plan = plan_push(origin.store, [top], ANNE)
    push_to_server(origin.store, cache, plan, lambda *count: counts.append(count))
    assert {thing for thing, _, _ in counts} == {"object"}
    assert [done for _, done, _ in counts] == sorted(done for _, done, _ in counts)
    assert {(done, total) for _, done, total in counts} == {(0, 3), (1, 3), (2, 3)}


@pytest.mark.slow
def test_small_objects_come_by_the_same_questions(
    origin: Origin,
    own: Store,
    cache: ReapiCache,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    parts = [origin.add(f"part{number}", {"text": b"%d" % number}) for number in range(20)]
    top = origin.add("top", {"text": b"top"}, *parts)
    pushed(origin.store, cache, top)
    asked = tmp_path / "asked"
    call = MemoryServer._call

    def noted(self: MemoryServer, name: str, *args: Any) -> Iterator[Any]:
        with asked.open("a") as stream:  # of the process that pulls
            stream.write(f"{name}\n")
        yield from call(self, name, *args)

    monkeypatch.setattr(MemoryServer, "_call", noted)
    assert len(pull(own, [cache], [top]).taken) == 21
    assert len(asked.read_text().split()) < 10


def test_a_second_push_sends_no_object(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    pushed(origin.store, cache, top)
    before = server.sent
    done = pushed(origin.store, cache, top)
    assert (done.objects, done.present) == ([], 3)
    assert (done.statements, done.sources, done.logs) == (0, 0, 0)
    assert server.sent == before


def test_a_file_that_the_server_lost_is_sent_again(
    origin: Origin, own: Store, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    pushed(origin.store, cache, top)
    lose(server, b"text")
    done = pushed(origin.store, cache, top)
    assert [oid.name for oid in done.objects] == ["lib"]
    assert done.mended == {named(origin.store, "lib"): "the server lacked 1 of its blobs"}
    assert pull(own, [cache], [top]).damaged == ()


Damage = Callable[[MemoryServer, ReapiCache, ObjectId], None]


def head_result(server: MemoryServer, oid: ObjectId) -> tuple[Any, Any]:
    """The result of the action of an object's head, and the action's digest."""
    action = action_of(file_names.head(oid))[0].digest
    return message("ActionResult").FromString(server.kept[action]), action


def no_head(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    push_files(cache, {file_names.head(oid): b"no head"})


def other_head(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    others = [other for other in server.kept.values() if other != server.kept[head_of(oid)]]
    server.kept[head_of(oid)] = next(each for each in others if b"object" in each)


def other_closure(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    head = cache.heads([oid])[oid]
    more = tuple(sorted({*head.closure, ObjectId(b"\1" * 20, "more")}))
    result, action = head_result(server, oid)
    data = zstd.compress(replace(head, closure=more).encode())
    push_files(cache, {file_names.head(oid): data})
    wrong, _ = head_result(server, oid)
    result.output_files[0].CopyFrom(wrong.output_files[0])
    server.kept[action] = result.SerializeToString()


def rotten_head(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    result, _ = head_result(server, oid)
    spoil(server, result.output_files[0].digest.hash)


def lost_head(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    result, _ = head_result(server, oid)
    drop(server, result.output_files[0].digest.hash)


def no_tree(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    result, action = head_result(server, oid)
    del result.output_directories[:]
    server.kept[action] = result.SerializeToString()


def lost_tree(server: MemoryServer, cache: ReapiCache, oid: ObjectId) -> None:
    result, _ = head_result(server, oid)
    drop(server, result.output_directories[0].tree_digest.hash)


def head_of(oid: ObjectId) -> Any:
    """The digest of the action of an object's head."""
    return action_of(file_names.head(oid))[0].digest


def drop(server: MemoryServer, name: str) -> None:
    """Let the server lose a blob."""
    server.blobs = {key: data for key, data in server.blobs.items() if key.hash != name}


def spoil(server: MemoryServer, name: str) -> None:
    """Let the server's disk damage a blob, which it then has under the same name."""
    for key, data in server.blobs.items():
        if key.hash == name:
            server.blobs[key] = data[:-1] + b"!"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (no_head, "its head was damaged: this is not compressed"),
        (other_head, "its head was damaged: it is the head of"),
        (other_closure, "it has another closure"),
        (rotten_head, "its head was missing or damaged"),
        (lost_head, "its head was missing or damaged"),
        (no_tree, "its tree was another's, or missing"),
        (lost_tree, "the server lacked 1 of its blobs"),
    ],
)
def test_a_push_puts_a_damaged_object_again_and_names_it(
    origin: Origin,
    own: Store,
    top: ObjectId,
    cache: ReapiCache,
    server: MemoryServer,
    damage: Damage,
    why: str,
) -> None:
    pushed(origin.store, cache, top)
    damage(server, cache, top)
    done = pushed(origin.store, ReapiCache(cast(Server, server)), top)
    assert (done.objects, done.present) == ([top], 2)
    assert why in done.mended[top]
    taken = pull(own, [ReapiCache(cast(Server, server))], [top])
    assert (taken.damaged, taken.unusable, taken.refused) == ((), {}, {})
    again = pushed(origin.store, cache, top)
    assert (again.objects, again.mended) == ([], {})


@pytest.mark.parametrize("lost", [True, False])
def test_a_push_puts_damaged_sources_and_logs_again(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer, lost: bool
) -> None:
    pushed(origin.store, cache, top)
    source = file_names.source(SOURCE.sha256)
    log = file_names.log(digest.file_digest(LOG))
    if lost:
        for name in (source, log):
            result = message("ActionResult").FromString(server.kept[action_of(name)[0].digest])
            drop(server, result.output_files[0].digest.hash)
    else:
        push_files(cache, {source: b"no object"})
        server.kept[action_of(log)[0].digest] = b"\xff\xff"
    done = pushed(origin.store, cache, top)
    assert (done.sources, done.logs) == (1, 1)
    assert taken_log(cache, digest.file_digest(LOG)) == LOG
    assert cache.sources([SOURCE.sha256]) == {SOURCE.sha256: named(origin.store, "src")}


def test_a_source_that_the_server_cannot_send_is_an_error(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    pushed(origin.store, cache, top)
    source = file_names.source(SOURCE.sha256)
    result = message("ActionResult").FromString(server.kept[action_of(source)[0].digest])
    spoil(server, result.output_files[0].digest.hash)
    with pytest.raises(CacheUnusable, match="did not keep sources/"):
        pushed(origin.store, cache, top)


def test_a_server_that_keeps_nothing_is_no_cache(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    server.forgets = lambda blob: blob.size == len(b"text")
    with pytest.raises(CacheUnusable, match="did not keep the files of") as refused:
        pushed(origin.store, cache, top)
    assert "quota" in str(refused.value.hint)


def test_a_server_that_forgets_results_is_no_cache(
    origin: Origin, top: ObjectId, cache: ReapiCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryServer, "set_result", lambda self, action, result: None)
    with pytest.raises(CacheUnusable, match=r"did not keep \S+-\w+ and 2 more"):
        pushed(origin.store, cache, top)


def test_a_server_may_let_nobody_push(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    server.updates = False
    with pytest.raises(CacheUnusable, match="does not let this client push"):
        pushed(origin.store, cache, top)
    assert not server.blobs


def test_an_object_that_the_api_cannot_hold_stays_with_its_users(
    origin: Origin, cache: ReapiCache
) -> None:
    bad = origin.add("bad", {os.fsdecode(b"caf\xe9"): b"1"})
    user = origin.add("user", {"text": b"2"}, bad)
    done = pushed(origin.store, cache, user)
    assert done.objects == []
    assert done.refused[user] == f"it refers to {bad}, which cannot be pushed"
    assert set(done.refused) == {bad, user}
    assert cache.heads([bad, user]) == {}


def test_contents_of_a_lost_tree_are_missing(
    origin: Origin, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    pushed(origin.store, cache, top)
    head = cache.heads([top])[top]
    tree = message("ActionResult").FromString(
        server.kept[action_of(file_names.head(top))[0].digest]
    )
    found = {each.tree_digest.hash for each in tree.output_directories}
    server.blobs = {key: data for key, data in server.blobs.items() if key.hash not in found}
    with pytest.raises(UnknownObject, match=f"does not have the tree of {top}"):
        cache.contents(head, [digest.file_digest(b"1")])


def test_one_tree_of_an_object_is_read_however_many_a_result_names(
    origin: Origin, own: Store, top: ObjectId, cache: ReapiCache, server: MemoryServer
) -> None:
    pushed(origin.store, cache, top)
    result, action = head_result(server, top)
    more = [server.put(blob_of(b"tree %d" % number)) for number in range(100)]
    for each in more:
        result.output_directories.add(path=TREE, tree_digest=digest_message(each))
    server.kept[action] = result.SerializeToString()
    read: list[BlobDigest] = []
    ask = server._read
    server._read = lambda digests: read.extend(digests) or ask(digests)  # type: ignore[method-assign, func-returns-value]
    assert cache.contents(cache.heads([top])[top], [digest.file_digest(b"1")])
    assert not {*more} & {*read}


def walked(cache: ReapiCache, oid: ObjectId, *contents: bytes) -> dict[bytes, bytes]:
    """The contents as they come, in all runs."""
    found: dict[bytes, bytes] = {}
    wanted = [digest.file_digest(each) for each in contents]
    for run in cache.contents(cache.heads([oid])[oid], wanted):
        for part in run.parts():
            for piece in part:
                found[piece.digest] = found.get(piece.digest, b"") + bytes(piece.data)
    return found


def test_the_contents_that_are_asked_for_come_and_no_others(
    origin: Origin, top: ObjectId, cache: ReapiCache
) -> None:
    pushed(origin.store, cache, top)
    lib = named(origin.store, "lib")
    assert walked(cache, lib, b"text", b"not there") == {digest.file_digest(b"text"): b"text"}


def test_a_lost_content_is_missing_and_a_short_one_damaged(
    origin: Origin,
    top: ObjectId,
    cache: ReapiCache,
    server: MemoryServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pushed(origin.store, cache, top)
    lib = named(origin.store, "lib")

    def half(self: Any, digests: Any) -> Iterator[list[BlobPiece]]:
        yield [BlobPiece(each, 0, b"te") for each in digests if each.size == len(b"text")]
        yield from whole(self, [each for each in digests if each.size != len(b"text")])

    whole = MemoryServer._read
    monkeypatch.setattr(MemoryServer, "_read", half)
    with pytest.raises(CorruptObject, match="a file of it ends early"):
        walked(cache, lib, b"text")
    monkeypatch.undo()
    lose(server, b"text")
    with pytest.raises(UnknownObject, match="but not 1 of its files"):
        walked(cache, lib, b"text")


def test_a_result_that_is_no_message_counts_as_none(
    cache: ReapiCache, server: MemoryServer
) -> None:
    push_files(cache, {"one": b"1", "two": b"2", "three": b"3"})
    server.kept[action_of("one")[0].digest] = b"\xff\xff"
    wrong = message("ActionResult")()
    wrong.output_files.add(path=FILE).digest.hash = "no digest"
    server.kept[action_of("two")[0].digest] = wrong.SerializeToString()
    assert cache.files(["one", "two", "three", "four"], 10) == {"three": b"3"}
    assert cache.files(["three"], 0) == {}


def test_a_server_that_cannot_be_used_is_a_cache_that_cannot(
    cache: ReapiCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise ServerUnusable("it is silent", hint="wait")

    monkeypatch.setattr(MemoryServer, "_results", refuse)
    with pytest.raises(CacheUnusable, match="it is silent") as refused:
        cache.heads([ObjectId(b"\1" * 20, "one")])
    assert refused.value.hint == "wait"


def test_a_log_is_taken_only_if_it_is_the_one_that_was_asked_for(cache: ReapiCache) -> None:
    files = cast(NamedFiles, cache)
    wanted, other = digest.file_digest(b"wanted"), digest.file_digest(b"other")
    assert taken_log(files, wanted) is None
    push_files(cache, {file_names.log(wanted): zstd.compress(b"other")})
    with pytest.raises(CorruptObject, match="is damaged: it is another log"):
        taken_log(files, wanted)
    push_files(cache, {file_names.log(wanted): b"no frame"})
    with pytest.raises(CorruptObject, match="is damaged"):
        taken_log(files, wanted)
    push_files(cache, {file_names.log(other): zstd.compress(b"other")})
    assert taken_log(files, other) == b"other"
