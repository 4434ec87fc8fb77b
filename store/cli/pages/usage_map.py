"""The use of the disk as one page of HTML: a treemap, the largest objects, and their holders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from heapq import nlargest

from store.cli.pages.page import definitions, visible, whole
from store.cli.pages.treemap import Group, Tile, svg
from store.cli.wording import counted
from store.display import printable
from store.operations.labels import DEAD, Labels
from store.quantities import bytes_text
from store.usage.account import Account
from store.usage.shares import NOBODY, SEVERAL, Share

TILES = 400
"""Objects that have a tile of their own; the rest of each group has one together."""

ROWS = 25
"""Objects, and holders, that have a row."""

COLOURS = ("first", "second", "third", "fourth", "fifth", "sixth")
"""Classes of the style, for the largest groups."""


def page(account: Account, labels: Labels, facts: Sequence[tuple[str, str]]) -> str:
    """Return the whole page, of an account of the whole store."""
    groups = _groups(account, labels)
    title = f"{bytes_text(account.total)} in {counted(len(account.shares), 'object', ',')}"
    name = f"A treemap: {title}, by kind"
    parts = {
        "figures": _figures(account),
        "wide": svg(groups, 1160, 620, "wide", name),
        "narrow": svg(groups, 360, 560, "narrow", name),
        "caption": "Each area is an object, as large as its space on the disk; objects of one "
        "kind are side by side. Point at one to see its path and sizes.",
        "key": "".join(_key(group) for group in groups),
        "objects": "".join(_object(share, account, labels) for share in account.shares[:ROWS]),
        "holders": _holders(account),
        "facts": definitions(facts),
    }
    return whole("space", title, parts)


def measured(seconds: float) -> list[tuple[str, str]]:
    """Return when it was looked at, and how long that took."""
    return [
        ("Date", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())),
        ("Took", f"{seconds:.1f} s"),
    ]


def _groups(account: Account, labels: Labels) -> list[Group]:
    """Return the largest first; each has a colour, the smallest one together when there are too
    many."""
    largest = nlargest(TILES, account.shares, key=lambda share: share.fair)
    own = {share.id for share in largest}
    groups: dict[str, Group] = {}
    rest: dict[str, tuple[int, float]] = {}
    for share in account.shares:
        kind = labels.kind(share)
        group = groups.setdefault(kind, Group(kind, "other"))
        if share.id in own:
            group.tiles.append(_tile(share, account, labels))
        else:
            count, size = rest.get(kind, (0, 0.0))
            rest[kind] = count + 1, size + share.fair
    for kind, (count, size) in rest.items():
        label, detail = f"{count:,} smaller", bytes_text(size)
        groups[kind].tiles.append(Tile(label, detail, f"{label}, {detail}", size, "rest"))
    order = sorted(groups.values(), key=lambda group: -group.size)
    colours = iter(COLOURS)
    for group in order:
        group.kind = DEAD if group.name == DEAD else next(colours, "other")
        group.name = f"{_heading(group.name)}  {bytes_text(group.size)}"
    return order


def _heading(kind: str) -> str:
    return "dead: nothing keeps it" if kind == DEAD else kind


def _tile(share: Share, account: Account, labels: Labels) -> Tile:
    title = (
        f"{labels.name(share)}\n{share.id.path}\n{bytes_text(share.total)} on disk: "
        f"{bytes_text(share.exclusive)} alone, {bytes_text(share.shared)} shared; "
        f"{counted(share.files, 'file', ',')}\nkept by {printable(kept_by(share, account))}"
    )
    return Tile(labels.name(share), bytes_text(share.fair), title, share.fair, "object")


def kept_by(share: Share, account: Account) -> str:
    """Return the holders of an object, in words; a name among them may hold anything."""
    if share.owner == NOBODY:
        return "nothing"
    if share.owner == SEVERAL:
        return "several"
    holder = account.holders[share.owner]
    return f"{holder.kind.value} {holder.name}"


def _figures(account: Account) -> str:
    gain = account.unshared - account.total
    items = (
        (bytes_text(account.total), "on the disk"),
        (bytes_text(gain), "saved by sharing files"),
        (bytes_text(account.dead), "dead: store gc frees it"),
        (counted(sum(account.shares.files), "file", ","), "and links"),
        (counted(len(account.holders), "holder", ","), "roots, leases, processes"),
    )
    return "".join(f"<li><b>{value}</b>{name}</li>" for value, name in items)


def _key(group: Group) -> str:
    return f'<li><span class="swatch {group.kind}"></span>{visible(group.name)}</li>'


def _object(share: Share, account: Account, labels: Labels) -> str:
    path = f"{share.id.text}<wbr>-{visible(share.id.name)}"
    return (
        f'<tr><th scope="row">{visible(labels.name(share))}<code>{path}</code></th>'
        f'<td data-label="Kind">{visible(labels.kind(share))}</td>'
        f"{_size('Takes', share.total)}{_size('Alone', share.exclusive)}"
        f"{_size('Shared', share.shared)}"
        f'<td data-label="Kept by">{visible(kept_by(share, account))}</td></tr>'
    )


def _size(label: str, size: float) -> str:
    return f'<td class="size" data-label="{label}">{bytes_text(size)}</td>'


def _holders(account: Account) -> str:
    if not account.held:
        return "<p>Nothing: the next <code>store gc</code> would free all of it.</p>"
    rows = "".join(
        f'<tr><th scope="row">{visible(str(held.holder))}</th>'
        f'<td class="size" data-label="Objects">{held.objects:,}</td>'
        f"{_size('Closure', held.closure)}{_size('Frees', held.frees)}</tr>"
        for held in account.held[:ROWS]
    )
    more = len(account.holders) - min(len(account.held), ROWS)
    told = f"<p>and {counted(more, 'holder', ',')} more</p>" if more > 0 else ""
    return (
        '<table id="holders"><thead><tr><th scope="col">Holder</th><th scope="col">Objects</th>'
        '<th scope="col">Closure</th><th scope="col">Its removal frees</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{told}"
    )
