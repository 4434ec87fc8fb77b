"""The smallest machine: a kernel, one program, and a shell on the console."""

from derivations.kit import Network, System

MINIMAL = System(
    name="minimal",
    description="A kernel, the small userland, and a shell on the console",
    kernel="linux",
    network=Network(),
)
