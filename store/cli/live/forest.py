"""Running builds, and those that wait for them: the part of the graph that fits, as a tree.

It is drawn from the leaves down to the nodes that need them, so that the goal is at the bottom::

     ┌─ running
     ├─ running, too
    waits for both
"""

from __future__ import annotations

from typing import NamedTuple

from store.cli.live.progress import NodeProgress, RunProgress

MOST_WAITING = 8
"""Lines of waiting builds."""


class TreeSpace(NamedTuple):
    """Lines that the tree may have, levels of waiting builds, and lines that a running node
    takes."""

    lines: int
    levels: int
    lines_each: int = 1


class TreeRow(NamedTuple):
    """A line of the tree: ``guides`` are drawn before the node (``rest`` on further lines of its
    own)."""

    guides: str
    rest: str
    item: NodeProgress


class Forest(NamedTuple):
    """The rows, from the top, and how many running nodes there was no room for; 0 if there is none
    for a line that says so."""

    rows: list[TreeRow]
    hidden: int


def grown(progress: RunProgress, room: TreeSpace) -> Forest:
    """Return the tree of running nodes."""
    ranks = progress.forecast.ranks if progress.forecast else {}
    active = [
        each for each in progress.of_state("running", "elsewhere") if each.node.kind != "fetch"
    ]
    active.sort(key=lambda each: (each.state == "elsewhere", -ranks.get(each.node.key, 0.0)))
    most = room.lines // room.lines_each
    if len(active) > most > 1:
        most = (room.lines - 1) // room.lines_each  # a line says how many more there are
    shown = {each.node.key: each for each in active[:most]}
    left, hidden = room.lines - len(shown) * room.lines_each, len(active) - len(shown)
    if not hidden:
        _add_waiting(progress, shown, min(left, MOST_WAITING), room.levels)
    return Forest(_rows(progress, shown), hidden if left else 0)


def _add_waiting(
    progress: RunProgress, shown: dict[bytes, NodeProgress], lines: int, levels: int
) -> None:
    """Add the nodes that wait for those shown, nearest first."""
    frontier = list(shown.values())
    for _ in range(levels):
        above: dict[bytes, NodeProgress] = {}
        for each in frontier:
            parent = _parent(progress, each)
            if parent is not None and parent.node.key not in shown and len(above) < lines:
                above[parent.node.key] = parent
        shown.update(above)
        lines -= len(above)
        frontier = list(above.values())


def _parent(progress: RunProgress, each: NodeProgress) -> NodeProgress | None:
    """Return the node that waits for this one and has the longest chain above it."""
    if progress.forecast is None:
        return None
    ranks, dependents = progress.forecast.ranks, progress.forecast.dependents
    waiting = [
        key for key in dependents.get(each.node.key, ()) if progress.nodes[key].state == "waiting"
    ]
    return progress.nodes[max(waiting, key=lambda key: ranks[key])] if waiting else None


def _rows(progress: RunProgress, shown: dict[bytes, NodeProgress]) -> list[TreeRow]:
    below: dict[bytes | None, list[NodeProgress]] = {}
    for each in shown.values():
        parent = _parent(progress, each)
        while parent is not None and parent.node.key not in shown:
            parent = _parent(progress, parent)
        below.setdefault(None if parent is None else parent.node.key, []).append(each)
    rows = []
    # Of each node that is still to be drawn: the text before it, before further lines of its own,
    # and before the nodes above it.
    stack = [("", "  ", "", each) for each in below.get(None, ())]
    while stack:
        guides, rest, indent, each = stack.pop()
        rows.append(TreeRow(guides, rest, each))
        above = below.get(each.node.key, [])
        for number, item in reversed(list(enumerate(above, 1))):
            branch, onward = ("┌─ ", "   ") if number == len(above) else ("├─ ", "│  ")
            stack.append((indent + branch, indent + "│  ", indent + onward, item))
    return rows[::-1]
