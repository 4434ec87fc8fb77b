"""``store stats``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from store.cli.context import Context
from store.cli.options import json_option
from store.cli.wording import counted
from store.quantities import bytes_text
from store.usage.statistics import OLDER, Statistics, statistics

FOLDERS = {
    "trash": "being deleted",
    "quarantine": "damaged objects put aside",
    "failed": "trees of failed builds",
    "audits": "of audits that found a difference",
    "partial": "downloads under way",
    "bad": "files without the hash asked for",
    "tmp": "under way",
    "logs": "logs of builds",
    "manifests": "manifests",
    "index": "the index, with copies of it",
}


@click.command("stats")
@json_option()
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    """Show the store in figures: its objects, their disk space, and the space that sharing
    saves."""
    found = statistics(context.store)
    if as_json:
        print(json.dumps(_record(found), indent=2))
        return
    for line in _lines(found):
        print(line)


def _lines(found: Statistics) -> Iterator[str]:
    yield (
        f"{counted(found.objects, ' object', '>11,')}, {bytes_text(found.size)} "
        f"in {counted(found.files, 'file', ',')}"
    )
    unshared = bytes_text(found.before)
    yield f"{bytes_text(found.after):>11}  on disk; {unshared} without sharing files"
    share = 100 * found.gain / found.before if found.before else 0.0
    yield f"{bytes_text(found.gain):>11}  saved by that ({share:.1f} %)"
    yield counted(found.realisations, " realisation", ">11,")
    yield counted(found.roots, " root", ">11,")
    yield (f"{counted(found.sources.entries, ' source', '>11,')}, {bytes_text(found.sources.size)}")
    for name, pile in found.piles.items():
        if pile.entries:
            what = f"in {name}/: {FOLDERS[name]} ({pile.entries:,})"
            yield f"{bytes_text(pile.size):>11}  {what}"
    if not found.objects:
        return
    yield "last used"
    for name, (number, size) in found.ages.items():
        if number:
            within = "longer ago" if name == OLDER else f"{name} ago, or less"
            yield f"{bytes_text(size):>11}  {within} ({counted(number, 'object', ',')})"
    yield "largest closures"
    for item in found.closures:
        objects = counted(item.objects, "object", ",")
        yield f"{bytes_text(item.size):>11}  {item.id.path} ({objects})"


def _record(found: Statistics) -> dict[str, object]:
    return {
        "objects": found.objects,
        "realisations": found.realisations,
        "roots": found.roots,
        "files": found.files,
        "apparent": found.size,
        "before_sharing": found.before,
        "after_sharing": found.after,
        "gain": found.gain,
        "sources": {"objects": found.sources.entries, "apparent": found.sources.size},
        "folders": {
            name: {"entries": pile.entries, "bytes": pile.size}
            for name, pile in found.piles.items()
        },
        "last_used": [
            {"within": None if name == OLDER else name, "objects": objects, "apparent": size}
            for name, (objects, size) in found.ages.items()
        ],
        "largest_closures": [
            {"path": item.id.path, "objects": item.objects, "apparent": item.size}
            for item in found.closures
        ],
    }
