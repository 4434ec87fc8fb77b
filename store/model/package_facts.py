"""The facts that a catalogue has of a package: its names, its sources, its needs and its users."""

from __future__ import annotations

from typing import NamedTuple

from store.model.catalogue import CHECK, CHECKS, UPSTREAM, Catalogue, Package
from store.model.derivation import BUILTIN, Source
from store.model.phase_script import phase_script


class PackageFacts(NamedTuple):
    """``names`` are all names of the package's node, the shortest first. ``needs`` and
    ``needed_by`` are direct: packages by their shortest names, other nodes by their own.
    ``users`` is the number of packages that need it, at any remove. Checks count as neither.
    ``phases`` are those of its build, and ``seconds`` its usual time on two processors; 0 if it is
    unknown. ``check`` is the package that checks it, and ``upstream`` the one that runs the tests
    of its authors; None where there is none."""

    package: Package
    names: tuple[str, ...]
    sources: tuple[Source, ...]
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    users: int
    phases: tuple[str, ...]
    seconds: int
    check: Package | None
    upstream: Package | None


def package_facts(catalogue: Catalogue, name: str) -> PackageFacts:
    """Return the facts of a package; UnknownPackage if there is none of that name."""
    package = catalogue.package(name)
    names = _names(catalogue)
    sources, needs = _inputs(catalogue, package.node)
    checks = {each.node for each in catalogue.packages.values() if each.group == CHECKS}
    above = _users(catalogue, checks - {package.node})
    direct = above.get(package.node, ())
    return PackageFacts(
        package=package,
        names=tuple(names[package.node]),
        sources=sources,
        needs=_shown(catalogue, names, needs),
        needed_by=_shown(catalogue, names, direct),
        users=len(_closure(above, package.node) & names.keys()),
        phases=phases(catalogue, package.node),
        seconds=catalogue.seconds.get(package.node, 0),
        check=catalogue.packages.get(name + CHECK),
        upstream=catalogue.packages.get(name + UPSTREAM),
    )


def phases(catalogue: Catalogue, node: bytes) -> tuple[str, ...]:
    """Return the names of the phases that a node's script tells of, in their order."""
    value = catalogue.nodes[node]
    script = None if isinstance(value, Source) else phase_script(value)
    return () if script is None else tuple(name for name, _ in script.phases)


def _names(catalogue: Catalogue) -> dict[bytes, list[str]]:
    names: dict[bytes, list[str]] = {}
    for name in sorted(catalogue.packages, key=lambda name: (len(name), name)):
        names.setdefault(catalogue.packages[name].node, []).append(name)
    return names


def _inputs(catalogue: Catalogue, node: bytes) -> tuple[tuple[Source, ...], tuple[bytes, ...]]:
    """Return the fetched files that a node is made from, unpacked or not, and its other inputs."""
    value = catalogue.nodes[node]
    if isinstance(value, Source):
        return (value,), ()
    sources: list[Source] = []
    needs: list[bytes] = []
    for ref in value.refs:
        below = catalogue.nodes[ref.node]
        if isinstance(below, Source):
            sources.append(below)
        elif below.builder.startswith(BUILTIN) and ref != value.rootfs:
            sources += _inputs(catalogue, ref.node)[0]
        else:
            needs.append(ref.node)
    return tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(needs))


def _users(catalogue: Catalogue, passed_over: set[bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """Return, of each node, those that have it as an input, and are not to be passed over."""
    above: dict[bytes, dict[bytes, None]] = {}
    for node in catalogue.nodes.keys() - passed_over:
        for ref in catalogue.inputs(node):
            above.setdefault(ref.node, {})[node] = None
    return {node: tuple(users) for node, users in above.items()}


def _closure(above: dict[bytes, tuple[bytes, ...]], start: bytes) -> set[bytes]:
    found: set[bytes] = set()
    todo = [start]
    while todo:
        new = set(above.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found


def _shown(
    catalogue: Catalogue, names: dict[bytes, list[str]], nodes: tuple[bytes, ...]
) -> tuple[str, ...]:
    return tuple(
        sorted(names[node][0] if node in names else catalogue.nodes[node].name for node in nodes)
    )
