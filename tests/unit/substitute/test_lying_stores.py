"""Importing from stores that lie, and from statements that do: objects come, no lie counts."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lmdb
import pytest

from store.attest.sources import Line
from store.attest.vouching import Reading, read_vouched
from store.cli.commands.attest import made_here
from store.errors import FormatError, InvalidName, StorageError, StoreError, UnknownObject
from store.graph.resolver import Resolver
from store.index.schema import TABLES
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Resolved, Source
from store.model.names import ObjectId, object_name
from store.model.origin import BUILT, How, Origin
from store.model.realisation import Realisation
from store.model.result import Made, Result
from store.model.verdict import AuditFinding, Verdict
from store.objects.ingest import ingest
from store.recovery.backup import SEAL, backup
from store.recovery.recover import rebuild, restore
from store.signing import claims, envelope, statement, verdicts
from store.signing.keys import PrivateKey
from store.substitute.belief import NOBODY, Belief, Vouched
from store.substitute.directory import StoreDirectory
from store.substitute.importing import Imported, import_objects
from store.system.machine import host_name, user_name

pytestmark = pytest.mark.slow  # each test makes two stores, builds and all

HELLO = Resolved("hello", "x", "/bin/hello", ("build",))
SIMPLE = Resolved("simple", "x", "/bin/simple", ("build",))
PAIR = Resolved("pair", "x", "/bin/pair", ("build",), outputs=("out", "lib"))
OTHER_HELLO = Resolved("hello", "x", "/bin/hello", ("another recipe",))
CONTENT = b"an archive\n"
ARCHIVE = Source(
    "archive", "ac6a9a02e2b1ac4b9e1e8dd0f4a3d04eb9e1bd0f6d22bb2f8a06a4bd0bfb5d64", ("a:b",)
)
ALL = (HELLO, SIMPLE, PAIR, OTHER_HELLO)
ANNE, EVE = PrivateKey.generate("anne"), PrivateKey.generate("eve")
UNSIGNED = Belief(unsigned=True)


@dataclass
class Other:
    """Another store, and the objects in it by name."""

    store: Store
    objects: dict[str, ObjectId] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return self.store.layout.root

    def put(self, name: str, content: bytes, *, executable: bool = False) -> Made:
        path = Path(self.store.layout.tmp) / "made"
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)
        manifest = ingest(self.root, str(path), name)
        path.unlink()
        self.store.objects.register([manifest])
        self.objects[name] = manifest.id
        return Made("out", manifest.id, (), False, manifest.size)

    def builds(self, node: Resolved, content: bytes = b"made", started: int = 1) -> None:
        outputs = tuple(
            replace(
                self.put(object_name(node.name, output), content + output.encode()), output=output
            )
            for output in node.outputs
        )
        result = Result(tuple(outputs), "full", started, 1.5)
        self.store.realisations.register(node.digest, node.digest, node, result)

    def says(self, key: bytes, output: str, oid: ObjectId, data: bytes | None = None) -> None:
        """Write a record as no honest program would, beside all checks."""
        record = Realisation(key, output, oid, "u", "h", "full", None, 5, 1)
        at = key + output.encode() + b"\0" + record.digest()[:8]
        self.store.close()
        with raw(self.root) as (env, txn):
            put(env, txn, b"realisations", at, record.stored() if data is None else data)
            put(env, txn, b"makers", oid.digest, at)
        self.store = Store.open(self.root)

    def statement(
        self, node: Resolved, name: str, key: PrivateKey = ANNE, output: str = "out", **change: Any
    ) -> bytes:
        """Return what a key signs of an object, as whose output it will."""
        oid = self.objects[name]
        record = Realisation(node.digest, output, oid, "u", "h", "full", b"l" * 32, 5, 1500)
        tree = self.store.objects.manifest(oid).root.digest()
        payload = json.loads(statement.provenance(record, node, key.public, tree))
        for path, value in change.items():
            place, *rest = payload, *path.split("__")
            for step in rest[:-1]:
                place = place[int(step) if step.isdigit() else step]
            place[rest[-1]] = value
        return envelope.seal(json.dumps(payload).encode(), [key]).encode()


class raw:  # noqa: N801 - reads as a verb
    """A transaction on the tables of a store that nobody has open."""

    def __init__(self, root: str) -> None:
        self.env = lmdb.open(f"{root}/index", max_dbs=40, map_size=64 << 20)

    def __enter__(self) -> tuple[Any, Any]:
        self.txn = self.env.begin(write=True)
        return self.env, self.txn

    def __exit__(self, *error: object) -> None:
        self.txn.commit()
        self.env.close()


def put(env: Any, txn: Any, table: bytes, key: bytes, value: bytes) -> None:
    txn.put(key, value, db=env.open_db(table, txn, create=False, **TABLES[table]))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    made = Other(Store.open(str(tmp_path / "other")))
    made.builds(HELLO)
    made.put("simple", b"simple")
    yield made
    made.store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Store]:
    made = Store.open(str(tmp_path / "own"))
    yield made
    made.close()


def taken(own: Store, other: Other | str, *oids: ObjectId, belief: Belief = NOBODY) -> Imported:
    root = other if isinstance(other, str) else other.root
    if isinstance(other, Other) and other.store is not own:
        # LMDB opens a file once in a process, and a child of one counts as the same.
        other.store.close()
    done = import_objects(own, StoreDirectory(root), oids, belief=belief)
    if isinstance(other, Other) and other.store is not own:
        with contextlib.suppress(StoreError):
            other.store = Store.open(root)
    assert all(own.objects.present(oid) for oid in oids)
    return done


def nothing_counts(own: Store) -> None:
    assert own.realisations.all() == []
    for node in ALL:
        assert own.realisations.realised(node.digest, node.outputs, node.name) is None


def vouched(*lines: bytes, reading: list[Reading] | None = None) -> Belief:
    """The records that count when these lines are read, and Anne is trusted."""

    def vouch(oids: Any) -> list[Vouched]:
        told = [Line(f"file:{number}", line) for number, line in enumerate(lines, 1)]
        found = read_vouched(told, oids, [ANNE.public])
        if reading is not None:
            reading.append(found)
        return found.vouched

    return Belief(vouch)


# -- what another store says -----


def test_what_nobody_signed_is_passed_over_and_said_so(own: Store, other: Other) -> None:
    done = taken(own, other, other.objects["hello"])
    assert (done.fresh, done.passed_over) == ([other.objects["hello"]], 1)
    assert (done.origins, done.refused, done.untold) == ([], [], "")
    nothing_counts(own)


def test_as_asked_for_that_store_is_believed_and_not_attested(own: Store, other: Other) -> None:
    done = taken(own, other, other.objects["hello"], belief=UNSIGNED)
    assert [origin.how for origin in done.origins] == [How.TRUSTED]
    assert own.realisations.realised(HELLO.digest, ("out",)) == {"out": other.objects["hello"]}
    assert own.realisations.realised(HELLO.digest, ("out",), here=True) is None
    (record,) = own.realisations.all()
    assert record.origin == Origin(How.TRUSTED, os.fsencode(other.root))
    assert made_here(context(own), record) is None


def context(store: Store) -> Any:
    return type("Context", (), {"store": store})()


Lie = Callable[[Other], tuple[str, ...]]
"""Makes the other store lie; the names of the objects that it lies about."""


def hello_as_simple(other: Other) -> tuple[str, ...]:
    other.store.realisations.record_nodes(SIMPLE)
    other.says(SIMPLE.digest, "out", other.objects["hello"])
    return ("hello",)


def swapped_outputs(other: Other) -> tuple[str, ...]:
    other.put("pair", b"o"), other.put("pair-lib", b"l")
    other.store.realisations.record_nodes(PAIR)
    other.says(PAIR.digest, "out", other.objects["pair-lib"])
    other.says(PAIR.digest, "lib", other.objects["pair"])
    return ("pair", "pair-lib")


def output_that_is_not(other: Other) -> tuple[str, ...]:
    other.put("pair-dev", b"d")
    other.store.realisations.record_nodes(PAIR)
    other.says(PAIR.digest, "dev", other.objects["pair-dev"])
    return ("pair-dev",)


def source_of_another_hash(other: Other) -> tuple[str, ...]:
    other.put("archive", b"not an archive\n")
    other.store.realisations.record_nodes(ARCHIVE)
    other.says(ARCHIVE.digest, "out", other.objects["archive"])
    return ("archive",)


def source_that_is_executable(other: Other) -> tuple[str, ...]:
    other.put("archive", CONTENT, executable=True)
    other.store.realisations.record_nodes(archive())
    other.says(archive().digest, "out", other.objects["archive"])
    return ("archive",)


def source_that_is_a_folder(other: Other) -> tuple[str, ...]:
    folder = Path(other.store.layout.tmp) / "folder"
    folder.mkdir()
    other.objects["archive"] = other.store.objects.add(str(folder), "archive")
    other.store.realisations.record_nodes(archive())
    other.says(archive().digest, "out", other.objects["archive"])
    return ("archive",)


def source_that_is_a_link(other: Other) -> tuple[str, ...]:
    link = Path(other.store.layout.tmp) / "link"
    link.symlink_to("/etc/passwd")
    other.objects["archive"] = other.store.objects.add(str(link), "archive")
    other.store.realisations.record_nodes(archive())
    other.says(archive().digest, "out", other.objects["archive"])
    return ("archive",)


def archive() -> Source:
    import hashlib

    return replace(ARCHIVE, sha256=hashlib.sha256(CONTENT).hexdigest())


PROVABLE = (
    hello_as_simple,
    swapped_outputs,
    output_that_is_not,
    source_of_another_hash,
    source_that_is_executable,
    source_that_is_a_folder,
    source_that_is_a_link,
)


@pytest.mark.parametrize("belief", [NOBODY, UNSIGNED], ids=["nobody", "unsigned"])
@pytest.mark.parametrize("lie", PROVABLE)
def test_a_lie_that_can_be_seen_is_refused_whoever_is_believed(
    own: Store, other: Other, lie: Lie, belief: Belief
) -> None:
    names = lie(other)
    done = taken(own, other, *(other.objects[name] for name in names), belief=belief)
    assert len(done.refused) == len(names)
    lies = {record.key for record in own.realisations.all()} - {HELLO.digest}
    assert not lies


def another_of_the_name(other: Other) -> tuple[str, ...]:
    other.store.realisations.record_nodes(OTHER_HELLO)
    other.says(OTHER_HELLO.digest, "out", other.objects["hello"])
    return ("hello",)


def node_of_another_key(other: Other) -> tuple[str, ...]:
    """Under the key of one derivation stands another that would fit."""
    other.says(SIMPLE.digest, "out", other.objects["hello"])
    other.store.close()
    with raw(other.root) as (env, txn):
        put(env, txn, b"nodes", SIMPLE.digest, b"r" + HELLO.encode())
    other.store = Store.open(other.root)
    return ("hello",)


def garbage(other: Other) -> tuple[str, ...]:
    other.says(SIMPLE.digest, "out", other.objects["simple"], b"\x93garbage")
    return ("simple",)


def nothing_behind(other: Other) -> tuple[str, ...]:
    oid = other.objects["simple"]
    other.store.close()
    with raw(other.root) as (env, txn):
        put(env, txn, b"makers", oid.digest, b"nowhere")
    other.store = Store.open(other.root)
    return ("simple",)


def of_another_object(other: Other) -> tuple[str, ...]:
    """The makers of one object lead to the record of another."""
    at = HELLO.digest + b"out\0"
    other.store.close()
    with raw(other.root) as (env, txn):
        table = env.open_db(b"realisations", txn, create=False)
        cursor = txn.cursor(db=table)
        assert cursor.set_range(at)
        put(env, txn, b"makers", other.objects["simple"].digest, cursor.key())
    other.store = Store.open(other.root)
    return ("simple",)


def named_otherwise(other: Other) -> tuple[str, ...]:
    """A record of the object's digest with another name."""
    oid = other.objects["hello"]
    other.says(SIMPLE.digest, "out", ObjectId(oid.digest, "simple"))
    return ("hello",)


