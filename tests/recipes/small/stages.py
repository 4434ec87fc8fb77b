"""A root file system of a shell and two tools, and builders that need no more.

They are used as a copy with ``parameters.json`` beside this file: ``rootfs`` is the path of a tar
archive with ``/bin/sh``, ``mkdir``, ``ln`` and what they load, and ``sha256`` its hash. With
``dice``, the recipes are those of ``dice.py``.
"""

from __future__ import annotations

import json
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
    if parameters().get("dice"):
        from . import dice

        return dice.catalogue(seeds, seed)
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


def parameters() -> dict[str, Any]:
    """Return what the copy was made with."""
    found: dict[str, Any]
    found = json.loads(Path(__file__).with_name("parameters.json").read_text())
    return found


def archive() -> Source:
    """The archive that the parameters name, as it lies there."""
    told = parameters()
    path = Path(told["rootfs"])
    return Source(path.name, told["sha256"], (f"file://{path}",))


def builder(
    name: str,
    script: str,
    rootfs: Ref,
    outputs: tuple[str, ...] = ("out",),
    inputs: tuple[Ref, ...] = (),
) -> Derivation:
    """A builder that is a line of shell."""
    variables = {output: scratch_path(name, output) for output in outputs}
    variables |= {"PATH": "/bin", "NOTE": ""}
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
