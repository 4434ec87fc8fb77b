"""``store log``."""

from __future__ import annotations

import os
import re
import sys
import time

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, seed_option
from store.errors import NotRealised, StoreError, UnknownObject
from store.knowledge import Knowledge
from store.locks import position
from store.model.derivation import Source


@click.command("log")
@click.argument("package", type=PACKAGE)
@click.option("--follow", "-f", is_flag=True, help="Go on as the build writes, until it ends.")
@seed_option
@click.pass_obj
def command(context: Context, package: str, follow: bool) -> None:
    """Show the log of a package's (or object's) newest build, from its first byte."""
    key = _key(context, package)
    path = context.store.layout.log(key)
    while not os.path.exists(path):
        if not (follow and _is_running(context, key)):
            raise UnknownObject(f"there is no log of {package}: it was not built here")
        time.sleep(0.1)
    with open(path, "rb") as stream:
        while True:
            # Asked before reading: what was written before the build ended is read below.
            running = follow and _is_running(context, key)
            while chunk := stream.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            if not running:
                return
            time.sleep(0.2)


def _key(context: Context, text: str) -> bytes:
    """The key of a package's derivation as it stands, of what made an object, or a key in hex."""
    if re.fullmatch("[0-9a-f]{64}", text):
        return bytes.fromhex(text)
    try:
        node = context.catalogue.ref(text).node
    except StoreError:
        makers = context.store.makers(context.object(text))
        if not makers:
            raise UnknownObject(f"no build of this store made {text}") from None
        return makers[0].key
    if isinstance(context.catalogue.nodes[node], Source):
        raise UnknownObject(f"{text} is a source: it is fetched, not built, and has no log")
    knowledge = Knowledge(context.store, context.catalogue)
    knowledge.identify([node])
    key = context.store.outcome(node) or knowledge.key(node)
    if key is None:
        raise NotRealised(text, ", nor is what it is built from")
    return key


def _is_running(context: Context, key: bytes) -> bool:
    lock = context.store.try_lock(position(key))
    if lock is None:
        return True
    lock.release()
    return False