def origin_of_mischief(other: Other) -> tuple[str, ...]:
    """Its own index says that it is built here, or signed by Anne."""
    oid = other.objects["simple"]
    signed = Origin(How.SIGNED, b"/x", (str(ANNE.public),))
    record = Realisation(SIMPLE.digest, "out", oid, "u", "h", "full", None, 5, 1, origin=signed)
    other.says(SIMPLE.digest, "out", oid, record.stored())
    return ("simple",)


def thousands_of_records(other: Other) -> tuple[str, ...]:
    oid = other.objects["simple"]
    other.store.close()
    with raw(other.root) as (env, txn):
        for number in range(3000):
            key = number.to_bytes(32, "big")
            record = Realisation(key, "out", oid, "u", "h", "full", None, 5, 1)
            at = key + b"out\0" + record.digest()[:8]
            put(env, txn, b"realisations", at, record.stored())
            put(env, txn, b"makers", oid.digest, at)
    other.store = Store.open(other.root)
    return ("simple",)


@pytest.mark.parametrize(
    "lie",
    [
        another_of_the_name,
        node_of_another_key,
        garbage,
        nothing_behind,
        of_another_object,
        named_otherwise,
        origin_of_mischief,
        thousands_of_records,
    ],
)
def test_a_lie_that_nobody_signed_counts_nothing(own: Store, other: Other, lie: Lie) -> None:
    taken(own, other, *(other.objects[name] for name in lie(other)))
    nothing_counts(own)


