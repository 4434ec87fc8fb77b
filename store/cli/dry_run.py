"""The plan of a collection, as ``store gc --dry-run`` shows it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from store.cli.wording import counted
from store.display import printable
from store.gc.downloads import abandoned
from store.gc.kept_trees import expired, leaving
from store.gc.logs import removable
from store.gc.plan import CollectionPlan, make_plan
from store.gc.policy import Policy
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.root_snapshot import NamedRoot
from store.local.store import Store
from store.model.names import STORE_DIR
from store.profiles.old_generations import old_generations
from store.quantities import bytes_text, seconds_text
from store.usage.holders import Holders
from store.usage.space import SpaceForecast

FEW, CROWD = 64, 20_000
"""Dead objects that are looked at together: first, where a bound may be reached soon, and most."""


class Shown:
    """``objects`` that would go, and the bytes ``freed`` by them; beside them the bytes that
    interrupted processes ``left``, ``unknown`` objects among that, and so many ``logs`` and kept
    ``trees``."""

    def __init__(self, left: int) -> None:
        self.objects = 0
        self.freed = 0
        self.left = left
        self.unknown = 0
        self.logs = 0
        self.logs_freed = 0
        self.trees = 0
        self.trees_freed = 0

    @property
    def gone(self) -> int:
        """Bytes that all of it frees."""
        return self.left + self.freed + self.logs_freed + self.trees_freed


def show_plan(store: Store, policy: Policy, *, as_json: bool) -> None:
    """Print the objects to delete, one a line, and their sum."""
    with expired(store.layout, policy) as kept:
        names = leaving(store.layout, kept)
        paths = [item.path for item in kept]
    old = {} if policy.keep_generations is None else old_generations(store, policy.keep_generations)
    numbers = {path: [each.number for each in found] for path, found in old.items()}
    links = [each.link for found in old.values() for each in found]
    plan = make_plan(store, policy, leaving=names, leaving_links=links)
    shown = _show_victims(store, plan, as_json, paths)
    if as_json:
        print(json.dumps({"summary": _summary(plan, shown) | {"generations": numbers}}))
        return
    for line in generation_lines(numbers, "would delete"):
        print(line)
    for line in told_holders(plan.holders, dropped=False):
        print(line)
    for line in _sums(plan, shown):
        print(line)


def generation_lines(numbers: Mapping[str, Sequence[int]], verb: str) -> Iterator[str]:
    """Yield a line for each profile of which there are generations to delete, by number."""
    for path, found in numbers.items():
        listed = ", ".join(map(str, found))
        yield f"{verb} {counted(len(found), 'generation')} of {printable(path)}: {listed}"


def _show_victims(
    store: Store, plan: CollectionPlan, as_json: bool, kept: Sequence[str] = ()
) -> Shown:
    forecast, free, policy = SpaceForecast(store), store.disk.free_bytes(), plan.policy
    # A run begins with the trash, and ends with what nobody knows unless it may stop before.
    shown = Shown(forecast.freed_below(store.layout.trash))
    for log in removable(store, policy):
        if policy.bounded and policy.wanted(shown.gone, free + shown.gone) == 0:
            break
        shown.logs += 1
        shown.logs_freed += log.size
    for download in abandoned(store.layout, policy):
        if policy.bounded and policy.wanted(shown.gone, free + shown.gone) == 0:
            break
        shown.left += download.size
    for path in kept:
        if policy.bounded and policy.wanted(shown.gone, free + shown.gone) == 0:
            break
        shown.trees += 1
        shown.trees_freed += forecast.freed_below(path)
    for victims in _victims(store, plan, forecast):
        lines = []
        for name, size, used in victims:
            if policy.bounded and policy.wanted(shown.gone, free + shown.gone) == 0:
                break
            shown.freed += size
            lines.append(_record(name, size, used) if as_json else _line(name, size, used))
        shown.objects += len(lines)
        # Together: there may be a million.
        sys.stdout.writelines(lines)
        if len(lines) < len(victims):
            break
    if not policy.bounded:
        with store.index.read() as txn:
            names = _unknown(store.layout, txn)
        shown.unknown = len(names)
        shown.left += sum(forecast.freed_by(names))
    return shown


def _victims(
    store: Store, plan: CollectionPlan, forecast: SpaceForecast
) -> Iterator[list[tuple[str, int, int | None]]]:
    """Yield the objects to delete, in order, some at a time, as ``<digest>-<name>``: with the bytes
    freed when those before it are deleted, and its last use if that is known."""
    start, most = 0, FEW if plan.policy.bounded else CROWD
    with store.index.read() as txn:
        while start < len(plan.dead):
            part = slice(start, start + most)
            used = dict(zip(plan.dead[part], plan.used[part], strict=True)) if plan.used else {}
            # A collection that goes on may have taken some of them meanwhile.
            named = txn.by_number.named(plan.dead[part])
            freed = forecast.freed_by(list(named.values()))
            yield [
                (name, size, used.get(number))
                for (number, name), size in zip(named.items(), freed, strict=True)
            ]
            start, most = part.stop, min(2 * most, CROWD)


def _unknown(layout: Layout, txn: Reader) -> list[str]:
    """Return the objects in the store directory that the index does not know."""
    # In any store that nobody was killed in there are as many entries as objects, and that is seen
    # in a tenth of the time.
    if len(os.listdir(layout.objects)) == txn.objects.count():
        return []
    from store.local.object_removal import unregistered

    return unregistered(layout, txn).names


def _record(name: str, size: int, used: int | None) -> str:
    # Written out: no character of a path needs escaping.
    last = "" if used is None else f', "last_used": {used}'
    path = f"{STORE_DIR}/{name}"
    return f'{{"path": "{path}", "frees": {size}, "why": "nothing keeps it"{last}}}\n'


def _line(name: str, size: int, used: int | None) -> str:
    since = "" if used is None else f"  last used {seconds_text(max(0.0, time.time() - used))} ago"
    return f"{bytes_text(size):>12}  {STORE_DIR}/{name}{since}\n"


def _sums(plan: CollectionPlan, shown: Shown) -> Iterator[str]:
    kinds = [holder.kind.value for holder in plan.holders.alive]
    by = ", ".join(f"{kinds.count(kind)} by {kind}" for kind in dict.fromkeys(kinds))
    spared = f", {plan.spared} spared as used lately" if plan.spared else ""
    are = "is" if plan.live == 1 else "are"
    total = counted(plan.total, "object")
    yield f"{plan.live} of {total} {are} kept ({by or 'by nothing'}){spared}"
    if shown.left:
        unknown = counted(shown.unknown, "object")
        those = f", with {unknown} that the index does not know" if shown.unknown else ""
        yield f"{bytes_text(shown.left)} of interrupted processes would be removed too{those}"
    if shown.logs:
        logs = counted(shown.logs, "log")
        yield f"{logs} would be removed, which frees {bytes_text(shown.logs_freed)}"
    if shown.trees:
        trees = counted(shown.trees, "kept tree")
        yield f"{trees} would be removed, which frees {bytes_text(shown.trees_freed)}"
    more = len(plan.dead) - shown.objects
    rest = f"; {dead_objects(more)} would be left" if more else ""
    yield f"{shown.objects} would be deleted, which frees {bytes_text(shown.freed)}{rest}"


def _summary(plan: CollectionPlan, shown: Shown) -> dict[str, object]:
    holders = plan.holders
    return {
        "objects": shown.objects,
        "frees": shown.freed,
        "total": plan.total,
        "live": plan.live,
        "spared": plan.spared,
        "strays": shown.unknown,
        "leftovers": shown.left,
        "logs": shown.logs,
        "logs_frees": shown.logs_freed,
        "trees": shown.trees,
        "trees_frees": shown.trees_freed,
        "dead_roots": [root.path for root in holders.dead],
        "unseen_roots": unseen_records(holders.roots.unseen()),
        "stale_leases": holders.stale,
        "unseen_processes": holders.unseen,
    }


def told_holders(holders: Holders, *, dropped: bool) -> Iterator[str]:
    """Yield a line for each holder that has ended, and for those that could not be seen."""
    verb = "dropped" if dropped else "would drop"
    for root in holders.dead:
        name = printable(root.path or root.name)
        yield f"{verb} the root {name}: {_why_dead(root)}"
    for root in holders.roots.unseen():
        yield f"kept the root {printable(root.path or root.name)}: {unseen_text(root)}"
    if holders.stale:
        yield f"{verb} {counted(holders.stale, 'lease')} of processes that have ended"
    if holders.unseen:
        yield (
            f"{counted(holders.unseen, 'process')} could not be examined wholly; objects that "
            "only they use do not count as used"
        )


def _why_dead(root: NamedRoot) -> str:
    if root.unseen is not None:
        return f"{unseen_text(root)}, which is too long"
    return "its link is missing, or leads out of the store"


def unseen_text(root: NamedRoot) -> str:
    """Return since when the link of a root is out of sight, for people."""
    since = datetime.fromtimestamp(root.unseen or 0, UTC)
    return f"its link is out of sight since {since:%Y-%m-%d %H:%M} UTC"


def unseen_records(roots: Iterable[NamedRoot]) -> list[dict[str, str | None]]:
    """Return the same of several, for programs."""
    return [
        {"name": root.name, "link": root.path, "path": root.recorded.path, "since": since_of(root)}
        for root in roots
    ]


def since_of(root: NamedRoot) -> str | None:
    """Return since when a root's link is out of sight, if it is, for programs."""
    return None if root.unseen is None else datetime.fromtimestamp(root.unseen, UTC).isoformat()


def dead_objects(count: int) -> str:
    """Return so many of them, in words."""
    return counted(count, "dead object")
