"""``store index``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import click

from store.cli.context import Context
from store.cli.options import json_option
from store.cli.wording import counted
from store.display import printable
from store.errors import CorruptObject
from store.layout.paths import Layout
from store.quantities import bytes_text
from store.recovery.backup import backup as copy_index
from store.recovery.recover import Rebuilt
from store.recovery.recover import rebuild as make_anew
from store.recovery.recover import restore as take_back

_contents = click.option(
    "--contents", is_flag=True, help="Read every file, and leave out objects with wrong bytes."
)
_json = json_option()


@click.group("index")
def command() -> None:
    """Rebuild the index from the store directory, copy it, or restore a copy."""


@command.command("rebuild", short_help="Rebuild the index from the files of the store.")
@_contents
@_json
@click.pass_obj
def rebuild(context: Context, contents: bool, as_json: bool) -> None:
    """Rebuild the index from the files of the store, without trust in the old index.

    Damaged and incomplete objects are listed and left out; nothing is deleted. The old index stays
    beside the new one. The exit code is 56 if anything was left out.
    """
    done = make_anew(Layout(context.root), contents=contents, phase=_phase)
    _report(done, as_json)


@command.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@click.pass_obj
def backup(context: Context, file: str) -> None:
    """Copy the current index to a file; builds may go on meanwhile."""
    size = copy_index(context.store.index, os.path.abspath(file))
    click.echo(f"the index is copied to {printable(file)} ({bytes_text(size)})", err=True)


@command.command("restore", short_help="Restore a copy of the index, and correct it.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@_contents
@_json
@click.pass_obj
def restore(context: Context, file: str, contents: bool, as_json: bool) -> None:
    """Restore a copy of the index, and correct it by the files of the store.

    Objects are examined as by `store index rebuild`. Roots, realisations and times come from the
    copy. Later builds come from the records beside the index.
    """
    done = take_back(Layout(context.root), os.path.abspath(file), contents=contents, phase=_phase)
    _report(done, as_json)


def _phase(name: str) -> None:
    click.echo(f"{name}…", err=True)


def _report(done: Rebuilt, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_record(done)))
    else:
        for line in _lines(done):
            print(line)
    left_out = len(done.survey.damaged) + len(done.survey.incomplete)
    if left_out or done.replay.lost_roots:
        raise CorruptObject(
            f"{counted(left_out, 'object')} and {counted(len(done.replay.lost_roots), 'root')} "
            "are not in the new index",
            hint="the objects are still in the store directory, until `store gc`; realise the "
            "needed packages again, or put good copies in their place and rebuild again",
        )


def _lines(done: Rebuilt) -> Iterator[str]:
    for kind, items in (("damaged", done.survey.damaged), ("incomplete", done.survey.incomplete)):
        for item in items:
            yield f"{kind}: {item.name}: {item.why}"
    for name in done.survey.foreign:
        yield f"passed over: {printable(name)}: not the name of an object"
    for name, oid in done.replay.lost_roots:
        yield f"lost root: {name}, which kept {oid}"
    yield (
        f"{counted(len(done.survey.sound), 'object')}, "
        f"{counted(done.replay.realisations, 'realisation')} and "
        f"{counted(done.replay.roots, 'root')} are in the index"
    )
    if done.old is not None:
        yield (
            f"the old index could not be read ({done.old}): the times of last use and last "
            "verification are lost"
        )
    if done.skipped or done.replay.unread:
        yield (
            f"{counted(done.skipped, 'byte')} and {counted(done.replay.unread, 'record')} "
            "beside the index were damaged; "
            "their contents are lost"
        )


def _record(done: Rebuilt) -> dict[str, object]:
    return {
        "objects": len(done.survey.sound),
        "realisations": done.replay.realisations,
        "roots": done.replay.roots,
        "damaged": [{"name": item.name, "why": item.why} for item in done.survey.damaged],
        "incomplete": [{"name": item.name, "why": item.why} for item in done.survey.incomplete],
        "foreign": list(done.survey.foreign),
        "lost_roots": [{"name": name, "object": oid} for name, oid in done.replay.lost_roots],
        "old_index": done.old,
        "damaged_bytes": done.skipped,
        "damaged_records": done.replay.unread,
    }
