"""Collecting unasked: when there is need, as far as is asked for, and with rests between vain
tries. How much of the disk is free is made up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from store.errors import UsageError
from store.events import Event, NothingToFree
from store.gc.auto_collector import FIRST_REST, AutoCollector, held_most
from store.gc.plan import make_plan
from store.gc.policy import Policy
from store.local.disk import DiskSpace
from tests.unit.gc.conftest import Stock

SIZE = 1 << 20


class Disk:
    """Of ``room`` bytes besides what the store holds when this is made."""

    def __init__(self, stock: Stock, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._most = self._held(stock)
        monkeypatch.setattr(
            DiskSpace, "free_bytes", lambda store: self.room + self._most - self._held(stock)
        )

    @staticmethod
    def _held(stock: Stock) -> int:
        return sum(size for _, size in stock.store.objects.all())


class Heard:
    """The reported events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def vain(self) -> list[NothingToFree]:
        return [event for event in self.events if isinstance(event, NothingToFree)]


def configure(stock: Stock, least: int, most: int) -> None:
    text = f"[collect]\nmin-free = {least}\nmax-free = {most}\n"
    Path(stock.store.layout.config).write_text(text)


@pytest.fixture
def full(stock: Stock) -> Stock:
    """Six dead objects of 1 MiB, longest unused first, and one that is kept."""
    for number in range(6):
        stock.make(f"n{number}", size=SIZE)
        stock.used(f"n{number}", int(time.time()) - (10 - number) * 86400)
    stock.store.roots.add("mine", stock.make("kept", size=SIZE))
    return stock


def test_without_settings_nothing_is_collected(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, 0, monkeypatch)
    assert not AutoCollector(full.store)(False)
    assert not AutoCollector(full.store)(True)
    assert len(full.there()) == 7


def test_with_enough_free_nothing_is_collected(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, 3 * SIZE, monkeypatch)
    configure(full, 3 * SIZE, 9 * SIZE)
    assert not AutoCollector(full.store)(False)
    assert len(full.there()) == 7


def test_it_begins_below_one_bound_and_stops_above_the_other(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, SIZE, monkeypatch)
    configure(full, 2 * SIZE, 4 * SIZE)
    heard = Heard()
    assert AutoCollector(full.store, heard)(False)
    assert full.there() == {"n3", "n4", "n5", "kept"}
    assert heard.vain == []
    assert not AutoCollector(full.store, heard)(False)


def test_with_the_least_alone_twice_as_much_is_freed_in_one_go(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, 2 * SIZE - 1, monkeypatch)
    Path(full.store.layout.config).write_text(f"[collect]\nmin-free = {2 * SIZE}\n")
    assert AutoCollector(full.store)(False)
    assert full.there() == {"n3", "n4", "n5", "kept"}
    assert not AutoCollector(full.store)(False)


def test_who_meets_a_full_disk_is_given_all_that_is_dead(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, SIZE, monkeypatch)
    Path(full.store.layout.config).write_text("[collect]\nmin-free = 1000\n")
    assert not AutoCollector(full.store)(False)
    assert AutoCollector(full.store)(True)
    assert full.there() == {"kept"}


def test_when_nothing_can_be_freed_it_names_what_holds_the_space_and_rests(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, 0, monkeypatch)
    configure(full, 100 * SIZE, 200 * SIZE)
    heard = Heard()
    assert AutoCollector(full.store, heard)(False)
    assert full.there() == {"kept"}
    (event,) = heard.vain
    assert event.wanted == 100 * SIZE
    assert event.holders == (("root mine", SIZE),)
    # Another process, too, leaves it at that for now.
    full.make("late", size=SIZE)
    assert not AutoCollector(full.store, heard)(False)
    assert len(heard.vain) == 1
    # But not when a build has found the disk full.
    assert AutoCollector(full.store, heard)(True)
    assert full.there() == {"kept"}


def test_when_what_is_dead_is_spared_it_says_so(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(full, 0, monkeypatch)
    Path(full.store.layout.config).write_text('[collect]\nmin-free = "1G"\nolder-than = "2w"\n')
    heard = Heard()
    assert not AutoCollector(full.store, heard)(False)
    assert len(full.there()) == 7
    assert [event.spared for event in heard.vain] == [6]


def test_rests_double_and_end(full: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(full, 0, monkeypatch)
    configure(full, 100 * SIZE, 100 * SIZE)
    now = [time.time()]
    monkeypatch.setattr("store.gc.auto_collector.time.time", lambda: now[0])
    heard = Heard()
    AutoCollector(full.store, heard)(False)
    for rest in (FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST):
        tries = len(heard.vain)
        now[0] += rest - 1
        AutoCollector(full.store, heard)(False)
        assert len(heard.vain) == tries
        now[0] += 2
        AutoCollector(full.store, heard)(False)
        assert len(heard.vain) == tries + 1


def test_a_rest_ends_when_the_disk_has_changed_much(
    full: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(full, 1 << 30, monkeypatch)
    configure(full, 1 << 40, 1 << 40)
    heard = Heard()
    AutoCollector(full.store, heard)(False)
    AutoCollector(full.store, heard)(False)
    assert len(heard.vain) == 1
    disk.room = 1 << 29
    AutoCollector(full.store, heard)(False)
    assert len(heard.vain) == 2


@pytest.mark.parametrize("note", ["", "nonsense", "9e99 9e99 0", "nan nan 0", "-1 -1 -1"])
def test_a_damaged_note_of_a_rest_is_no_rest(
    full: Stock, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    Disk(full, 0, monkeypatch)
    configure(full, SIZE, SIZE)
    Path(full.store.layout.locks, "rest").write_text(note)
    assert AutoCollector(full.store)(False)


def test_settings_that_cannot_be_read_are_not_passed_over(full: Stock) -> None:
    Path(full.store.layout.config).write_text("[collect]\nmin-fre = 1\n")
    with pytest.raises(UsageError, match="min-fre"):
        AutoCollector(full.store)(False)


def test_who_holds_most_comes_first_and_nothing_is_counted_twice(stock: Stock) -> None:
    stock.make("shared", size=5000)
    stock.make("a", ["shared"], size=100)
    stock.make("b", ["shared"], size=3000)
    stock.store.roots.add("first", stock.oids["a"])
    stock.store.roots.add("second", stock.oids["b"])
    held = held_most(stock.store, make_plan(stock.store, Policy()))
    total = sum(size for _, size in stock.store.objects.all())
    assert [name for name, _ in held] == ["root first", "root second"]
    assert sum(size for _, size in held) == total
