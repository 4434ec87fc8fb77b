"""Images of packages: a derivation that the recipes do not have, in a session's catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from store.errors import UsageError
from store.graph.resolver import Resolver
from store.model.catalogue import SYSTEM, SYSTEMS, Catalogue
from store.model.derivation import Derivation, Ref
from store.model.image_request import FORMATS, ImageRequest
from store.model.names import object_in
from store.operations.session import Session


def plan_image(
    session: Session, packages: Sequence[str], wanted: ImageRequest, name: str | None = None
) -> Ref:
    """Add the image of packages to the session's catalogue, and return its output, to be realised
    as any other.

    ``wanted`` says the rest; the packages' order does not matter. A system's name, with or without
    its ``system.``, means that its tree is laid out from the top; an object's path means the
    package that came out as it. The image is called ``name``
    (default: as the one package, with the format's ending). Raises UnknownPackage, UnknownOutput,
    InvalidName, and UsageError for packages that are built on several kinds of machine.
    """
    catalogue = session.catalogue
    names = [full_name(catalogue, _of_object(session, text) or text) for text in packages]
    refs = [ref for text in names for ref in catalogue.refs(text)]
    trees = {
        str(catalogue.ref(text))
        for text in names
        if catalogue.package(text.partition("^")[0]).group == SYSTEMS
    }
    request = replace(
        wanted,
        packages=tuple(text for text in map(str, refs) if text not in trees),
        trees=tuple(trees),
        # A machine takes the objects that it has already from its own image.
        manifests=bool(trees),
    )
    called = name if name is not None else f"{_stem(refs)}.{FORMATS[wanted.format]}"
    node = request.derivation(called, _system(catalogue, refs), refs)
    session.catalogue = catalogue.extended(node)
    return node.ref()


def _of_object(session: Session, text: str) -> str | None:
    """Return the output of a package that came out as the object of a path or ``<digest>-<name>``;
    None for another text. UsageError if none of these recipes' packages did."""
    oid = session.object(text) if "/" in text else object_in(text)
    if oid is None:
        return None
    catalogue = session.catalogue
    made = list(catalogue.makers(oid.name))
    resolver = Resolver(session.store, catalogue)
    resolver.identify(catalogue.ref(each).node for each in made)
    for each in made:
        ref = catalogue.ref(each)
        with contextlib.suppress(KeyError):  # not realised here
            if resolver.object(ref) == oid:
                return each
    raise UsageError(
        f"{oid.path} is no output of a package of these recipes, and an image is made of packages",
        hint=f"name a package: {', '.join(made[:3])}" if made else "`store list` names packages",
    )


def full_name(catalogue: Catalogue, text: str) -> str:
    """Return a package's name, or that of the system which is called so; an output after ``^``
    stays."""
    name = text.partition("^")[0]
    is_system = name not in catalogue.packages and f"{SYSTEM}{name}" in catalogue.packages
    return f"{SYSTEM}{text}" if is_system else text


def _stem(refs: Sequence[Ref]) -> str:
    """Return the package's name, as far as there is room for it, or ``image`` of several."""
    names = {ref.name for ref in refs}
    return names.pop()[:190] if len(names) == 1 else "image"


def _system(catalogue: Catalogue, refs: Sequence[Ref]) -> str:
    nodes = [catalogue.nodes[ref.node] for ref in refs]
    systems = sorted({node.system for node in nodes if isinstance(node, Derivation)})
    if len(systems) > 1:
        raise UsageError(
            f"an image is for one kind of machine, and these are for {' and '.join(systems)}"
        )
    return systems[0] if systems else "any"
