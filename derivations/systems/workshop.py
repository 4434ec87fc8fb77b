"""A machine that has the package manager: it builds packages itself."""

from derivations.kit import Network, System

WORKSHOP = System(
    name="workshop",
    description="A machine that builds packages itself",
    kernel="linux",
    packages=("e2fsprogs", "fixpoint"),
    network=Network(),
)
