"""``store import``."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import click

from store.cli.context import Context
from store.cli.options import link_option, trust_option
from store.cli.outputs import drawn
from store.cli.wording import counted
from store.display import printable, quoted
from store.errors import FormatError, InvalidName, UnknownObject, UnusableKey, UsageError
from store.model.locators import shown, with_lower_scheme
from store.model.names import STORE_DIR, ObjectId
from store.model.origin import How, Origin

if TYPE_CHECKING:
    from store.attest.sources import Line
    from store.attest.vouching import Reading
    from store.events import Event
    from store.local.leases import Lease
    from store.local.store import Store
    from store.signing.keys import PublicKey
    from store.substitute.belief import Vouched
    from store.substitute.importing import Imported

Emit: TypeAlias = "Callable[[Event], None]"
Importer: TypeAlias = "Callable[[Store, Sequence[ObjectId], Lease | None, Emit], Imported]"

SHOWN = 10
"""Records whose refusal is explained."""

_NOTHING = {
    "unsigned": "that nobody signed",
    "untrusted": "signed by keys that are not trusted",
    "invalid": "with a wrong signature of a trusted key",
    "unreadable": "that cannot be read",
}


@click.command("import")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="STORE|URL",
    help="Copy from the store in this folder, or from the cache at this URL.",
)
@click.option(
    "--statements",
    multiple=True,
    metavar="SOURCE",
    help="Read signed statements of their builds from a file, a folder or a URL (default: "
    "the folder statements/ of that store, or the cache's).",
)
@trust_option
@click.option(
    "--trust-unsigned",
    is_flag=True,
    help="Believe that store's build records, signed or not.",
)
@link_option
@click.pass_obj
def command(
    context: Context,
    objects: tuple[str, ...],
    source: str,
    statements: tuple[str, ...],
    trust: tuple[str, ...],
    trust_unsigned: bool,
    out_link: str | None,
) -> None:
    """Copy objects from another store or a cache, with all that they refer to.

    Give each object by its whole path below /store. Each object's digest is checked before this
    store registers it. If one object of another store is damaged, none is taken. A build record is
    believed if a trusted key has signed it; a fetched file is believed if it has the hash of its
    source. An object without a believed record is imported, but belongs to no package.
    """
    if out_link and len(objects) > 1:
        raise UsageError("--out-link takes one object")
    oids = [_whole_name(text) for text in objects]
    cached = _is_cache(source)
    take = _from_cache if cached else _from_store
    importer = take(source, statements, trust, trust_unsigned)
    context.absent = "make"
    store = context.store
    with store.leases.begin() if out_link else contextlib.nullcontext() as keep:
        with drawn(context) as reporter:
            taken = importer(store, oids, keep, reporter.emit)
        if out_link:
            store.roots.link(out_link, oids[0])
    for oid in oids:
        print(oid.path)
    for line in _report(taken, shown(source) if cached else source, trust_unsigned):
        click.echo(line, err=True)


def _is_cache(source: str) -> bool:
    from store.cache.connecting import SCHEMES, check_url
    from store.cache.file_names import MARKER

    scheme, colon, rest = with_lower_scheme(source).partition(":")
    if rest.startswith("//") and not os.path.isdir(source):
        check_url(source)  # else it would be a folder's name, with whatever secret is in it
    return bool(colon and scheme in SCHEMES) or os.path.isfile(f"{source}/{MARKER}")


def _from_store(
    source: str, statements: Sequence[str], trust: tuple[str, ...], unsigned: bool
) -> Importer:
    from store.substitute.belief import Belief
    from store.substitute.directory import StoreDirectory
    from store.substitute.importing import import_objects

    try:
        other = StoreDirectory(source)
    except UnknownObject as error:
        error.hint = "give the folder that --root names, or a cache's folder or URL"
        raise
    told = statements or ((other.statements,) if os.path.isdir(other.statements) else ())
    belief = Belief(_vouching(told, trust, asked=bool(statements)), unsigned)
    return lambda store, oids, keep, _: import_objects(store, other, oids, keep, belief)


def _from_cache(
    source: str, statements: Sequence[str], trust: tuple[str, ...], unsigned: bool
) -> Importer:
    from store.attest.sources import Line
    from store.cache.connecting import connect
    from store.cli.commands.key import trusted_keys
    from store.substitute.belief import Belief
    from store.substitute.cache_import import import_cached, known_statements

    if unsigned:
        raise UsageError(
            "a cache has no build records without a signature",
            hint="without --trust-unsigned, those that trusted keys signed are taken",
        )
    offers = connect(os.path.abspath(source) if os.path.isdir(source) else source)

    def importer(
        store: Store, oids: Sequence[ObjectId], keep: Lease | None, emit: Emit
    ) -> Imported:
        vouch = _vouching(statements, trust, asked=bool(statements))
        if not statements:
            keys = trusted_keys(trust)
            files = known_statements(store, offers, oids, {key.id for key in keys})
            told = [Line(each.where, line) for each in files for line in each.data.splitlines()]
            vouch = lambda oids: _read(told, oids, keys)  # noqa: E731
        return import_cached(store, offers, oids, keep, Belief(vouch), emit)

    return importer


def _whole_name(text: str) -> ObjectId:
    try:
        return ObjectId.parse(text.removeprefix(f"{STORE_DIR}/").rstrip("/"))
    except (FormatError, InvalidName) as error:
        raise UsageError(
            f"{quoted(text)} is no object's path",
            hint="`store info` shows the whole path, on the machine that has the object",
        ) from error


def _vouching(
    sources: Sequence[str], trust: tuple[str, ...], *, asked: bool
) -> Callable[[Collection[ObjectId]], Sequence[Vouched]]:
    """Find what trusted keys signed, in the sources. UnusableKey when statements were ``asked``
    for and no key is trusted."""
    from store.cli.commands.key import trusted_keys

    keys = trusted_keys(trust)
    if asked and not keys:
        raise UnusableKey(
            "no key is trusted, so no statement counts",
            hint="choose trusted keys with `store key trust FILE`, or with --trust",
        )

    def vouch(oids: Collection[ObjectId]) -> Sequence[Vouched]:
        from store.attest.sources import lines

        found: list[Vouched] = []
        for source in sources if keys else ():
            found += _read(lines(source), oids, keys)
        return found

    return vouch


def _read(
    lines: Iterable[Line], oids: Collection[ObjectId], keys: Sequence[PublicKey]
) -> list[Vouched]:
    from store.attest.vouching import read_vouched

    reading = read_vouched(lines, oids, keys)
    for line in _ignored(reading):
        click.echo(line, err=True)
    return reading.vouched


def _ignored(reading: Reading) -> Iterator[str]:
    for kind, what in _NOTHING.items():
        if reading.counts[kind]:
            yield f"ignored: {counted(reading.counts[kind], 'statement')} {what}"
    for problem in reading.problems[:SHOWN]:
        yield f"  {printable(problem)}"


def _report(taken: Imported, source: str, unsigned: bool) -> Iterator[str]:
    """Yield the taken and the refused objects, line by line."""
    yield f"{counted(len(taken.fresh), 'object')} taken from {printable(source)}"
    for how, count in Counter(map(_by_what, taken.origins)).items():
        yield f"{counted(count, 'record')} of their builds taken: {how}"
    if taken.untold:
        yield f"that store's index has no records of their builds: {printable(taken.untold)}"
    for reason in taken.refused[:SHOWN]:
        yield f"refused a record that cannot be true: {printable(reason)}"
    if len(taken.refused) > SHOWN:
        yield f"  and {len(taken.refused) - SHOWN} more"
    if taken.passed_over:
        yield (
            f"{counted(taken.passed_over, 'record')} of their builds not taken: "
            "no trusted key signed them"
        )
        yield "  hint: --statements FILE takes records that the keys of `store key trust` signed;"
        yield "  --trust-unsigned believes that store"


def _by_what(origin: Origin) -> str:
    if origin.how is How.SIGNED:
        return f"signed by {', '.join(origin.signer_names)}"
    if origin.how is How.CHECKED:
        return "the file has the hash of its source"
    return "signed by nobody, as --trust-unsigned asks for"
