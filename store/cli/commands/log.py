"""``store log``."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time

import click

from store.cli.context import Context
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE
from store.cli.plain import Plain
from store.display import printable
from store.errors import (
    NotOwner,
    NotRealised,
    StoreError,
    StoreReadOnly,
    UnknownObject,
    storage_error,
)
from store.graph.resolver import Resolver
from store.layout.paths import Layout
from store.model.derivation import Source
from store.system.beneath import open_file_beneath, opened
from store.system.locks import position

LATELY = 10.0
"""Seconds for which another user's build that writes nothing is followed."""


@click.command("log")
@click.argument("package", type=PACKAGE)
@click.option("--follow", "-f", is_flag=True, help="Follow the log until the build ends.")
@seed_option
@click.pass_obj
def command(context: Context, package: str, follow: bool) -> None:
    """Show the log of the newest build of a package or object, from its first byte.

    The log of a build by another is asked for in the cache that it came from, and in those of the
    settings.

    On a terminal, control characters are shown as codes.
    """
    key = _key(context, package)
    write = _Terminal().write if sys.stdout.isatty() else sys.stdout.buffer.write
    path = context.store.layout.log(key)
    while not os.path.lexists(path):
        if not (follow and _is_running(context, key)):
            write(_taken(context, package, key))
            sys.stdout.buffer.flush()
            return
        time.sleep(0.1)
    with open(_opened(context.store.layout, key), "rb") as stream:
        while True:
            # Asked before reading: text from before the end of the build is read below.
            running = follow and _is_running(context, key)
            while chunk := stream.read(1 << 16):
                write(chunk)
            sys.stdout.buffer.flush()
            if not running:
                return
            time.sleep(0.2)


def _taken(context: Context, package: str, key: bytes) -> bytes:
    """Return the log of a build by another, from a cache."""
    records = context.store.realisations.of(key)
    taken = [each for each in records if not each.origin.built_here and each.level != "fetch"]
    missing = f"there is no log of {package}"
    if not taken:
        why = "it is not kept any more" if records else "it was not built here"
        hint = "collections remove old logs: docs/collector.md" if records else None
        raise UnknownObject(f"{missing}: {why}", hint=hint)
    from store.operations.caches import log_from_caches

    data = log_from_caches(context.store, taken, Plain(sys.stderr).emit)
    if data is not None:
        return data
    raise UnknownObject(
        f"{missing}: it was not built here, but {printable(str(taken[0].origin))}, and no cache "
        "has its log",
        hint="the caches asked are the one that it came from, and those of $STORE_CACHES, or of "
        "config.toml",
    )


def _opened(layout: Layout, key: bytes) -> int:
    """Return a log, by no link, that belongs to the store's owner: another user's file is not
    shown."""
    try:
        with opened(os.path.realpath(layout.root)) as root:
            fd = open_file_beneath(root, layout.log(key)[len(layout.root) + 1 :])
            strange = os.fstat(fd).st_uid != os.fstat(root).st_uid
    except OSError as error:
        raise storage_error(error, "cannot read a log") from error
    if strange:
        os.close(fd)
        raise NotOwner(f"{layout.log(key)} is not a file of the store's owner")
    return fd


class _Terminal:
    """Writes what a builder wrote to a terminal, with a code for each character that could steer
    it; carriage returns are ends of lines."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._returned = False

    def write(self, data: bytes) -> None:
        """Write ``data``, which may end within a character."""
        text = self._decoder.decode(data)
        if self._returned and text.startswith("\n"):
            text = text[1:]
        if text:
            self._returned = text.endswith("\r")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        shown = "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)
        sys.stdout.buffer.write(shown.encode("utf-8", "backslashreplace"))


def _key(context: Context, text: str) -> bytes:
    """Return the key of a package's present derivation, of an object's build, or a key in hex."""
    if re.fullmatch("[0-9a-f]{64}", text):
        return bytes.fromhex(text)
    try:
        node = context.catalogue.ref(text).node
    except StoreError:
        makers = context.store.realisations.makers(context.object(text))
        if not makers:
            raise UnknownObject(
                f"no build of this store made {text}", hint=f"`store info {text}` says how it came"
            ) from None
        return makers[0].key
    if isinstance(context.catalogue.nodes[node], Source):
        raise UnknownObject(f"{text} is a source: it is fetched, not built, and has no log")
    resolver = Resolver(context.store, context.catalogue)
    resolver.identify([node])
    key = context.store.realisations.outcome(node) or resolver.key(node)
    if key is None:
        raise NotRealised(text, ", nor are its inputs")
    return key


def _is_written(path: str) -> bool:
    """Return whether somebody wrote to the log lately, as far as others can tell."""
    try:
        return abs(time.time() - os.lstat(path).st_mtime) < LATELY
    except OSError:
        return False


def _is_running(context: Context, key: bytes) -> bool:
    try:
        lock = context.store.try_lock(position(key))
    except (NotOwner, StoreReadOnly):
        # The locks are the owner's alone to look at.
        return _is_written(context.store.layout.log(key))
    if lock is None:
        return True
    lock.release()
    return False