def test_a_file_that_has_the_hash_of_its_source_needs_nobodys_word(
    own: Store, other: Other
) -> None:
    other.put("archive", CONTENT)
    other.store.realisations.record_nodes(archive())
    oid = other.objects["archive"]
    other.says(archive().digest, "out", oid)
    for _ in range(2):
        taken(own, other, oid)
        (record,) = own.realisations.of(archive().digest, "out")
        assert (record.object, record.origin.how) == (oid, How.CHECKED)
        # Where it may be fetched from is not told by the hash.
        with pytest.raises(Exception, match="no derivation"):
            own.realisations.node(archive().digest)


# -- what others sign -----


def test_what_a_trusted_key_signed_counts_without_the_other_index(own: Store, other: Other) -> None:
    line = other.statement(HELLO, "hello")
    Path(other.store.layout.index, "data.mdb").write_bytes(b"garbage" * 9999)
    done = taken(own, other, other.objects["hello"], belief=vouched(line, line))
    assert done.untold
    (record,) = own.realisations.all()
    assert record.origin == Origin(How.SIGNED, os.fsencode(other.root), (str(ANNE.public),))
    assert (record.level, record.log, record.started, record.duration) == (
        "full",
        b"l" * 32,
        5,
        1500,
    )
    assert own.realisations.realised(HELLO.digest, ("out",), "hello") == {
        "out": other.objects["hello"]
    }
    assert own.realisations.realised(HELLO.digest, ("out",), "hello", here=True) is None
    assert made_here(context(own), record) is None


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("belief", ["signed", "unsigned"])
def test_nobodys_word_makes_a_file_a_source(
    own: Store, other: Other, belief: str, known: bool
) -> None:
    source = archive()
    other.put("archive", b"another file")
    oid = other.objects["archive"]
    if known:
        own.realisations.record_nodes(source)
    line = other.statement(
        replace(HELLO, name="archive"),
        "archive",
        predicate__buildDefinition__externalParameters__key=source.digest.hex(),
    )
    other.says(source.digest, "out", oid)  # it does not tell that this is a source
    done = taken(own, other, oid, belief=UNSIGNED if belief == "unsigned" else vouched(line))
    assert len(done.refused) == known
    own.realisations.record_nodes(source)
    resolver = Resolver(own, Catalogue({}, {source.digest: source}), offline=True)
    assert not resolver.present(source.digest)
    resolver.identify([source.digest])
    assert not resolver.present(source.digest)
    with own.index.read() as txn:
        assert len(list(txn.realisations.misnamed())) == (not known)


