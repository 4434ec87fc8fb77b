"""Making room for builds, where the owner of the store has said so."""

from __future__ import annotations

from collections.abc import Callable

from store.cli.context import Context
from store.events import Reporter


def room_maker(context: Context, reporter: Reporter) -> Callable[[bool], bool]:
    """What collects when the disk gets full: for who builds. What it takes is imported late."""

    def make_room(urgent: bool) -> bool:
        from store.gc.automatic import RoomMaker

        return RoomMaker(context.store, reporter)(urgent)

    return make_room
