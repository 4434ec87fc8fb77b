"""Images of packages: a derivation that the recipes do not have, in a session's catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from store.errors import UsageError
from store.model.catalogue import SYSTEM, SYSTEMS, Catalogue
from store.model.derivation import Derivation, Ref
from store.model.image_request import FORMATS, ImageRequest
from store.operations.session import Session


def plan_image(
    session: Session, packages: Sequence[str], wanted: ImageRequest, name: str | None = None
) -> Ref:
    """Add the image of packages to the session's catalogue, and return its output, to be realised
    as any other.

    ``wanted`` says the rest; the packages' order does not matter. A system's name, with or without
    its ``system.``, means that its tree is laid out from the top. The image is called ``name``
    (default: as the one package, with the format's ending). Raises UnknownPackage, UnknownOutput,
    InvalidName, and UsageError for packages that are built on several kinds of machine.
    """
    catalogue = session.catalogue
    names = [full_name(catalogue, text) for text in packages]
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
