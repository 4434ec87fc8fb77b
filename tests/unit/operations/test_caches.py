"""The caches of a run: those that are asked, and one that objects are pushed to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import digest
from store.cache.cache_options import CacheOptions
from store.cache.push_plan import plan_push
from store.errors import UsageError
from store.events import CacheTrouble, Event
from store.index.writing import Writer
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.objects.ingest import ingest
from store.operations.caches import cached_nodes, log_from_caches, push_to
from store.reapi import messages
from store.substitute import cached_nodes as search
from store.substitute.candidates import TrustedCache

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
LOG = b"made\n"
NOTHING = Catalogue({}, {})


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_CACHES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def toy(store: Store, tmp_path: Path) -> ObjectId:
    """An object that was built here, with a log."""
    (tmp_path / "toy").write_text("toy")
    manifest = ingest(store.layout.root, str(tmp_path / "toy"), "toy")
    store.objects.register([manifest])
    Path(store.start_log(NODE.digest)).write_bytes(LOG)

    def write(txn: Writer) -> None:
        txn.nodes.put([NODE])
        txn.realisations.add(record(manifest.id))

    store.index.write(write)
    return manifest.id


def record(oid: ObjectId, place: str = "", log: bytes = LOG) -> Realisation:
    origin = Origin(How.TRUSTED, place.encode()) if place else Origin()
    return Realisation(
        NODE.digest, "out", oid, "u", "h", "full", digest.file_digest(log), 1, 9, origin=origin
    )


Chosen = Callable[..., list[str]]


@pytest.fixture
def chosen(store: Store, monkeypatch: pytest.MonkeyPatch) -> Chosen:
    """Return the names of the caches that a run asks."""

    def choose(*urls: str, only: bool = False, offline: bool = False) -> list[str]:
        told: list[Event] = []
        found: list[str] = []

        def made(_: Store, __: Catalogue, trusted: list[TrustedCache], *rest: object) -> None:
            found.extend(each.offers.name for each in trusted)

        monkeypatch.setattr(search, "CachedNodes", made)
        options = CacheOptions(urls, only=only)
        cached_nodes(store, NOTHING, options, told.append, settings=store.layout, offline=offline)
        assert told == []
        return found

    return choose


def test_without_a_cache_there_is_nothing_to_ask(chosen: Chosen) -> None:
    assert chosen() == []


def test_asking_caches_only_wants_a_cache(chosen: Chosen) -> None:
    with pytest.raises(UsageError, match="no cache to take anything from") as refused:
        chosen(only=True)
    assert refused.value.hint is not None
    assert "name one with --cache" in refused.value.hint
    with pytest.raises(UsageError) as refused:
        chosen("https://example.org/cache", only=True, offline=True)
    assert refused.value.hint == "with --offline, only caches in folders are asked"


def test_offline_only_folders_are_asked(chosen: Chosen, tmp_path: Path) -> None:
    folder = str(tmp_path / "cache")
    assert len(chosen("https://example.org/cache", folder)) == 2
    assert chosen("https://example.org/cache", folder, offline=True) == [folder]


@pytest.mark.parametrize("kind", ["token", "extra"])
def test_a_server_that_this_machine_cannot_ask_is_passed_over(
    store: Store, toy: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder, server = str(tmp_path / "cache"), "grpc://localhost:1"
    push_to(store, folder, plan_push(store, [toy], None, builds=True))
    if kind == "token":
        token = tmp_path / "config/fixpoint/hosts/localhost/token"
        token.parent.mkdir(parents=True)
        token.write_text("geheim\n")
        token.chmod(0o644)
    else:
        monkeypatch.setattr(messages, "find_spec", lambda name: None)
    monkeypatch.setenv("STORE_CACHES", f"{server} {folder}")
    told: list[Event] = []
    made: list[str] = []

    def nodes(_: Store, __: Catalogue, trusted: list[TrustedCache], *rest: object) -> None:
        made.extend(each.offers.name for each in trusted)

    monkeypatch.setattr(search, "CachedNodes", nodes)
    for urls, names in (((), [folder]), ((server,), [])):
        made.clear()
        options = CacheOptions(urls, only=True)
        cached_nodes(store, NOTHING, options, told.append, settings=store.layout)
        assert made == names
    assert log_from_caches(store, [record(toy)], told.append) == LOG
    for trouble in told:
        assert isinstance(trouble, CacheTrouble)
        assert server in trouble.message
        assert "geheim" not in trouble.message
    assert len(told) == 3


def test_a_log_comes_from_the_cache_that_it_was_pushed_to(
    store: Store, toy: ObjectId, tmp_path: Path
) -> None:
    folder = str(tmp_path / "cache")
    pushed, name = push_to(store, folder, plan_push(store, [toy], None, builds=True))
    assert (pushed.objects, name) == ([toy], folder)
    told: list[Event] = []
    assert log_from_caches(store, [record(toy, folder)], told.append) == LOG
    assert log_from_caches(store, [record(toy, folder, b"other")], told.append) is None
    assert told == []


def test_the_caches_of_the_settings_are_asked_for_logs_too(
    store: Store, toy: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "cache")
    push_to(store, folder, plan_push(store, [toy], None, builds=True))
    assert log_from_caches(store, [record(toy)], lambda event: None) is None
    monkeypatch.setenv("STORE_CACHES", folder)
    assert log_from_caches(store, [record(toy)], lambda event: None) == LOG


def test_a_cache_of_no_use_is_reported_and_the_next_one_asked(
    store: Store, toy: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = str(tmp_path / "good"), str(tmp_path / "bad")
    for folder in (good, bad):
        push_to(store, folder, plan_push(store, [toy], None, builds=True))
    for path in Path(bad, "logs").rglob("*.zst"):
        path.write_bytes(b"no frame")
    monkeypatch.setenv("STORE_CACHES", f"{bad} {good}")
    told: list[Event] = []
    assert log_from_caches(store, [record(toy)], told.append) == LOG
    (trouble,) = told
    assert isinstance(trouble, CacheTrouble)
    assert "is damaged" in trouble.message


def test_the_folder_of_another_store_is_asked_for_no_log(
    store: Store, toy: ObjectId, tmp_path: Path
) -> None:
    told: list[Event] = []
    (tmp_path / "elsewhere").mkdir()
    assert log_from_caches(store, [record(toy, str(tmp_path / "elsewhere"))], told.append) is None
    assert told == []
