"""``store du``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice

import click

from store.cli.context import Context
from store.cli.counting import Counting
from store.cli.options import seed_option
from store.cli.pages.page import check_page_writable, write_page
from store.cli.pages.usage_map import ROWS, kept_by, measured, page
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.display import printable
from store.errors import UsageError
from store.quantities import bytes_text
from store.usage.account import Account, Held, account
from store.usage.holders import Holder
from store.usage.shares import NOBODY, Share

SHOWN = 30


@click.command("du")
@click.argument("objects", nargs=-1, metavar="[OBJECT…]", type=PACKAGE)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Show N objects and N holders.")
@click.option("--all", "show_all", is_flag=True, help="Show all objects and holders.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines, all of them without --top."
)
@click.option("--html", metavar="FILE", help="Draw the whole store as one page of HTML.")
@seed_option
@click.pass_obj
def command(
    context: Context,
    objects: tuple[str, ...],
    top: int | None,
    show_all: bool,
    as_json: bool,
    html: str | None,
) -> None:
    """Show the disk space of the whole store, or of objects with all their references.

    Each object has space of its own, which its deletion frees, and space in files that it shares
    with others. Each holder (a link, root, lease or process) is shown with the space that its
    removal frees.
    """
    if html is not None:
        if objects or as_json:
            raise UsageError("--html draws the whole store, and takes no objects and no --json")
        check_page_writable(html)
    count = None if show_all or (as_json and top is None) else top or SHOWN
    began = time.monotonic()
    oids = [oid for text in objects for oid in context.objects(text)] or None
    closer = None if show_all else max(top or SHOWN, ROWS if html else 0)
    counting = Counting(sys.stderr)
    found = account(context.store, oids, top=closer, progress=counting)
    counting.erase()
    if html:
        _draw(context, found, html, time.monotonic() - began)
        return
    for line in _json(found, count) if as_json else _lines(found, count):
        print(line)


def _draw(context: Context, found: Account, path: str, seconds: float) -> None:
    from store.operations.labels import labels_of

    facts = [("Store", context.root), *measured(seconds)]
    write_page(path, page(found, labels_of(context.session), facts))
    click.echo(f"the picture is in {printable(path)}", err=True)


def _json(found: Account, count: int | None) -> Iterator[str]:
    for held in found.held[:count]:
        yield json.dumps({"holder": _holder(held.holder, held.frees, held)})
    for holder, frees in found.rest if count is None else ():
        yield json.dumps({"holder": _holder(holder, frees)})
    for share in islice(found.shares, count):
        yield json.dumps({"object": _object(share, found)})
    yield json.dumps({"summary": _summary(found)})


def _holder(holder: Holder, frees: int, closer: Held | None = None) -> dict[str, object]:
    return {
        "kind": holder.kind.value,
        "name": holder.name,
        "holds": [oid.path for oid in holder.objects],
        "closure_objects": closer and closer.objects,
        "closure_apparent": closer and closer.closure,
        "frees": frees,
    }


def _object(share: Share, found: Account) -> dict[str, object]:
    record: dict[str, object] = {
        "path": share.id.path,
        "total": share.total,
        "exclusive": share.exclusive,
        "shared": share.shared,
        "apparent": share.apparent,
        "files": share.files,
    }
    if found.holders:
        record["kept_by"] = kept_by(share, found)
    return record


def _summary(found: Account) -> dict[str, object]:
    return {
        "objects": len(found.shares),
        "files": sum(found.shares.files),
        "total": found.total,
        "unshared": found.unshared,
        "apparent": sum(found.shares.apparent),
        "dead": found.dead,
        "holders": len(found.holders),
    }


def _lines(found: Account, count: int | None) -> Iterator[str]:
    if found.held:
        yield f"{'frees':>11}  {'closure':>11}  {'objects':>7}  holder"
        for held in found.held[:count]:
            sizes = f"{bytes_text(held.frees):>11}  {bytes_text(held.closure):>11}"
            yield f"{sizes}  {held.objects:>7}  {held.holder}"
        yield from _more(len(found.holders), count, "holder")
        yield ""
    yield f"{'takes':>11}  {'alone':>11}  {'shared':>11}  object"
    for share in islice(found.shares, count):
        parts = (share.total, share.exclusive, share.shared)
        dead = "  (dead)" if found.holders and share.owner == NOBODY else ""
        yield f"{'  '.join(f'{bytes_text(size):>11}' for size in parts)}  {share.id.path}{dead}"
    yield from _more(len(found.shares), count, "object")
    yield ""
    yield (
        f"{bytes_text(found.total)} in {counted(len(found.shares), 'object')}; "
        f"sharing files saves {bytes_text(found.unshared - found.total)}"
        + (f"; {bytes_text(found.dead)} are dead" if found.dead else "")
    )


def _more(total: int, count: int | None, thing: str) -> Iterator[str]:
    if count is not None and total > count:
        yield f"{'':>11}  and {counted(total - count, thing)} more (--all shows all)"
