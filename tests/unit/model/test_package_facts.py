"""The facts that a catalogue has of a package."""

from __future__ import annotations

from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Ref, Source
from store.model.package_facts import package_facts

SOURCE = Source("tool.tar", "0" * 64, ("https://example.test/tool.tar",))


def derivation(name: str, *inputs: Ref, builder: str = "/bin/sh", script: str = "") -> Derivation:
    """One with these inputs."""
    return Derivation(
        name=name,
        system="x86_64-linux",
        builder=builder,
        args=(script,),
        env=(),
        rootfs=None,
        inputs=tuple(sorted(inputs)),
        outputs=("out",),
    )


TREE = derivation("tool-source", SOURCE.ref(), builder="builtin:unpack")
LIBRARY = derivation("library-1")
HELPER = derivation("helper-1")
SCRIPT = "echo '@phase build'\nmake\necho '@phase check'\n"
TOOL = derivation("tool-1", TREE.ref(), LIBRARY.ref(), HELPER.ref(), script=SCRIPT)
USER = derivation("user-1", TOOL.ref())
FAR = derivation("far-1", USER.ref())
CATALOGUE = Catalogue(
    {
        name: Package(name, node.digest)
        for name, node in {
            "base.tool": TOOL,
            "tool": TOOL,
            "library": LIBRARY,
            "user": USER,
            "far": FAR,
            "source.tool": TREE,
        }.items()
    },
    collect([SOURCE, TREE, LIBRARY, HELPER, TOOL, USER, FAR]),
    seconds={TOOL.digest: 7},
)


def test_a_package_has_names_sources_needs_and_users() -> None:
    facts = package_facts(CATALOGUE, "base.tool")
    assert facts.names == ("tool", "base.tool")
    assert facts.sources == (SOURCE,)
    assert facts.needs == ("helper-1", "library")
    assert facts.needed_by == ("user",)
    assert facts.users == 2
    assert facts.phases == ("build", "check")
    assert facts.seconds == 7


def test_an_unpacked_source_is_made_from_its_archive() -> None:
    facts = package_facts(CATALOGUE, "source.tool")
    assert (facts.sources, facts.needs, facts.needed_by) == ((SOURCE,), (), ("tool",))


def test_a_check_is_no_user_and_stands_on_its_own() -> None:
    check = derivation("tool-1-check", TOOL.ref())
    packages = {
        **CATALOGUE.packages,
        "tool.check": Package("tool.check", check.digest, group="checks"),
    }
    catalogue = Catalogue(packages, {**CATALOGUE.nodes, check.digest: check})
    facts = package_facts(catalogue, "tool")
    assert facts.check == packages["tool.check"]
    assert (facts.needed_by, facts.users) == (("user",), 2)
    assert package_facts(catalogue, "user").check is None
    assert package_facts(catalogue, "tool.check").needs == ("tool",)