def test_the_derivation_comes_along_when_its_digest_is_the_key(own: Store, other: Other) -> None:
    taken(own, other, other.objects["hello"], belief=vouched(other.statement(HELLO, "hello")))
    assert own.realisations.node(HELLO.digest) == HELLO


def altered(line: bytes, member: str) -> bytes:
    """The line with a bit of its payload or signature changed."""
    record = json.loads(line)
    place = record if member == "payload" else record["signatures"][0]
    text = place[member]
    place[member] = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    return json.dumps(record).encode()


def claimed(line: bytes, by: PrivateKey) -> bytes:
    """The line with another's name at its signature."""
    record = json.loads(line)
    record["signatures"][0]["keyid"] = by.public.id
    return json.dumps(record).encode()


def of_kind(line: bytes, kind: str) -> bytes:
    """The payload signed as another kind of thing."""
    record = json.loads(line)
    import base64

    return envelope.seal(base64.b64decode(record["payload"]), [ANNE], kind).encode()


def a_verdict(other: Other) -> bytes:
    oid = other.objects["hello"]
    finding = AuditFinding(
        "hello", "out", "rebuild", Verdict.REPRODUCED, expected=oid, actual=oid, key=HELLO.digest
    )
    payload = verdicts.verdict(finding)
    assert payload is not None
    return envelope.seal(payload, [ANNE]).encode()


