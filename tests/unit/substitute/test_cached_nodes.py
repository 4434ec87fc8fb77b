"""Missing nodes from caches: those asked for, taken and recorded, and those left to build."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from store.cache import file_names
from store.cache.head import stream
from store.cache.offering import StatementFile
from store.cache.own_statements import own_statements
from store.events import CacheTrouble, Disputed, Event
from store.graph.resolver import Resolver
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.catalogue import Catalogue, collect
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.origin import How
from store.model.realisation import Realisation
from store.signing import statement
from store.signing.keys import PrivateKey
from store.substitute import cache_search
from store.substitute.cache_reports import FEWER, TRUST, CacheReports
from store.substitute.cache_sizes import CacheForecast
from store.substitute.cached_nodes import CachedNodes
from store.substitute.candidates import TrustedCache
from tests.unit.cache.conftest import MemoryCache, Origin, origin, own

__all__ = ["origin", "own"]

ANNE, BERT = (PrivateKey(bytes([n]) * 32, name) for n, name in ((1, "anne"), (2, "bert")))
FILE = b"the source\n"
SOURCE = Source("source.tar", hashlib.sha256(FILE).hexdigest(), ("https://example.org/source.tar",))
BASE = Derivation("base", "x86_64-linux", "/bin/sh", inputs=(SOURCE.ref(),))
LIBRARY = Derivation("library", "x86_64-linux", "/bin/sh", inputs=(BASE.ref(),))
PROGRAM = Derivation(
    "program", "x86_64-linux", "/bin/sh", inputs=tuple(sorted((BASE.ref(), LIBRARY.ref())))
)
CATALOGUE = Catalogue({}, collect([SOURCE, BASE, LIBRARY, PROGRAM]))


@dataclass
class TellingCache(MemoryCache):
    """A cache with statements. ``asked`` is a file with a line for each question."""

    statements: dict[str, list[bytes]] = field(default_factory=dict)
    files: dict[str, ObjectId] = field(default_factory=dict)
    silent: bool = False

    def _answer(
        self, kind: str, names: Mapping[bytes, Collection[str]]
    ) -> Mapping[bytes, Sequence[StatementFile]]:
        with Path(f"{self.log}.asked").open("a") as stream:
            stream.write(f"{kind} {len(names)}\n")
        if self.silent:
            raise CacheUnusable(f"{self.name} is silent")
        found = {
            about: [
                StatementFile(name, b"\n".join(self.statements[name]))
                for name in some
                if name in self.statements
            ]
            for about, some in names.items()
        }
        return {about: files for about, files in found.items() if files}

    def by_derivation(
        self, derivations: Collection[bytes], key_ids: Collection[str]
    ) -> Mapping[bytes, Sequence[StatementFile]]:
        names = {
            each: [file_names.by_derivation(each, key) for key in key_ids] for each in derivations
        }
        return self._answer("derivations", names)

    def by_key(
        self, keys: Collection[bytes], key_ids: Collection[str]
    ) -> Mapping[bytes, Sequence[StatementFile]]:
        names = {each: [file_names.by_key(each, key) for key in key_ids] for each in keys}
        return self._answer("keys", names)

    def sources(self, hashes: Collection[str]) -> Mapping[str, ObjectId]:
        self._answer("sources", {each.encode(): () for each in hashes})
        return {each: self.files[each] for each in hashes if each in self.files}

    @property
    def asked(self) -> list[str]:
        path = Path(f"{self.log}.asked")
        return path.read_text().splitlines() if path.exists() else []


@dataclass
class Builder:
    """A store that built the graph, and what it pushes."""

    store: Store
    origin: Origin
    objects: dict[bytes, ObjectId]

    def cache(self, *keys: PrivateKey, name: str = "memory:one") -> TellingCache:
        plain = self.origin.cache(*self.objects.values(), name=name)
        cache = TellingCache(name, plain.log, plain.known, plain.contents_by_digest)
        for key in keys:
            for each in own_statements(self.store, list(self.objects.values()), key):
                cache.statements.setdefault(each.file, []).append(each.line.encode())
        cache.files = {SOURCE.sha256: self.objects[SOURCE.digest]}
        return cache


def record(store: Store, node: Source | Derivation, key: bytes, oid: ObjectId) -> None:
    level = "fetch" if isinstance(node, Source) else "full"
    made = Realisation(key, "out", oid, "u", "h", level, None, 1_700_000_000, 1500)

    def write(txn: Writer) -> None:
        txn.nodes.put([node])
        txn.realisations.add(made)
        txn.nodes.put_outcomes({node.digest: key})

    store.index.write(write)


@pytest.fixture
def builder(origin: Origin, tmp_path: Path) -> Builder:
    (tmp_path / "source").write_bytes(FILE)
    made = {SOURCE.digest: origin.store.objects.add(str(tmp_path / "source"), "source.tar")}
    record(origin.store, SOURCE, SOURCE.digest, made[SOURCE.digest])
    for node in (BASE, LIBRARY, PROGRAM):
        needs = [made[LIBRARY.digest]] if node is PROGRAM else []
        made[node.digest] = origin.add(node.name, {"file": node.name.encode()}, *needs)
        resolved = node.resolve({ref: made[ref.node] for ref in node.refs})
        origin.store.realisations.record_nodes(resolved)
        record(origin.store, node, resolved.digest, made[node.digest])
    return Builder(origin.store, origin, made)


@dataclass
class Client:
    """The use of caches by a store that has nothing."""

    store: Store
    events: list[Event] = field(default_factory=list)

    def fill(
        self,
        *caches: TellingCache,
        goals: Sequence[Derivation | Source] = (PROGRAM,),
        keys: Sequence[PrivateKey] = (ANNE, BERT),
        threshold: int | None = None,
    ) -> Resolver:
        public = tuple(key.public for key in keys)
        trusted = [TrustedCache(cache, public) for cache in caches]
        nodes = CachedNodes(self.store, CATALOGUE, trusted, threshold, self.events.append)
        resolver = Resolver(self.store, CATALOGUE)
        with self.store.leases.begin() as lease:
            nodes.fill([goal.digest for goal in goals], resolver, lease)
        return resolver

    def left(self, *goals: Derivation | Source) -> list[str]:
        """The names of the nodes that are left to do, as a new look finds them."""
        plan = Resolver(self.store, CATALOGUE).plan([goal.digest for goal in goals or (PROGRAM,)])
        return [CATALOGUE.nodes[node].name for node in plan.nodes]

    @property
    def troubles(self) -> list[str]:
        return [each.message for each in self.events if isinstance(each, CacheTrouble)]


@pytest.fixture
def client(own: Store) -> Iterator[Client]:
    yield Client(own)


@pytest.mark.slow
def test_a_goals_closure_comes_alone_by_the_recipes(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    resolver = client.fill(cache)
    assert client.left() == []
    assert resolver.objects(PROGRAM.digest) == {"out": builder.objects[PROGRAM.digest]}
    # The library is in its closure; the base and the source are not here.
    present = {node for node, oid in builder.objects.items() if client.store.objects.present(oid)}
    assert present == {PROGRAM.digest, LIBRARY.digest}
    assert cache.asked == ["derivations 1"]
    assert client.troubles == []


@pytest.mark.slow
def test_the_record_is_signed_and_has_its_place(builder: Builder, client: Client) -> None:
    client.fill(builder.cache(ANNE))
    (made,) = client.store.realisations.makers(builder.objects[PROGRAM.digest])
    assert (made.level, made.started, made.duration) == ("full", 1_700_000_000, 1500)
    assert made.origin.how is How.SIGNED
    assert made.origin.place == b"memory:one"
    assert made.origin.signers == (str(ANNE.public),)
    assert not made.origin.built_here
    assert client.store.realisations.outcome(PROGRAM.digest) == made.key
    assert list(own_statements(client.store, [made.object], BERT)) == []


@pytest.mark.slow
def test_below_a_node_is_asked_only_if_no_cache_has_it(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    del cache.statements[file_names.by_derivation(PROGRAM.digest, ANNE.public.id)]
    client.fill(cache)
    assert client.left() == []
    # When its inputs are here, its key is known.
    assert cache.asked == ["derivations 1", "derivations 2", "keys 1"]


@pytest.mark.slow
def test_by_key_a_build_is_found_whose_derivation_is_another(
    builder: Builder, client: Client
) -> None:
    cache = builder.cache(ANNE)
    for node in (BASE, LIBRARY, PROGRAM):
        del cache.statements[file_names.by_derivation(node.digest, ANNE.public.id)]
    client.fill(cache)
    # The source is there, so that the key of the base is known, and so on upwards.
    assert client.left() == []
    assert cache.asked.count("keys 1") == 3


def test_a_source_is_taken_by_its_hash_without_a_signature(
    builder: Builder, client: Client
) -> None:
    client.fill(builder.cache(), goals=[SOURCE], keys=())
    assert client.left(SOURCE) == []
    (made,) = client.store.realisations.makers(builder.objects[SOURCE.digest])
    assert made.origin.how is How.CHECKED
    assert client.troubles == [f"no key is trusted: only its sources count ({TRUST})"]


def test_nothing_is_said_to_come_from_a_locator_that_was_not_asked(
    builder: Builder, client: Client
) -> None:
    """And a recipe with another locator does not pass unnoticed."""
    secret = replace(SOURCE, locators=(*SOURCE.locators, "https://u:word@example.org/s?token=a"))
    client.fill(builder.cache(), goals=[SOURCE])
    realisations = client.store.realisations
    assert not realisations.source_verified(SOURCE.sha256, SOURCE.locators)
    assert realisations.source_verified(SOURCE.sha256, secret.locators, instead=True)
    assert not realisations.source_verified(SOURCE.sha256, secret.locators[1:], instead=True)
    moved = replace(SOURCE, locators=("https://elsewhere.example.org/source.tar",))
    assert moved.digest == SOURCE.digest
    catalogue = Catalogue({}, collect([moved]))
    assert Resolver(client.store, catalogue).plan([moved.digest]).nodes == (moved.digest,)


@pytest.mark.slow
def test_an_object_that_no_cache_has_whole_is_asked_for_once(
    builder: Builder, client: Client
) -> None:
    cache = builder.cache(ANNE)
    library = builder.objects[LIBRARY.digest]
    cache.lies[library] = lambda key, pieces: (piece._replace(offset=1) for piece in pieces)
    client.fill(cache)
    assert set(client.left()) == {"program", "library"}
    assert any(library.text in each for each in client.troubles), client.troubles
    fresh = {*map(bytes.hex, contents(builder, library))} - {
        *map(bytes.hex, contents(builder, builder.objects[BASE.digest]))
    }
    given = [each for each in cache.given() if each in fresh]
    assert len(given) == len(set(given)), given


def contents(builder: Builder, oid: ObjectId) -> set[bytes]:
    """The digests of an object's contents."""
    return {span.digest for span in stream(builder.store.objects.manifest(oid))}


