"""``store audit challenge``."""

from __future__ import annotations

from dataclasses import replace

import click

from store.attest.challenge import (
    ChallengeSubject,
    Evidence,
    compare,
    every_subject,
    read_evidence,
    unrealised,
)
from store.attest.sources import lines
from store.cli.commands.attest import built, package_keys
from store.cli.commands.audits.drawing import show
from store.cli.commands.key import trusted_keys
from store.cli.context import Context
from store.cli.options import closure_option, json_option, seed_option, trust_option
from store.cli.pages.report import html_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.display import printable
from store.errors import StoreError, UnusableKey
from store.model.origin import How
from store.model.verdict import AuditFinding

_IGNORED = {
    "untrusted": ("signature", "by keys that are not trusted"),
    "invalid": ("signature", "that the trusted key they name did not make"),
    "unreadable": ("line", "that cannot be read"),
}


@click.command("challenge")
@click.argument("source")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@trust_option
@click.option(
    "--threshold",
    type=click.IntRange(1),
    metavar="K",
    help="Require that K signers agree; unsigned statements do not count.",
)
@closure_option
@json_option("output")
@html_option
@seed_option
@click.pass_obj
def command(
    context: Context,
    source: str,
    packages: tuple[str, ...],
    trust: tuple[str, ...],
    threshold: int | None,
    closure: bool,
    as_json: bool,
) -> int:
    """Compare the builds of this store with the statements of others.

    SOURCE is a file, a folder of files, or a URL, with statements as `store attest` writes them.
    Without PACKAGE, every output that this store has built is compared. An output is reproduced if
    another signer agrees and none disagrees. It is unknown if no statement is about it, or if the
    package is not realised here.
    """
    keys = trusted_keys(trust)
    if threshold is not None and len(keys) < threshold:
        raise UnusableKey(
            f"{counted(threshold, 'signer')} {'has' if threshold == 1 else 'have'} to agree, and "
            f"{counted(len(keys), 'key')} {'is' if len(keys) == 1 else 'are'} trusted",
            hint="choose trusted keys with `store key trust FILE`, or with --trust",
        )
    subjects, lacking = _subjects(context, packages, closure)
    wanted = {(subject.key, subject.output) for subject in subjects}
    evidence = read_evidence(lines(source), wanted, keys, signed_only=threshold is not None)
    _report(evidence, signed_only=threshold is not None, trusting=bool(keys))
    findings = [*compare(context.store, subjects, evidence, threshold), *lacking]
    return show(findings, as_json=as_json)


def _subjects(
    context: Context, packages: tuple[str, ...], closure: bool
) -> tuple[list[ChallengeSubject], list[AuditFinding]]:
    """Return the outputs to compare, and a finding for each output of a package that is not
    here."""
    if not packages:
        names = _names(context)
        every = every_subject(context.store)
        return [replace(each, name=names.get(each.key, each.name)) for each in every], []
    found = []
    keys, lacking = package_keys(context, packages, closure)
    taken = _taken(context)
    for key, name in keys.items():
        node = built(context, key)
        outputs = taken.get(key, ()) if node is None else node.outputs
        found += [ChallengeSubject(name, key, output) for output in outputs]
    nodes = context.catalogue.nodes
    return found, [
        unrealised(name, output)
        for name, digest in lacking.items()
        for output in nodes[digest].outputs
    ]


def _taken(context: Context) -> dict[bytes, list[str]]:
    """Return the outputs of builds by others that their signatures brought here, by key."""
    found: dict[bytes, list[str]] = {}
    for made in context.store.realisations.all():
        if made.origin.how is How.SIGNED and made.output not in found.setdefault(made.key, []):
            found[made.key].append(made.output)
    return found


def _names(context: Context) -> dict[bytes, str]:
    """Return the recipes' names for the keys of this store: the shortest of a package's names."""
    try:
        packages = context.catalogue.packages
    except StoreError:  # without recipes, outputs go by their derivations' names
        return {}
    found: dict[bytes, str] = {}
    for name in sorted(packages, key=lambda name: (-len(name), name)):
        key = context.store.realisations.outcome(packages[name].node)
        if key is not None:
            found[key] = name
    return found


def _report(evidence: Evidence, *, signed_only: bool, trusting: bool) -> None:
    """Report on standard error the lines that were read, and those that count nothing."""
    counts = evidence.counts
    click.echo(counted(counts["signed"], "signed statement"), err=True)
    if counts["unsigned"]:
        nothing = ", which do not count with --threshold" if signed_only else ""
        click.echo(f"{counted(counts['unsigned'], 'unsigned statement')}{nothing}", err=True)
    for kind, (thing, what) in _IGNORED.items():
        if counts[kind]:
            click.echo(f"ignored: {counted(counts[kind], thing)} {what}", err=True)
    if counts["untrusted"] and not trusting:
        click.echo("  no key is trusted: `store key trust FILE`, or --trust, names some", err=True)
    for problem in evidence.problems:
        click.echo(f"  {printable(problem)}", err=True)
    more = counts["invalid"] + counts["unreadable"] - len(evidence.problems)
    if more > 0:
        click.echo(f"  and {more} more", err=True)
