"""After a failure some work goes on and some does not, and both are reported."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.cli.context import Context
from store.errors import StoreError, StoreFull
from store.events import Event, Failed, Finished, Stopping, Unrealised
from store.job_errors import BuildFailed, FetchFailed, FetchSilent, FetchTimeout
from store.jobs import watch
from store.local.store import Store
from store.model.catalogue import Catalogue, Package
from store.model.derivation import Derivation, Ref, Source
from store.scheduler.build_options import BuildOptions
from store.scheduler.realise import Realiser
from tests.integration.conftest import Shop
from tests.recipes.toys.stages import Toys

OPTIONS = BuildOptions(jobs=3, cores=3)


class Told(list[Event]):
    """A reporter that keeps what it hears."""

    def emit(self, event: Event) -> None:
        """Keep ``event``."""
        self.append(event)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a server that takes connections, and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(server.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/file"
    server.close()
    for each in taken:
        each.close()


class Run:
    """Realises toys, and sources of the test's own, in a store that has the userland."""

    def __init__(self, shop: Shop) -> None:
        self.context = Context(str(shop.root), str(shop.recipes), False, None)
        self.store: Store = self.context.store
        self.told = Told()
        known = self.context.catalogue
        self._nodes = dict(known.nodes)
        self.toys = Toys(known.ref("userland"))
        self.packages = dict(known.packages)

    def node(self, node: Source | Derivation) -> Ref:
        """Take up a node of the test's own."""
        self._nodes[node.digest] = node
        self.packages[node.name] = Package(node.name, node.digest, "1", "")
        return node.ref()

    def source(self, name: str, *locators: str) -> Ref:
        """A source that no server has."""
        return self.node(Source(name, os.urandom(32).hex(), locators))

    def toy(self, name: str, script: str, *inputs: Ref) -> Ref:
        """A build that was never done."""
        return self.node(self.toys.toy(name, script, inputs=inputs, FRESH=os.urandom(8).hex()))

    def realise(self, *goals: Ref, options: BuildOptions = OPTIONS) -> StoreError:
        """The error with which realising ends."""
        catalogue = Catalogue(self.packages, self._nodes, ())
        with pytest.raises(StoreError) as raised:
            Realiser(self.store, catalogue, options, self.told).run(goals)
        return raised.value

    def heard(self, kind: type) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
def run(shop: Shop) -> Iterator[Run]:
    """One run in the shared store."""
    made = Run(shop)
    yield made
    made.store.close()


def test_a_failure_ends_hanging_fetches_and_lets_builds_finish(run: Run, hanging: str) -> None:
    hung = run.source("hung", hanging)
    above = run.toy("above", f"cat {hung}", hung)
    fails = run.toy("failing", "sleep 1; echo why; exit 3")
    slow = run.toy("lasting", 'sleep 2; echo done > "$out"')
    began = time.monotonic()
    error = run.realise(above, fails, slow)
    assert time.monotonic() - began < 60
    assert isinstance(error, BuildFailed)
    assert run.heard(Stopping) == [Stopping(("lasting",), ("hung",), 1)]
    (failed,) = run.heard(Failed)
    assert isinstance(failed, Failed)
    assert failed.whole
    assert [each.name for each in run.told if isinstance(each, Finished)] == ["lasting"]
    assert run.store.realisations.outcome(slow.node) is not None
    assert os.listdir(run.store.layout.tmp) == []


def test_nothing_is_started_after_a_failure(run: Run) -> None:
    fails = run.toy("failing", "exit 3")
    others = [run.toy(f"other-{number}", 'echo > "$out"') for number in range(5)]
    run.realise(fails, *others, options=replace_options(jobs=1))
    assert len(run.heard(Failed)) == 1
    assert run.heard(Stopping) == [], "nothing was going on"


