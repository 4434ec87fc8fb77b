"""Packages and their outputs by the texts that users give."""

from __future__ import annotations

import pytest

from store.errors import UnknownOutput, UnknownPackage, UsageError
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation

BUILT = Derivation("a-1", "x86_64-linux", "/bin/sh", outputs=("out", "lib", "doc"))
CATALOGUE = Catalogue({"a": Package("a", BUILT.digest)}, collect([BUILT]))


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("a", ["out"]),
        ("a^lib", ["lib"]),
        ("a^lib,doc", ["lib", "doc"]),
        ("a^doc,lib,doc", ["doc", "lib"]),
        ("a^*", ["out", "lib", "doc"]),
    ],
)
def test_a_text_means_outputs_in_the_order_it_names_them(text: str, outputs: list[str]) -> None:
    assert [ref.output for ref in CATALOGUE.refs(text)] == outputs
    assert {ref.node for ref in CATALOGUE.refs(text)} == {BUILT.digest}


@pytest.mark.parametrize("text", ["a^", "a^,lib", "a^lib,", "a^bin", "a^lib,*", "a^^lib", "a^lib "])
def test_an_output_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(UnknownOutput):
        CATALOGUE.refs(text)
    with pytest.raises(UnknownOutput):
        CATALOGUE.ref(text)


@pytest.mark.parametrize("text", ["", "^", "^lib", "b", "A^lib"])
def test_a_package_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(UnknownPackage):
        CATALOGUE.refs(text)


def test_a_system_is_near_by_its_own_name() -> None:
    node = BUILT.digest
    names = ("system.minimal", "mini", "other")
    catalogue = Catalogue({name: Package(name, node) for name in names}, collect([BUILT]))
    with pytest.raises(UnknownPackage) as caught:
        catalogue.refs("minimul")
    assert caught.value.hint == "did you mean system.minimal, mini?"


def test_where_one_output_is_wanted_several_are_refused() -> None:
    with pytest.raises(UsageError, match="3 outputs"):
        CATALOGUE.ref("a^*")
    assert CATALOGUE.ref("a^doc,doc").output == "doc"