def test_a_source_with_another_hash_does_not_count(builder: Builder, client: Client) -> None:
    cache = builder.cache()
    other = builder.origin.place / "other"
    other.write_bytes(b"another file\n")
    oid = builder.store.objects.add(str(other), "source.tar")
    liar = builder.origin.cache(oid)
    cache.known |= liar.known
    cache.contents_by_digest |= liar.contents_by_digest
    cache.files = {SOURCE.sha256: oid}
    client.fill(cache, goals=[SOURCE])
    assert client.left(SOURCE) == ["source.tar"]
    assert client.store.realisations.makers(oid) == []
    assert client.troubles == [f"{oid} is not the source source.tar: it has another hash"]


@pytest.mark.slow
def test_two_keys_have_to_agree_and_do(builder: Builder, client: Client) -> None:
    client.fill(builder.cache(ANNE), builder.cache(BERT, name="memory:two"), threshold=2)
    assert client.left() == []
    (made,) = client.store.realisations.makers(builder.objects[PROGRAM.digest])
    assert made.origin.signers == (str(ANNE.public), str(BERT.public))


@pytest.mark.slow
def test_fewer_keys_than_have_to_agree_are_not_enough(builder: Builder, client: Client) -> None:
    client.fill(builder.cache(ANNE), threshold=2)
    assert client.left() == ["base", "library", "program"]
    assert client.troubles == [
        f"signed by fewer keys than have to agree: base, library, program ({FEWER})"
    ]


