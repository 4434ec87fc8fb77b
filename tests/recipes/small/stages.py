"""A root file system of a shell and two tools, and builders that need no more.

``$SMALL_ROOTFS`` is the path of a tar archive with ``/bin/sh``, ``mkdir``, ``ln`` and what they
load. ``$SMALL_NOTE`` is in every builder's environment, so that another value makes other objects.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Ref, Source
from store.model.identity import scratch_path

SYSTEM = "x86_64-linux"
ITEMS = 16

BASE = (
    'mkdir "$out" "$out/bin"; echo "I live at $out, $NOTE" > "$out/where"; echo same > "$out/same";'
    ' ln -s "$out/where" "$out/bin/link"; echo "#!/bin/sh" > "$out/bin/tool"'
)
PAIR = (
    'echo "library $NOTE" > "$lib"; mkdir "$out"; echo "$lib" > "$out/text";'
    ' echo same > "$out/same"'
)


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """``rootfs`` <- ``base`` <- ``above``; ``pair``, which has two outputs; and a tree of items,
    in which ``item-N`` stands on ``item-N/2``."""
    source = archive()
    root = Derivation(
        name="small-rootfs",
        system=SYSTEM,
        builder="builtin:unpack",
        args=(f"archive={source.ref()}",),
        inputs=(source.ref(),),
    )
    base = builder("base", BASE, root.ref())
    pair = builder("pair", PAIR, root.ref(), outputs=("out", "lib"))
    script = f'read line < {base.ref()}/where; echo "$line {base.ref()} {pair.ref()}" > "$out"'
    above = builder("above", script, root.ref(), inputs=(base.ref(), pair.ref()))
    packages = {"rootfs": root, "base": base, "pair": pair, "above": above}
    for number in range(ITEMS):
        below = packages[f"item-{number // 2}"] if number else base
        script = (
            f'mkdir "$out"; echo "{number} {below.ref()}" > "$out/text"; echo same > "$out/same"'
        )
        name = f"item-{number}"
        packages[name] = builder(name, script, root.ref(), inputs=(below.ref(),))
    return Catalogue(
        {name: Package(name, node.digest, "1", f"small {name}") for name, node in packages.items()},
        collect((source, *packages.values())),
    )


def archive() -> Source:
    """The archive of ``$SMALL_ROOTFS``, as it lies there."""
    path = Path(os.environ["SMALL_ROOTFS"])
    return Source(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), (f"file://{path}",))


def builder(
    name: str,
    script: str,
    rootfs: Ref,
    outputs: tuple[str, ...] = ("out",),
    inputs: tuple[Ref, ...] = (),
) -> Derivation:
    """A builder that is a line of shell."""
    variables = {output: scratch_path(name, output) for output in outputs}
    variables |= {"PATH": "/bin", "NOTE": os.environ.get("SMALL_NOTE", "")}
    return Derivation(
        name=name,
        system=SYSTEM,
        builder="/bin/sh",
        args=("-eu", "-c", script),
        env=tuple(sorted(variables.items())),
        rootfs=rootfs,
        inputs=tuple(sorted(inputs)),
        outputs=outputs,
    )
