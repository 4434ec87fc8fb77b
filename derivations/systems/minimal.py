"""The smallest machine: a kernel, one program, and a shell on the console."""

from derivations.kit import Network, System

MINIMAL = System(
    name="minimal",
    description="A kernel, the small userland, a disk for data, and a shell on the console",
    kernel="linux",
    packages=("e2fsprogs",),
    network=Network(),
)