def lying(builder: Builder) -> TellingCache:
    """A cache of another builder, to whom the program came out otherwise."""
    store = builder.store
    oid = builder.origin.add("program", {"file": b"evil"})
    (made,) = store.realisations.makers(builder.objects[PROGRAM.digest])
    store.index.write(lambda txn: txn.realisations.remove(made))
    store.index.write(lambda txn: txn.realisations.add(replace(made, object=oid)))
    liar = Builder(store, builder.origin, {**builder.objects, PROGRAM.digest: oid})
    return liar.cache(BERT, name="memory:liar")


@pytest.mark.slow
def test_one_that_lies_is_found_out_and_the_node_is_left(builder: Builder, client: Client) -> None:
    honest = builder.cache(ANNE)
    client.fill(honest, lying(builder))
    assert client.left() == ["program"]
    found, *_ = [each for each in client.events if isinstance(each, Disputed)]
    assert (found.name, found.output) == ("program", "out")
    assert {names for _, names in found.objects} == {("anne",), ("bert",)}


@pytest.mark.slow
def test_a_build_here_that_came_out_otherwise_is_a_dispute(
    builder: Builder, client: Client
) -> None:
    (made,) = builder.store.realisations.makers(builder.objects[PROGRAM.digest])
    ours = replace(made, object=ObjectId(b"\7" * 20, "program"))
    client.store.index.write(lambda txn: txn.realisations.add(ours))
    client.fill(builder.cache(ANNE))
    assert not client.store.objects.present(made.object)
    assert client.left() == ["program"]
    found, *_ = [each for each in client.events if isinstance(each, Disputed)]
    assert found.objects[0] == (ours.object.path, ("this store",))


