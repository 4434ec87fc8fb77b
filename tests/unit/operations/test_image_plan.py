"""An image of packages is a derivation; a system's tree is laid out from its top."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from store.errors import InvalidName, UnknownOutput, UnknownPackage
from store.model.catalogue import SYSTEMS, Catalogue, Package
from store.model.derivation import Derivation, Source
from store.model.image_request import ImageRequest
from store.operations.image_plan import plan_image
from store.operations.session import Session

ROOT = Source("root", "0" * 64, ("https://example.org/root",))


def built(name: str) -> Derivation:
    return Derivation(
        name=name, system="x86_64-linux", builder="/bin/sh", rootfs=ROOT.ref(), inputs=(ROOT.ref(),)
    )


TOOL, BOX = built("tool-1"), built("system-box")


def session() -> Session:
    packages = {
        "tool": Package("tool", TOOL.digest),
        "system.box": Package("system.box", BOX.digest, group=SYSTEMS),
    }
    nodes = {node.digest: node for node in (ROOT, TOOL, BOX)}
    return cast(Session, SimpleNamespace(catalogue=Catalogue(packages, nodes)))


def request(*packages: str) -> ImageRequest:
    here = session()
    wanted = ImageRequest(format="disk", packages=packages)
    image = plan_image(here, packages, wanted)
    node = here.catalogue.nodes[image.node]
    assert isinstance(node, Derivation)
    return ImageRequest.parse(node.args)


@pytest.mark.parametrize("name", ["box", "system.box"])
def test_a_system_is_laid_out_from_the_top(name: str) -> None:
    assert request(name).trees == (str(BOX.ref()),)
    assert request(name).packages == ()


def test_a_package_beside_a_system_is_linked() -> None:
    made = request("box", "tool")
    assert (made.trees, made.packages) == ((str(BOX.ref()),), (str(TOOL.ref()),))


def test_what_is_neither_is_unknown() -> None:
    with pytest.raises(UnknownPackage, match="boks"):
        request("boks")


def test_a_system_has_the_outputs_that_are_named() -> None:
    assert request("box^out").trees == (str(BOX.ref()),)
    with pytest.raises(UnknownOutput, match="lib"):
        request("box^lib")


def test_an_empty_name_is_no_name() -> None:
    with pytest.raises(InvalidName):
        plan_image(session(), ["tool"], ImageRequest(format="tar", packages=("tool",)), "")