Statement = Callable[[Other], bytes]
BAD: dict[str, tuple[Statement, str]] = {
    "by a key that nobody trusts": (lambda o: o.statement(HELLO, "hello", EVE), "untrusted"),
    "in the name of a trusted key": (
        lambda o: claimed(o.statement(HELLO, "hello", EVE), ANNE),
        "invalid",
    ),
    "payload altered": (lambda o: altered(o.statement(HELLO, "hello"), "payload"), "invalid"),
    "signature altered": (lambda o: altered(o.statement(HELLO, "hello"), "sig"), "invalid"),
    "signed as another kind": (
        lambda o: of_kind(o.statement(HELLO, "hello"), "text/plain"),
        "unreadable",
    ),
    "a verdict": (a_verdict, "unreadable"),
    "of no type": (lambda o: o.statement(HELLO, "hello", _type="urn:x"), "unreadable"),
    "of another predicate": (
        lambda o: o.statement(HELLO, "hello", predicateType="https://x/v1"),
        "unreadable",
    ),
    "of another kind of build": (
        lambda o: o.statement(HELLO, "hello", predicate__buildDefinition__buildType="urn:x"),
        "unreadable",
    ),
    "without a subject": (lambda o: o.statement(HELLO, "hello", subject=[]), "unreadable"),
    "with two subjects": (
        lambda o: o.statement(
            HELLO,
            "hello",
            subject=[json_resource(o.objects["hello"]), json_resource(o.objects["simple"])],
        ),
        "unreadable",
    ),
    "hello's object signed as simple's": (lambda o: o.statement(SIMPLE, "hello"), "unreadable"),
    "an output of another name": (
        lambda o: o.statement(HELLO, "hello", output="lib"),
        "unreadable",
    ),
    "a sandbox that there is not": (
        lambda o: o.statement(
            HELLO, "hello", predicate__runDetails__metadata__fixpoint_sandbox="perfect"
        ),
        "unreadable",
    ),
    "a time that there is not": (
        lambda o: o.statement(HELLO, "hello", predicate__runDetails__metadata__startedOn="9" * 50),
        "unreadable",
    ),
    "a time in another zone": (
        lambda o: o.statement(
            HELLO, "hello", predicate__runDetails__metadata__startedOn="2026-01-01T00:00:00"
        ),
        "unreadable",
    ),
    "before the beginning of time": (
        lambda o: o.statement(
            HELLO, "hello", predicate__runDetails__metadata__startedOn="0001-01-01T00:00:00Z"
        ),
        "unreadable",
    ),
    "a key of the wrong length": (
        lambda o: o.statement(
            HELLO, "hello", predicate__buildDefinition__externalParameters__key="00"
        ),
        "unreadable",
    ),
    "a log of the wrong length": (
        lambda o: o.statement(
            HELLO,
            "hello",
            predicate__runDetails__byproducts=[{"name": "log", "digest": {"blake3": "00"}}],
        ),
        "unreadable",
    ),
    "no run": (lambda o: o.statement(HELLO, "hello", predicate__runDetails=None), "unreadable"),
    "path and digest that differ": (
        lambda o: o.statement(HELLO, "hello", subject__0__digest__fixpointObject="00" * 20),
        "unreadable",
    ),
    "a plain line": (
        lambda o: claims.plain(
            Realisation(HELLO.digest, "out", o.objects["hello"], "u", "h", "full", None, 1, 1)
        ).encode(),
        "unsigned",
    ),
    "no JSON": (lambda o: b"\xff" * 100, "unreadable"),
    "nested deeply": (lambda o: b"[" * 100_000, "unreadable"),
    "without a signature": (
        lambda o: json.dumps(json.loads(o.statement(HELLO, "hello")) | {"signatures": []}).encode(),
        "unreadable",
    ),
}


def json_resource(oid: ObjectId) -> dict[str, Any]:
    return {"name": oid.path, "digest": {"fixpointObject": oid.digest.hex()}}


@pytest.mark.parametrize("case", BAD)
def test_a_statement_that_is_not_good_counts_nothing(own: Store, other: Other, case: str) -> None:
    make, kind = BAD[case]
    readings: list[Reading] = []
    belief = vouched(make(other), reading=readings)
    taken(own, other, other.objects["hello"], other.objects["simple"], belief=belief)
    assert readings[0].counts[kind] == 1, readings
    nothing_counts(own)


def test_a_statement_of_another_object_or_derivation_counts_for_that_alone(
    own: Store, other: Other
) -> None:
    lines = [other.statement(OTHER_HELLO, "hello"), other.statement(SIMPLE, "simple")]
    taken(own, other, other.objects["hello"], belief=vouched(*lines))
    (record,) = own.realisations.all()
    assert (record.key, record.object) == (OTHER_HELLO.digest, other.objects["hello"])
    assert own.realisations.realised(HELLO.digest, ("out",), "hello") is None


def test_an_object_with_another_tree_than_was_signed_is_not_that_one(
    own: Store, other: Other
) -> None:
    line = other.statement(HELLO, "hello", subject__0__digest__fixpointTree="00" * 32)
    done = taken(own, other, other.objects["hello"], belief=vouched(line))
    assert "another tree" in done.refused[0]
    nothing_counts(own)


# -- indexes that are no indexes -----


