"""A push: all arrives, nothing twice, and a loss is noticed."""

from __future__ import annotations

import functools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from store import digest
from store.cache import file_names, zstd
from store.cache.folder_place import FolderPlace
from store.cache.head import FRAME_LIMIT, Head, stream
from store.cache.http_place import HttpPlace
from store.cache.place import CachePlace
from store.cache.pull import pull
from store.cache.push_plan import can_sign, plan_push
from store.cache.pushing import Pushed, push
from store.cache.static_cache import StaticCache
from store.errors import CorruptObject
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.signing import envelope
from store.signing.keys import PrivateKey
from tests.unit.cache.caches import head_and_pack, manifest_of
from tests.unit.cache.conftest import Origin
from tests.unit.cache.web import Handler, Web, serving

ANNE, BOB = PrivateKey(b"\1" * 32, "anne"), PrivateKey(b"\2" * 32, "bob")
SOURCE = Source("src", "a" * 64, ("https://example.org/src",))
HELLO = Derivation("top", "x86_64-linux", "/bin/sh")
TOOL = Derivation("lib", "x86_64-linux", "/bin/sh")
LOG = b"made\n"
TEXT = 1_200_000
"""Bytes of a file that has a frame of its own, and one alone."""


@functools.cache
def noise(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


@pytest.fixture
def top(origin: Origin) -> ObjectId:
    """An object that was built here of a source, and refers to another."""
    files = {f"small{number:02}": noise(number, 10_000) for number in range(30)}
    lib = origin.add("lib", {"large": noise(99, 5 << 20), **files, "text": b"x" * TEXT})
    src = origin.add("src", {"text": b"source"})
    oid = origin.add("top", {"a/b": b"1", "empty": b""}, lib)
    node = HELLO.resolve({})
    node = type(node)(node.name, node.system, node.builder, inputs=tuple(sorted((src, lib))))
    Path(origin.store.start_log(node.digest)).write_bytes(LOG)
    log = digest.file_digest(LOG)
    records = [
        Realisation(node.digest, "out", oid, "u", "h", "full", log, 1, 9),
        Realisation(SOURCE.digest, "out", src, "u", "h", "fetch", None, 1, 9),
    ]

    def write(txn: Writer) -> None:
        txn.nodes.put([node, SOURCE])
        for record in records:
            txn.realisations.add(record)
        txn.nodes.put_outcomes({HELLO.digest: node.digest})

    origin.store.index.write(write)
    return oid


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as running:
        yield running


@pytest.fixture(params=["folder", "web"])
def place(request: pytest.FixtureRequest, tmp_path: Path, web: Web) -> CachePlace:
    return FolderPlace(str(tmp_path / "cache")) if request.param == "folder" else HttpPlace(web.url)


def pushed(store: Store, place: CachePlace, top: ObjectId, key: PrivateKey = ANNE) -> Pushed:
    return push(store, place, plan_push(store, [top], key))


def named(store: Store, name: str) -> ObjectId:
    return next(oid for oid, _ in store.objects.all() if oid.name == name)


@pytest.mark.slow
def test_the_closure_comes_back_from_an_empty_store(
    origin: Origin, top: ObjectId, own: Store, place: CachePlace
) -> None:
    done = pushed(origin.store, place, top)
    assert [oid.name for oid in done.objects] == ["lib", "top"]
    assert (done.present, done.statements, done.sources, done.logs) == (0, 2, 0, 1)
    pulled = pull(own, [StaticCache(place)], [top])
    assert (pulled.damaged, pulled.unusable, pulled.refused) == ((), {}, {})
    assert [oid.name for oid in pulled.taken] == ["lib", "top"]
    assert own.objects.manifest(top) == origin.store.objects.manifest(top)
    assert pulled.fetched >= done.packed


def test_what_takes_long_to_put_is_counted(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    seen = threading.Event()

    class Slow(FolderPlace):
        def put(self, name: str, data: bytes | BinaryIO) -> None:
            assert not name.endswith(".pack") or seen.wait(60)
            super().put(name, data)

    counts = []

    def count(thing: str, done: int, total: int) -> None:
        counts.append((thing, done, total))
        seen.set()

    plan = plan_push(origin.store, [top], ANNE)
    push(origin.store, Slow(str(tmp_path / "cache")), plan, count)
    assert counts[0] == ("object", 0, 2)


def test_a_second_push_puts_nothing(
    origin: Origin, top: ObjectId, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(origin.store, HttpPlace(web.url), top)
    web.requests.clear()
    done = pushed(origin.store, HttpPlace(web.url), top)
    assert done.nothing and done.present == 2
    assert web.names("PUT") == []


@pytest.mark.parametrize(
    ("file", "damage", "why"),
    [
        (file_names.head, b"no head", "its head was damaged"),
        (file_names.pack, b"short", "its pack had 5 bytes"),
        (file_names.pack, None, "its pack was missing"),
    ],
)
def test_an_object_that_is_damaged_there_is_put_again(
    origin: Origin,
    top: ObjectId,
    web: Web,
    file: Callable[[ObjectId], str],
    damage: bytes | None,
    why: str,
) -> None:
    pushed(origin.store, HttpPlace(web.url), top)
    path = web.folder / file(top)
    data = path.read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage)
    done = pushed(origin.store, HttpPlace(web.url), top)
    assert (done.objects, done.present) == ([top], 1)
    assert why in done.mended[top]
    assert path.read_bytes() == data
    assert pushed(origin.store, HttpPlace(web.url), top).nothing


def test_a_head_that_decodes_and_is_not_the_objects_is_put_again(
    origin: Origin, top: ObjectId, own: Store, tmp_path: Path
) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    pushed(origin.store, place, top)
    path = tmp_path / "cache" / file_names.head(top)
    data = path.read_bytes()
    head = Head.decode(zstd.decompress_record(data, 1 << 20))
    other = manifest_of(top.name, [b"1"], head.manifest.references)
    wrong = replace(other, id=top)
    for made, why in (
        (replace(head, closure=(*head.closure, ObjectId(b"\xff" * 20, "z"))), "another closure"),
        (head_and_pack(wrong, [b"1"], [1])[0], "another manifest"),
    ):
        path.write_bytes(zstd.compress(made.encode()))
        done = pushed(origin.store, place, top)
        assert why in done.mended[top]
        assert path.read_bytes() == data
    assert pull(own, [StaticCache(place)], [top]).damaged == ()


@pytest.mark.parametrize("name", ["logs", "sources"])
def test_a_fact_that_a_power_cut_left_empty_is_put_again(
    origin: Origin, top: ObjectId, tmp_path: Path, name: str
) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    plan = plan_push(origin.store, [top], ANNE, builds=True)
    push(origin.store, place, plan)
    (path,) = (tmp_path / "cache" / name).iterdir()
    data = path.read_bytes()
    path.write_bytes(b"")
    assert not push(origin.store, place, plan).nothing
    assert path.read_bytes() == data


def test_a_closure_that_is_still_wanted_gets_a_new_time(
    origin: Origin, top: ObjectId, web: Web
) -> None:
    pushed(origin.store, HttpPlace(web.url), top)
    path = web.folder / file_names.head(top)
    data = path.read_bytes()
    for days, times in ((0.5, 0), (2, 1), (0, 0)):
        web.requests.clear()
        if days:
            then = time.time() - days * 24 * 3600
            os.utime(path, (then, then))
        assert pushed(origin.store, HttpPlace(web.url), top).nothing
        assert web.names("PUT") == [file_names.head(top)] * times
    assert path.read_bytes() == data
    assert path.stat().st_mtime > time.time() - 3600


def test_heads_say_how_packs_are_cut(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    pushed(origin.store, place, top)
    cache, lib = StaticCache(place), named(origin.store, "lib")
    heads = cache.heads([lib, top])
    assert (heads[top].closure, heads[lib].closure) == ((lib,), ())
    pack = (tmp_path / "cache" / file_names.pack(lib)).read_bytes()
    assert digest.file_digest(pack) == heads[lib].pack_digest
    assert len(pack) == heads[lib].packed_size
    frames = heads[lib].frames
    # The large files in parts of 4 MiB, the small ones by the MiB.
    assert sorted(frame.unpacked for frame in frames if frame.unpacked > 1 << 20) == [
        (5 << 20) - FRAME_LIMIT if (5 << 20) - FRAME_LIMIT > 1 << 20 else TEXT,
        FRAME_LIMIT,
    ]
    large = next(span for span in stream(heads[lib].manifest) if span.size == 5 << 20)
    starts = [sum(frame.unpacked for frame in frames[:number]) for number in range(len(frames))]
    assert large.offset in starts


def test_with_builds_the_inputs_come_along(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    plan = plan_push(origin.store, [top], ANNE, builds=True)
    assert push(origin.store, place, plan).sources == 1
    src = named(origin.store, "src")
    assert StaticCache(place).sources([SOURCE.sha256]) == {SOURCE.sha256: src}
    assert StaticCache(place).heads([src]).keys() == {src}


def test_a_log_can_be_read_by_its_digest(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    pushed(origin.store, FolderPlace(str(tmp_path / "cache")), top)
    data = (tmp_path / "cache" / file_names.log(digest.file_digest(LOG))).read_bytes()
    assert zstd.decompress_record(data, 100) == LOG


def test_an_interrupted_push_is_taken_up(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    class Ending(FolderPlace):
        def put(self, name: str, data: bytes | BinaryIO) -> None:
            if name == file_names.head(top):
                raise CacheUnusable("it ended")
            super().put(name, data)

    with pytest.raises(CacheUnusable):
        pushed(origin.store, Ending(str(tmp_path / "cache")), top)
    place = FolderPlace(str(tmp_path / "cache"))
    assert StaticCache(place).by_key([HELLO.digest], [ANNE.public.id]) == {}
    done = pushed(origin.store, place, top)
    assert (done.objects, done.present) == ([top], 1)


def test_heads_come_after_packs_and_after_heads_of_references(
    origin: Origin, top: ObjectId, web: Web
) -> None:
    pushed(origin.store, HttpPlace(web.url), top)
    lib, names = named(origin.store, "lib"), web.names("PUT")
    order = [
        file_names.MARKER,
        *(file_names.pack(lib), file_names.head(lib), file_names.head(top)),
    ]
    assert [name for name in names if name in order] == order
    statements = [number for number, name in enumerate(names) if name.startswith("by-")]
    assert min(statements) > names.index(file_names.head(top))
    assert names.index(file_names.pack(top)) < names.index(file_names.head(top))


def test_statements_of_others_and_earlier_ones_stay(
    origin: Origin, top: ObjectId, tmp_path: Path
) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    pushed(origin.store, place, top)
    assert pushed(origin.store, place, top, BOB).statements == 2
    cache = StaticCache(place)
    ids = [ANNE.public.id, BOB.public.id]
    files = cache.by_derivation([HELLO.digest], ids)[HELLO.digest]
    assert [len(file.data.splitlines()) for file in files] == [1, 1]
    name = file_names.by_derivation(HELLO.digest, ANNE.public.id)
    path = tmp_path / "cache" / name
    earlier = [envelope.seal(text, [ANNE]).encode() for text in (b"an older one", b"another")]
    path.write_bytes(b"\n".join(earlier))  # without an end
    assert pushed(origin.store, place, top).statements == 1
    lines = path.read_bytes().splitlines()
    assert lines[:2] == earlier
    assert lines[2:] == files[0].data.splitlines() or len(lines) == 3


def test_damaged_lines_of_ones_own_go_with_the_next_push(
    origin: Origin, top: ObjectId, place: CachePlace
) -> None:
    pushed(origin.store, place, top)
    name = file_names.by_derivation(HELLO.digest, ANNE.public.id)
    data = place.get([name], 1 << 20)[name]
    forged = envelope.seal(b"not hers", [BOB]).encode()
    for damaged in (data[:-9] + b"\n", b"\0\n" + data, data + forged + b"\n" + data[:99]):
        place.put(name, damaged)
        pushed(origin.store, place, top)
        assert place.get([name], 1 << 20)[name] == data
    assert pushed(origin.store, place, top).nothing


def test_a_source_that_names_no_object_there_is_put_again(
    origin: Origin, top: ObjectId, place: CachePlace
) -> None:
    plan = plan_push(origin.store, [top], ANNE, builds=True)
    push(origin.store, place, plan)
    ((name, data),) = plan.source_files().items()
    place.put(name, f"{'0' * 32}-src\n".encode())
    assert push(origin.store, place, plan).sources == 1
    assert place.get([name], 300)[name] == data
    named_first = f"{named(origin.store, 'lib')}\n".encode()
    place.put(name, named_first)  # another object with that source may have come first
    assert push(origin.store, place, plan).nothing
    assert place.get([name], 300)[name] == named_first


def test_without_a_key_only_objects_come(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    lib = named(origin.store, "lib")
    assert can_sign(origin.store, [top])
    assert not can_sign(origin.store, [lib])
    place = FolderPlace(str(tmp_path / "cache"))
    assert push(origin.store, place, plan_push(origin.store, [lib], None)).statements == 0
    assert not (tmp_path / "cache" / "by-key").exists()


@pytest.mark.parametrize("lost", [".pack", ".head", ".jsonl", ".zst", "fixpoint-cache"])
def test_a_place_that_does_not_keep_it_is_an_error(
    origin: Origin, top: ObjectId, web: Web, lost: str
) -> None:
    def forget(handler: Handler) -> bool:
        if handler.command != "PUT" or not handler.name.endswith(lost):
            return False
        handler.rfile.read(int(handler.headers["Content-Length"]))
        return handler.answer(201)

    web.instead = forget
    with pytest.raises(CacheUnusable, match="did not keep"):
        pushed(origin.store, HttpPlace(web.url), top)


def test_a_pack_that_was_cut_short_is_noticed(origin: Origin, top: ObjectId, web: Web) -> None:
    def cut(handler: Handler) -> bool:
        if handler.command != "PUT" or not handler.name.endswith(".pack"):
            return False
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        path = web.folder / handler.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[:-1])
        return handler.answer(201)

    web.instead = cut
    with pytest.raises(CacheUnusable, match="did not keep"):
        pushed(origin.store, HttpPlace(web.url), top)


def test_objects_that_go_meanwhile_are_put_again(
    origin: Origin, top: ObjectId, tmp_path: Path
) -> None:
    lib = named(origin.store, "lib")

    class Pruned(FolderPlace):
        times = 0

        def put(self, name: str, data: bytes | BinaryIO) -> None:
            super().put(name, data)
            if name == file_names.head(top) and not self.times:
                self.times += 1
                self.remove(file_names.head(lib))

    place = Pruned(str(tmp_path / "cache"))
    done = pushed(origin.store, place, top)
    assert done.objects.count(lib) == 2
    assert StaticCache(place).heads([lib, top]).keys() == {lib, top}


def test_a_damaged_object_is_not_pushed(origin: Origin, top: ObjectId, tmp_path: Path) -> None:
    lib = named(origin.store, "lib")
    path = Path(origin.store.layout.object(lib), "large")
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"x")
    place = FolderPlace(str(tmp_path / "cache"))
    with pytest.raises(CorruptObject, match="large"):
        pushed(origin.store, place, top)
    assert StaticCache(place).heads([lib, top]) == {}


@pytest.mark.slow
def test_two_pushes_side_by_side_leave_a_whole_cache(
    origin: Origin, top: ObjectId, own: Store, tmp_path: Path
) -> None:
    path = str(tmp_path / "cache")
    plan = plan_push(origin.store, [top], ANNE)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            push(origin.store, FolderPlace(path), plan)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert pull(own, [StaticCache(FolderPlace(path))], [top]).refused == {}


def test_the_pack_of_another_push_gets_a_head_that_fits(
    origin: Origin, top: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = named(origin.store, "lib")
    other = tmp_path / "other"
    monkeypatch.setattr(zstd, "LEVEL", 1)
    monkeypatch.setattr(zstd.compress, "__defaults__", (1,))
    pushed(origin.store, FolderPlace(str(other)), top)
    monkeypatch.undo()

    class Beside(FolderPlace):
        """Another push puts its head after ours."""

        def put(self, name: str, data: bytes | BinaryIO) -> None:
            theirs = other / name
            use = name == file_names.head(lib) and theirs.exists() and not self.done
            super().put(name, theirs.read_bytes() if use else data)
            self.done |= use

        done = False

    place = Beside(str(tmp_path / "cache"))
    pushed(origin.store, place, top)
    head = StaticCache(place).heads([lib])[lib]
    pack = (tmp_path / "cache" / file_names.pack(lib)).read_bytes()
    assert digest.file_digest(pack) == head.pack_digest


def test_a_folder_with_other_things_does_not_become_a_cache(
    origin: Origin, top: ObjectId, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("")
    with pytest.raises(CacheUnusable, match="other things"):
        pushed(origin.store, FolderPlace(str(tmp_path / "home")), top)
    assert os.listdir(tmp_path / "home") == ["letter"]
