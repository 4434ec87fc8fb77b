"""``store attest``: signed statements of what this machine built."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from store import digest
from store.cli.commands.key import make_key
from store.cli.context import Context
from store.cli.options import closure_option, key_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.errors import (
    FormatError,
    NotRealised,
    StorageError,
    UnknownObject,
    UsageError,
    output_error,
)
from store.model.derivation import Resolved
from store.model.realisation import Realisation
from store.signing import claims, envelope, statement, verdicts
from store.signing.keyring import Keyring, default_folder
from store.signing.keys import PrivateKey
from store.signing.record import LINE_LIMIT, from_record
from store.system.output_file import put_text


@dataclass(frozen=True)
class Signed:
    """A line to publish; ``name`` says of what, for the name of a file."""

    name: str
    line: str


@click.command("attest")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@click.option("--all", "everything", is_flag=True, help="Sign every build of this store.")
@closure_option
@click.option(
    "--findings",
    multiple=True,
    metavar="FILE",
    help="Sign verdicts too, from a file of `store audit … --json` (- is standard input).",
)
@key_option
@click.option("--new-key", metavar="NAME", help="Make a key first, and sign with it.")
@click.option("--unsigned", is_flag=True, help="Write plain lines without a signature.")
@click.option(
    "--output",
    "-o",
    metavar="PATH",
    help="Write to a file of lines, or to a folder with a file for each, not to standard output.",
)
@seed_option
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    everything: bool,
    closure: bool,
    findings: tuple[str, ...],
    key: str | None,
    new_key: str | None,
    unsigned: bool,
    output: str | None,
) -> None:
    """Sign the builds of this machine: one statement for each time that an output was made.

    An output with several results yields several statements, and so others learn of the difference.
    With --findings, verdicts of audits are signed, the bad ones too.
    """
    if unsigned and (key or new_key or findings):
        raise UsageError("--unsigned goes with no key, and with no findings")
    if everything and packages:
        raise UsageError("name packages, or give --all")
    if new_key:
        click.echo(f"made the key {make_key(context, new_key)}", err=True)
    elif not (packages or everything or findings):
        raise UsageError("nothing to sign", hint="name packages, or give --all or --findings FILE")
    made = _made(context, packages, everything, closure)
    if unsigned:
        lines = [Signed(node.name, claims.plain(record)) for record, node in made]
        _write(list(dict.fromkeys(lines)), output, "")
        return
    private = Keyring(default_folder()).private(new_key or key)
    lines = [*_builds(context, made, private), *_verdicts(findings, private)]
    _write(lines, output, f"-{private.public.id[:8]}")
    click.echo(f"{counted(len(lines), 'statement')} signed by {private.name}", err=True)


def _made(
    context: Context, packages: tuple[str, ...], everything: bool, closure: bool
) -> list[tuple[Realisation, Resolved]]:
    """Return every realisation that is asked for and was built, with its derivation, by name."""
    wanted: dict[bytes, str] = {}
    if everything:
        records = context.store.realisations.all()
    else:
        wanted, lacking = package_keys(context, packages, closure)
        if lacking:
            raise NotRealised(next(iter(lacking)))
        records = [item for item in context.store.realisations.all() if item.key in wanted]
    found = [(record, node) for record in records if (node := made_here(context, record))]
    if not closure:
        _check_each(wanted, records, {record.key for record, _ in found})
    if (packages or everything) and not found:
        raise UnknownObject(
            "this store has built nothing of that",
            hint="`store realise` builds a package; fetched and imported objects are not signed",
        )
    return sorted(found, key=lambda item: (item[1].name, item[0].started, item[0].output))


def _check_each(wanted: dict[bytes, str], records: Sequence[Realisation], made: set[bytes]) -> None:
    """Raise UnknownObject for a package that is here and was not built here."""
    for record in records:
        if record.key in wanted and record.key not in made and not record.origin.built_here:
            raise UnknownObject(
                f"{wanted[record.key]} was not built here, but {record.origin}",
                hint="only what this store built is signed; `store audit rebuild` builds it again, "
                "and its verdict can be signed with --findings",
            )


def made_here(context: Context, record: Realisation) -> Resolved | None:
    """Return the derivation of a record of this store's own making; None for one that was imported,
    of a source, or that cannot be true."""
    node = built(context, record.key) if record.origin.built_here else None
    return node if node is not None and record.is_of(node.name) else None


def package_keys(
    context: Context, packages: tuple[str, ...], closure: bool
) -> tuple[dict[bytes, str], dict[str, bytes]]:
    """Return the keys of packages, and of what they are built from, each with a name for it; and
    those of the packages that this store has not realised, with their nodes."""
    from store.graph.resolver import Resolver

    catalogue = context.catalogue
    goals = {catalogue.ref(text).node: text for text in packages}
    nodes = list(catalogue.build_closure(goals) if closure else goals)
    resolver = Resolver(context.store, catalogue)
    resolver.identify(nodes)
    found, lacking = {}, {}
    for node in nodes:
        key = context.store.realisations.outcome(node) or resolver.key(node)
        if key is not None and (node not in goals or _realised(context, key, node)):
            found[key] = goals.get(node, catalogue.nodes[node].name)
        elif node in goals:
            lacking[goals[node]] = node
    return found, lacking


def _realised(context: Context, key: bytes, node: bytes) -> bool:
    outputs = context.catalogue.nodes[node].outputs
    return any(context.store.realisations.of(key, output) for output in outputs)


def built(context: Context, key: bytes) -> Resolved | None:
    """Return the derivation of a key; None for a source, which is fetched, and for one not
    recorded."""
    try:
        node = context.store.realisations.node(key)
    except UnknownObject:
        return None
    return node if isinstance(node, Resolved) else None


def _builds(
    context: Context, made: list[tuple[Realisation, Resolved]], key: PrivateKey
) -> Iterator[Signed]:
    for record, node in made:
        try:
            tree = context.store.objects.manifest(record.object).root.digest()
        except UnknownObject:
            tree = None
        payload = statement.provenance(record, node, key.public, tree)
        yield Signed(node.name, envelope.seal(payload, [key]))


def _verdicts(files: tuple[str, ...], key: PrivateKey) -> Iterator[Signed]:
    passed_over = 0
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            try:
                finding = from_record(line)
            except FormatError as error:
                raise FormatError(f"{file}:{number}: {error.message}") from error
            payload = verdicts.verdict(finding)
            if payload is None:
                passed_over += 1
            else:
                assert finding.expected is not None
                yield Signed(finding.expected.name, envelope.seal(payload, [key]))
    if passed_over:
        click.echo(f"not signed: {counted(passed_over, 'finding')} about no object", err=True)


def _lines(file: str) -> Iterator[bytes]:
    try:
        with open(0 if file == "-" else file, "rb", closefd=file != "-") as stream:
            while line := stream.readline(LINE_LIMIT + 1):
                if line.strip():
                    yield line
    except OSError as error:
        raise StorageError(f"cannot read the findings in {file}: {error.strerror}") from error


def _write(lines: list[Signed], output: str | None, mark: str) -> None:
    if output is None:
        for item in lines:
            print(item.line)
        return
    try:
        if output.endswith("/") or os.path.isdir(output):
            os.makedirs(output, exist_ok=True)
            for item in lines:
                # Named by content: the same statement is the same file, and no other is replaced.
                name = digest.file_digest(item.line.encode()).hex()[:16]
                file = f"{item.name}-{name}{mark}.intoto.jsonl"
                put_text(os.path.join(output, file), _text([item]))
        else:
            put_text(output, _text(lines))
    except OSError as error:
        raise output_error(error, "statements to", output) from error


def _text(lines: list[Signed]) -> str:
    return "".join(f"{item.line}\n" for item in lines)