def test_going_on_names_each_failure_and_what_needs_it(run: Run) -> None:
    first, second = (run.toy(f"failing-{number}", f"exit {number}") for number in (1, 2))
    middle = run.toy("middle", "exit 0", first)
    top = run.toy("top", "exit 0", middle, second)
    run.realise(top, options=replace_options(keep_going=True))
    (end,) = run.heard(Unrealised)
    assert isinstance(end, Unrealised)
    assert sorted(each.name for each in end.failed) == ["failing-1", "failing-2"]
    needs = {each.name: each.needs for each in end.undone}
    assert needs == {"middle": ("failing-1",), "top": ("failing-1", "failing-2")}


def test_a_fetch_that_takes_too_long_is_ended(run: Run, hanging: str) -> None:
    began = time.monotonic()
    error = run.realise(run.source("late", hanging), options=replace_options(timeout=1.0))
    assert isinstance(error, FetchTimeout)
    assert "--timeout" in str(error.hint)
    assert time.monotonic() - began < 50


def test_a_fetch_without_a_byte_is_ended(run: Run, hanging: str) -> None:
    places = (hanging, f"{hanging}?v=2", f"{hanging}?v=3")
    source = run.source("mute", *places)
    began = time.monotonic()
    error = run.realise(source, options=replace_options(max_silent=0.5))
    assert isinstance(error, FetchSilent)
    assert error.attempts == tuple((place, "not a byte came for 0.5s") for place in places)
    assert 1.5 <= time.monotonic() - began < 30, "each has its turn, and one alone"


def test_silence_of_some_servers_is_not_what_failed(run: Run, hanging: str) -> None:
    source = run.source("partly", hanging, "file:///nonexistent/file")
    error = run.realise(source, options=replace_options(max_silent=0.5, retries=0))
    assert type(error) is FetchFailed
    assert [place for place, _ in error.attempts] == [hanging, "file:///nonexistent/file"]


def test_hanging_fetches_hold_up_no_other(
    run: Run, hanging: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STALLED", 0.3)
    hung = [run.source(f"hung-{number}", f"{hanging}?{number}") for number in range(8)]
    missing = run.source("missing", "file:///nonexistent/file")
    began = time.monotonic()
    error = run.realise(*hung, missing)
    assert type(error) is FetchFailed
    assert error.attempts[0][0] == "file:///nonexistent/file"
    assert time.monotonic() - began < 30, "the first hang ends after a minute"


def test_a_mute_server_is_left_for_the_next(run: Run, hanging: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    source = run.node(Source("file", digest, (hanging, f"file://{tmp_path}/file")))
    catalogue = Catalogue(run.packages, run._nodes, ())
    options = replace_options(max_silent=1.0)
    assert Realiser(run.store, catalogue, options, run.told).run([source])


def test_builds_go_on_where_descriptors_cannot_be_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object) -> None:
        raise OSError(errno.ETOOMANYREFS, "as when a builder has as many under way as one may")

    monkeypatch.setattr(socket, "send_fds", refuse)
    built = run.toy("built", 'echo built > "$out"')
    catalogue = Catalogue(run.packages, run._nodes, ())
    assert Realiser(run.store, catalogue, OPTIONS, run.told).run([built])


def test_what_cannot_be_started_is_a_failure_of_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run.store.workspaces, "make", refuse)
    assert isinstance(run.realise(run.toy("any", "true")), StoreFull)


def test_json_has_a_line_for_each_failure_and_each_node_undone(shop: Shop) -> None:
    done = shop.run("realise", "--json", "-k", "after-failure", "fails")
    assert done.returncode == 31
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("failed") for line in lines] == ["fails", None]
    assert lines[0]["exit_code"] == 31
    assert lines[1]["undone"] == "after-failure"
    assert lines[1]["needs"] == ["fails"]
    assert "after-failure (needs fails)" in done.stderr


def replace_options(**changes: object) -> BuildOptions:
    """The usual options, but for some."""
    return OPTIONS._replace(**changes)  # type: ignore[arg-type]
