"""``store show``."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.package_text import package_lines, package_record
from store.cli.parameter_types import PACKAGE
from store.display import printable
from store.errors import StoreError, UnknownObject
from store.model.derivation import Derivation, Resolved, Source
from store.model.locators import shown
from store.model.package_facts import package_facts
from store.model.realisation import Realisation
from store.quantities import bytes_text

LONGEST_SHOWN: Final = 16 << 10
"""Bytes of a file of a derivation that is shown whole."""


@click.command("show")
@click.argument("package", type=PACKAGE)
@json_option()
@click.option(
    "--derivation",
    is_flag=True,
    help="Show the derivation: builder, script, environment, files, inputs.",
)
@click.option("--resolved", is_flag=True, help="Show the derivation, its inputs as objects.")
@seed_option
@click.pass_obj
def command(
    context: Context, package: str, as_json: bool, derivation: bool, resolved: bool
) -> None:
    """Explain a package: its sources, its needs, its users, its place in the store.

    Of an object, show the derivation that made it.
    """
    context.absent = "empty"
    node, made = _find(context, package, resolved)
    record = describe(node)
    if made is not None:
        record |= {"object": made.object.path, "origin": str(made.origin)}
    elif as_json or not (derivation or resolved):
        facts = package_facts(context.catalogue, package.partition("^")[0])
        paths = _paths(context, facts.package.node)
        checks = [each for each in (facts.check, facts.upstream) if each is not None]
        passed = {each.name for each in checks if _paths(context, each.node)}
        if not as_json:
            print("\n".join(package_lines(facts, paths, passed)))
            return
        record |= {"package": package_record(facts, paths, passed)}
    if as_json:
        print(json.dumps(record, indent=2))
    else:
        _print(record)


def _paths(context: Context, node: bytes) -> list[str]:
    """Return the paths of a package's outputs; none when it is not in the store."""
    from store.graph.resolver import Resolver

    resolver = Resolver(context.store, context.catalogue)
    resolver.identify([node])
    if not resolver.present(node):
        return []
    return [oid.path for oid in resolver.objects(node).values()]


def _print(record: dict[str, Any]) -> None:
    for key, value in record.items():
        if key == "files":
            _print_files(value)
        elif isinstance(value, dict | list):
            print(f"{key}:")
            pairs = value.items() if isinstance(value, dict) else ()
            for item in [f"{name}={text}" for name, text in pairs] or value:
                print("\n".join(f"  {printable(line)}" for line in _lines(str(item))))
        elif value is not None:
            print(f"{key}: {printable(str(value))}")


def _print_files(files: dict[str, str]) -> None:
    """Print the files with their texts, but for the long ones."""
    if files:
        print("files:")
    for path, text in files.items():
        size = len(text.encode())
        print(f"  {path}: {bytes_text(size)}" + (", see --json" if size > LONGEST_SHOWN else ""))
        if size <= LONGEST_SHOWN:
            print("\n".join(f"    {printable(line)}" for line in _lines(text.removesuffix("\n"))))


def _lines(text: str) -> list[str]:
    """Return a builder's script as it is laid out, tabs as spaces."""
    return [line.expandtabs() for line in text.split("\n")]


def _find(
    context: Context, text: str, resolved: bool
) -> tuple[Source | Derivation | Resolved, Realisation | None]:
    """Return the node, and the record that led to it when an object was named."""
    try:
        node = context.catalogue.nodes[context.catalogue.ref(text).node]
    except StoreError:
        made = context.store.realisations.maker(context.object(text))
        return _maker(context, made), made
    if not resolved or isinstance(node, Source):
        return node, None
    from store.graph.resolver import Resolver

    resolver = Resolver(context.store, context.catalogue)
    resolver.identify([ref.node for ref in node.refs])
    value = resolver.resolved(node.digest)
    if value is None:
        raise StoreError(
            f"{text} cannot be resolved: not all its inputs are realised",
            hint=f"run `store realise {text}`; --derivation shows it with inputs as derivations",
        )
    return value, None


def _maker(context: Context, made: Realisation) -> Source | Derivation | Resolved:
    """Return the node of a record; of one from a cache, the derivation that it was asked for by."""
    try:
        return context.store.realisations.node(made.key)
    except UnknownObject:
        with context.store.index.read() as txn:
            for digest in txn.nodes.resolved_to({made.key}).get(made.key, ()):
                node = txn.nodes.get(digest)
                if node is not None:
                    return node
        raise


def describe(node: Source | Derivation | Resolved) -> dict[str, Any]:
    """Return a node as JSON has it; digests in hex, references as paths."""
    if isinstance(node, Source):
        return {
            "kind": "source",
            "digest": node.digest.hex(),
            "name": node.name,
            "sha256": node.sha256,
            "executable": node.executable,
            "locators": [shown(locator) for locator in node.locators],
        }
    record: dict[str, Any] = {
        "kind": "derivation" if isinstance(node, Derivation) else "resolved derivation",
        "digest": node.digest.hex(),
        "name": node.name,
        "system": node.system,
        "outputs": list(node.outputs),
        "builder": node.builder,
        "args": list(node.args),
        "env": dict(node.env),
        "files": dict(node.files),
    }
    if isinstance(node, Derivation):
        record["rootfs"] = None if node.rootfs is None else _ref(node.rootfs)
        record["inputs"] = [_ref(ref) for ref in node.inputs]
        record["objects"] = [oid.path for oid in node.objects]
    else:
        record["rootfs"] = None if node.rootfs is None else node.rootfs.path
        record["inputs"] = [oid.path for oid in node.inputs]
    return record


def _ref(ref: Any) -> str:
    return f"{ref.name}^{ref.output} {ref.node.hex()} {ref}"