@pytest.mark.slow
def test_a_cache_that_is_of_no_use_is_named_once_and_dropped(
    builder: Builder, client: Client
) -> None:
    silent = builder.cache(ANNE, name="memory:silent")
    silent.silent = True
    client.fill(silent, builder.cache(ANNE))
    assert client.left() == []
    assert len(client.troubles) == 1
    assert "asked nothing more in this run" in client.troubles[0]
    assert silent.asked == ["derivations 1"]


@pytest.mark.slow
def test_data_that_is_gone_is_absent_and_the_nodes_below_are_asked_for(
    builder: Builder, client: Client
) -> None:
    cache = builder.cache(ANNE)
    del cache.known[builder.objects[PROGRAM.digest]]
    client.fill(cache)
    assert client.left() == ["program"]


@pytest.mark.slow
def test_data_that_was_changed_is_refused_and_named(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    oid = builder.objects[LIBRARY.digest]
    cache.lies[oid] = lambda key, honest: (
        piece._replace(data=bytes(len(piece.data))) for piece in honest
    )
    client.fill(cache)
    assert not client.store.objects.present(oid)
    assert client.left() == ["library", "program"]
    assert any(str(oid) in each for each in client.troubles)


@pytest.mark.slow
def test_an_object_with_another_tree_than_was_signed_counts_nothing(
    builder: Builder, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = statement.outcome

    def outcome(derivation: bytes, name: str, made: Realisation, tree: bytes) -> bytes:
        return real(derivation, name, made, b"\0" * 32)

    monkeypatch.setattr(statement, "outcome", outcome)
    cache = builder.cache(ANNE)
    cache.statements = {name: x for name, x in cache.statements.items() if "by-key" not in name}
    client.fill(cache)
    assert client.left() == ["base", "library", "program"]
    assert any("has another tree than was signed" in each for each in client.troubles)


@pytest.mark.slow
def test_what_is_here_already_is_only_recorded(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    client.fill(cache)
    (made,) = client.store.realisations.all()
    client.store.index.write(lambda txn: txn.realisations.remove(made))
    before = cache.given()
    client.fill(cache)
    assert client.left() == []
    assert cache.given() == before


def test_a_cache_that_never_ends_an_answer_ends_no_run(
    builder: Builder, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_search, "LONGEST_SEARCH", 0.2)
    cache = builder.cache(ANNE)
    monkeypatch.setattr(TellingCache, "by_derivation", lambda *args: time.sleep(60))
    began = time.monotonic()
    client.fill(cache)
    assert time.monotonic() - began < 30
    assert "program" in client.left()
    assert len(client.troubles) == 1


def test_a_forecast_takes_nothing(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    found = forecast(builder, client, cache)
    assert found.nodes == {PROGRAM.digest: (builder.objects[PROGRAM.digest],)}
    assert found.objects.keys() == {builder.objects[each.digest] for each in (PROGRAM, LIBRARY)}
    assert found.left.nodes == ()
    assert found.packed == sum(cache.known[oid].packed_size for oid in found.objects)
    assert client.left() == ["source.tar", "base", "library", "program"]


def test_a_forecast_asks_by_the_keys_that_it_would_know(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    above = [file_names.by_derivation(each.digest, ANNE.public.id) for each in (LIBRARY, PROGRAM)]
    for name in above:
        del cache.statements[name]
    assert forecast(builder, client, cache).left.nodes == ()
    assert cache.asked == ["derivations 1", "derivations 2", "keys 1", "keys 1"]
    assert client.left() == ["source.tar", "base", "library", "program"]
    client.fill(cache)
    assert client.left() == []


def forecast(builder: Builder, client: Client, cache: TellingCache) -> CacheForecast:
    """Return the part of the program, and of all that it needs, that the cache has."""
    nodes = CachedNodes(
        client.store, CATALOGUE, [TrustedCache(cache, (ANNE.public,))], None, client.events.append
    )
    resolver = Resolver(client.store, CATALOGUE)
    goals = [PROGRAM.digest]
    return nodes.forecast(goals, resolver.plan(goals), resolver)


def test_a_forecast_says_that_a_cache_is_of_no_use(builder: Builder, client: Client) -> None:
    cache = builder.cache(ANNE)
    cache.broken = True
    assert forecast(builder, client, cache).nodes == {}
    (trouble,) = client.troubles
    assert "memory:one is silent; it is asked nothing more" in trouble


def test_a_damage_that_two_questions_meet_is_told_once(client: Client) -> None:
    reports = CacheReports(client.events.append)
    reports.used(["one is damaged"], {})
    reports.used(["one is damaged", "two is damaged"], {})
    assert client.troubles == ["one is damaged", "two is damaged"]


def test_a_forecast_has_an_end_whatever_a_cache_does(
    builder: Builder, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_search, "LONGEST_SEARCH", 0.5)
    monkeypatch.setattr(TellingCache, "heads", lambda *args: time.sleep(60))
    began = time.monotonic()
    assert forecast(builder, client, builder.cache(ANNE)).nodes == {}
    assert time.monotonic() - began < 30
    assert len(client.troubles) == 1