def missing(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut_short(file: Path) -> None:
    os.truncate(file, 8192)


def zeroes(file: Path) -> None:
    file.write_bytes(bytes(1 << 16))


def a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def endless(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def huge(file: Path) -> None:
    file.write_bytes(b"x")
    os.truncate(file, 1 << 42)


def a_linked_folder(file: Path) -> None:
    folder = file.parent
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def without_tables(file: Path) -> None:
    file.unlink()
    env = lmdb.open(str(file.parent), max_dbs=40)
    env.close()


def of_the_future(file: Path) -> None:
    with raw(str(file.parents[1])) as (env, txn):
        put(env, txn, b"meta", b"schema", b"99")


@pytest.mark.parametrize(
    "spoil",
    [
        *(missing, empty, cut_short, zeroes, a_link, a_fifo, endless, a_folder, huge),
        *(a_linked_folder, without_tables, of_the_future),
    ],
)
def test_from_a_store_without_an_index_objects_come_all_the_same(
    own: Store, other: Other, spoil: Callable[[Path], None]
) -> None:
    other.store.close()
    spoil(Path(other.root, "index", "data.mdb"))
    began = time.monotonic()
    done = taken(own, other.root, other.objects["hello"], belief=UNSIGNED)
    assert done.untold
    assert time.monotonic() - began < 60
    nothing_counts(own)


def test_whatever_bytes_an_index_has_this_process_lives(own: Store, other: Other) -> None:
    other.store.close()
    file = Path(other.root, "index", "data.mdb")
    sound, chance = file.read_bytes(), random.Random(7)
    for _ in range(40):
        data = bytearray(sound)
        for _ in range(chance.choice((1, 20, 400))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file.write_bytes(data)
        taken(own, other.root, other.objects["hello"])
    nothing_counts(own)


def test_an_index_that_is_written_to_is_read_all_the_same(own: Store, other: Other) -> None:
    other.store.close()
    pid = os.fork()
    if pid == 0:
        store = Store.open(other.root)
        for number in range(10**9):
            times = [number % 7]
            store.index.write(lambda txn, times=times: txn.history.put("hello", times))  # type: ignore[misc]
    try:
        for _ in range(5):
            taken(own, other.root, other.objects["hello"], belief=UNSIGNED)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert len(own.realisations.all()) <= 1


def test_nothing_is_made_or_locked_where_objects_come_from(own: Store, other: Other) -> None:
    other.store.close()
    os.unlink(f"{other.root}/index/lock.mdb")
    before = sorted(os.listdir(f"{other.root}/index"))
    taken(own, other.root, other.objects["hello"], belief=UNSIGNED)
    assert sorted(os.listdir(f"{other.root}/index")) == before


# -- objects that are no objects -----


def manifest_of(other: Other) -> Path:
    return Path(other.store.layout.manifest(other.objects["hello"]))


def replaced(make: Callable[[Path], object]) -> Callable[[Other], None]:
    def spoil(other: Other) -> None:
        manifest_of(other).unlink()
        make(manifest_of(other))

    return spoil


def linked_manifest(other: Other) -> None:
    path = manifest_of(other)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def linked_manifests(other: Other) -> None:
    folder = Path(other.store.layout.manifests)
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def object_spoilt(make: Callable[[Path], object]) -> Callable[[Other], None]:
    def spoil(other: Other) -> None:
        path = Path(other.store.layout.object(other.objects["hello"]))
        path.unlink()
        make(path)

    return spoil


def in_a_circle(other: Other) -> None:
    for name, below in (("hello", "simple"), ("simple", "hello")):
        manifest = other.store.objects.manifest(other.objects[name])
        path = Path(other.store.layout.manifest(other.objects[name]))
        path.chmod(0o644)
        path.write_bytes(replace(manifest, references=(other.objects[below],)).encode())


def sparse(path: Path) -> None:
    path.write_bytes(b"x")
    os.truncate(path, 1 << 40)


HOSTILE = {
    "no manifest": lambda o: manifest_of(o).unlink(),
    "an empty manifest": replaced(lambda path: path.write_bytes(b"")),
    "garbage for a manifest": replaced(lambda path: path.write_bytes(b"\x96" * 999)),
    "nested deeply": replaced(lambda path: path.write_bytes(b"\x91" * 999_999)),
    "a huge manifest": replaced(sparse),
    "a fifo for a manifest": replaced(os.mkfifo),
    "an endless manifest": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a folder for a manifest": replaced(os.mkdir),
    "a link for a manifest": linked_manifest,
    "linked manifests": linked_manifests,
    "a fifo for an object": object_spoilt(os.mkfifo),
    "an endless object": object_spoilt(lambda path: path.symlink_to("/dev/zero")),
    "another object": object_spoilt(lambda path: path.write_bytes(b"other")),
    "a folder for an object": object_spoilt(os.mkdir),
    "no object": object_spoilt(lambda path: None),
    "references in a circle": in_a_circle,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_object_is_refused_in_words_and_leaves_nothing(
    own: Store, other: Other, case: str
) -> None:
    oid = other.objects["hello"]
    manifest_of(other).chmod(0o644)
    HOSTILE[case](other)
    other.store.close()
    began = time.monotonic()
    with pytest.raises((StorageError, UnknownObject)) as caught:
        import_objects(own, StoreDirectory(other.root), [oid], belief=UNSIGNED)
    assert time.monotonic() - began < 60
    assert len(caught.value.message) < 1000
    assert own.objects.all() == []
    assert os.listdir(own.layout.objects) == []
    assert os.listdir(own.layout.tmp) == []
    nothing_counts(own)


# -- from hand to hand -----


def test_a_store_imported_onto_itself_stays_as_it_is(other: Other) -> None:
    before = other.store.realisations.all()
    for belief in (NOBODY, UNSIGNED):
        done = taken(other.store, other, other.objects["hello"], belief=belief)
        assert (done.fresh, done.passed_over) == ([], 0)
    assert other.store.realisations.all() == before


def test_what_comes_back_to_where_it_was_built_is_still_built_there(
    own: Store, other: Other
) -> None:
    oid = other.objects["hello"]
    taken(own, other, oid, belief=UNSIGNED)
    own.close()
    taken(other.store, own.layout.root, oid, belief=UNSIGNED)
    assert [record.origin for record in other.store.realisations.all()] == [BUILT]


def test_from_a_store_that_imported_it_is_imported(
    own: Store, other: Other, tmp_path: Path
) -> None:
    oid = other.objects["hello"]
    taken(own, other, oid, belief=UNSIGNED)
    own.close()
    third = Store.open(str(tmp_path / "third"))
    taken(third, own.layout.root, oid)
    nothing_counts(third)
    taken(third, own.layout.root, oid, belief=UNSIGNED)
    (record,) = third.realisations.all()
    assert record.origin == Origin(How.TRUSTED, os.fsencode(own.layout.root))


def test_a_statement_betters_what_was_taken_on_trust_and_nothing_worsens_it(
    own: Store, other: Other
) -> None:
    oid = other.objects["hello"]
    taken(own, other, oid, belief=vouched(other.statement(HELLO, "hello")))
    taken(own, other, oid, belief=UNSIGNED)
    assert {record.origin.how for record in own.realisations.all()} == {How.SIGNED, How.TRUSTED}
    taken(own, other, oid)
    assert len(own.realisations.all()) == 2


def test_a_build_of_ones_own_is_built_here_beside_what_was_imported(
    own: Store, other: Other
) -> None:
    taken(own, other, other.objects["hello"], belief=UNSIGNED)
    Other(own).builds(HELLO, started=7)
    origins = [record.origin for record in own.realisations.of(HELLO.digest, "out")]
    assert sorted(origin.how.value for origin in origins) == ["built", "trusted"]
    assert own.realisations.realised(HELLO.digest, ("out",), here=True) == {
        "out": other.objects["hello"]
    }


# -- rebuilds -----


def hows(root: str) -> list[str]:
    store = Store.open(root)
    try:
        return sorted(record.origin.how.value for record in store.realisations.all())
    finally:
        store.close()


@pytest.fixture
def mixed(own: Store, other: Other) -> str:
    """A store with a record of each origin; its index is closed."""
    other.builds(SIMPLE)
    taken(own, other, other.objects["hello"], belief=UNSIGNED)
    line = other.statement(SIMPLE, "simple")
    taken(own, other, other.objects["simple"], belief=vouched(line))
    Other(own).builds(PAIR)
    backup(own.index, f"{own.layout.root}/copy")
    own.close()
    return own.layout.root


MIXED = ["built", "built", "signed", "trusted"]


@pytest.mark.parametrize("lost", [(), ("index/data.mdb",), ("records",)])
def test_an_index_made_anew_betters_no_origin(mixed: str, lost: tuple[str, ...]) -> None:
    from store.layout.paths import Layout

    for name in lost:
        os.unlink(f"{mixed}/{name}")
    for _ in range(2):
        rebuild(Layout(mixed), contents=True)
        assert hows(mixed) == MIXED


def test_a_copy_taken_back_betters_no_origin(mixed: str) -> None:
    from store.layout.paths import Layout

    for lost in ((), ("index/data.mdb", "records")):
        for name in lost:
            os.unlink(f"{mixed}/{name}")
        restore(Layout(mixed), f"{mixed}/copy")
        assert hows(mixed) == MIXED


@pytest.mark.parametrize("lost", [(), ("records",), ("index/data.mdb",)])
def test_a_copy_of_another_stores_index_makes_nothing_built_here(
    mixed: str, tmp_path: Path, lost: tuple[str, ...]
) -> None:
    from store.layout.paths import Layout

    store = Store.open(str(tmp_path / "victim"))
    Other(store).builds(OTHER_HELLO)
    store.close()
    layout = Layout(store.layout.root)
    for name in lost:
        os.unlink(f"{layout.root}/{name}")
    for _ in range(2):
        restore(layout, f"{mixed}/copy")
        assert hows(layout.root).count("built") == (0 if lost == ("records",) else 1)
        rebuild(layout)
    assert "kept" in hows(layout.root)


def test_an_empty_store_makes_no_build_its_own_with_a_copy(mixed: str, tmp_path: Path) -> None:
    from store.layout.paths import Layout

    Store.open(str(tmp_path / "empty")).close()
    restore(Layout(str(tmp_path / "empty")), f"{mixed}/copy")
    assert hows(str(tmp_path / "empty")) == ["kept", "kept", "signed", "trusted"]


@pytest.mark.parametrize("lost", [(), ("index/data.mdb", "records")])
@pytest.mark.parametrize("old", [False, True])
def test_a_copy_without_identity_makes_nothing_built_here(
    mixed: str, lost: tuple[str, ...], old: bool, tmp_path: Path
) -> None:
    from store.layout.paths import Layout

    copy = tmp_path / "copied" / "index"
    copy.mkdir(parents=True)
    (copy / "data.mdb").write_bytes(Path(mixed, "copy").read_bytes()[:-SEAL])
    with raw(str(copy.parent)) as (env, txn):
        meta = env.open_db(b"meta", txn, create=False)
        txn.delete(b"store", db=meta)
        if old:
            _make_old(env, txn, meta)
    Store.open(str(tmp_path / "victim")).close()
    layout = Layout(str(tmp_path / "victim"))
    for name in lost:
        Path(layout.root, name).unlink(missing_ok=True)
    restore(layout, str(copy / "data.mdb"))
    assert len(hows(layout.root)) == len(MIXED)
    assert "built" not in hows(layout.root)
    rebuild(layout)
    assert "built" not in hows(layout.root)


def _make_old(env: Any, txn: Any, meta: Any) -> None:
    """Of schema 2, with every record by this user on this machine."""
    table = env.open_db(b"realisations", txn, create=False, **TABLES[b"realisations"])
    for key, data in list(txn.cursor(db=table)):
        record = replace(
            Realisation.from_stored(data), builder=user_name(), host=host_name(), origin=BUILT
        )
        txn.put(key, record.encode(), db=table)
    txn.put(b"schema", b"2", db=meta)


def test_a_record_file_that_lies_about_names_is_not_believed(own: Store, other: Other) -> None:
    from store.index.records import framed
    from store.layout.paths import Layout

    oid = Other(own).put("hello", b"mine").id
    own.close()
    lie = Realisation(SIMPLE.digest, "out", oid, "u", "h", "full", None, 5, 1)
    with open(own.layout.records, "ab") as stream:
        # The derivation comes after the record that does not fit it.
        stream.write(framed(["realised", lie.stored()]))
        stream.write(framed(["realisation", lie.encode()]))
        stream.write(framed(["node", b"r" + SIMPLE.encode()]))
    done = rebuild(Layout(own.layout.root))
    assert done.replay.realisations == 0
    assert done.replay.unread >= 1
    assert hows(own.layout.root) == []


def test_a_record_that_does_not_fit_is_refused_by_the_index_itself(own: Store) -> None:
    own.realisations.record_nodes(SIMPLE)
    oid = Other(own).put("hello", b"mine").id
    lie = Realisation(SIMPLE.digest, "out", oid, "u", "h", "full", None, 5, 1)
    with pytest.raises(InvalidName, match="cannot be output"):
        own.index.write(lambda txn: txn.realisations.add(lie))
    nothing_counts(own)


def test_a_record_that_does_not_fit_is_no_hit_and_is_found(own: Store) -> None:
    from store.verify.index_check import check_index

    place = Other(own)
    oid = place.put("hello", b"mine").id
    place.says(SIMPLE.digest, "out", oid)
    assert place.store.realisations.realised(SIMPLE.digest, ("out",), "simple") is None
    place.store.realisations.record_nodes(SIMPLE)
    assert place.store.realisations.realised(SIMPLE.digest, ("out",)) is None
    (finding,) = check_index(place.store)
    assert finding.kind == "realisation"
    assert "cannot be output 'out' of simple" in finding.detail
    place.store.close()


@pytest.mark.parametrize(
    ("how", "place", "signers"),
    [
        ("built", b"/x", []),
        ("kept", b"/x", []),
        ("trusted", b"", []),
        ("signed", b"/x", []),
        ("trusted", b"/x", ["anne:AAAA"]),
        ("signed", b"/x", ["b", "a"]),
        ("here", b"", []),
        ("signed", b"/" * 5000, ["a"]),
    ],
)
def test_an_origin_that_makes_no_sense_is_not_read(how: str, place: bytes, signers: Any) -> None:
    with pytest.raises(FormatError):
        Origin.from_fields([how, place, signers])


def test_a_store_that_is_copied_goes_on_as_itself(other: Other, tmp_path: Path) -> None:
    other.store.close()
    shutil.copytree(other.root, tmp_path / "copy", symlinks=True)
    assert hows(str(tmp_path / "copy")) == ["built"]
    other.store = Store.open(other.root)
