"""``dice`` is another object in each store; the rest is the same wherever its inputs are.

``left`` and ``right`` refer to ``dice``; ``plain`` is built from it and does not refer to it, but
comes out as it does. ``tall`` is on top of ``right``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Ref

from .stages import SYSTEM, archive, builder

DICE = 'read thrown < /proc/sys/kernel/random/uuid; echo "$thrown" > "$out"'


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """All of them, on the root file system of the small recipes."""
    source = archive()
    root = Derivation(
        name="small-rootfs",
        system=SYSTEM,
        builder="builtin:unpack",
        args=(f"archive={source.ref()}",),
        inputs=(source.ref(),),
    )
    made = {"rootfs": root, "hello": builder("hello", 'echo hello > "$out"', root.ref())}
    made["simple"] = builder("simple", 'echo simple > "$out"', root.ref())

    def on(name: str, *below: str, script: str = "") -> None:
        refs: tuple[Ref, ...] = tuple(made[each].ref() for each in below)
        named = " ".join(map(str, refs))
        made[name] = builder(name, script or f'echo "{named}" > "$out"', root.ref(), inputs=refs)

    made["dice"] = builder("dice", DICE, root.ref())
    on("left", "dice")
    on("right", "dice")
    on("top", "left", "right")
    on("both", "dice", "right")
    on("tall", "right")
    on("tower", "left", "tall")
    copy = f'read thrown < {made["dice"].ref()}; echo "$thrown" > "$out"'
    on("plain", "dice", script=copy)
    on("plain-left", "plain")
    on("plain-right", "plain")
    on("plain-top", "plain-left", "plain-right")
    return Catalogue(
        {name: Package(name, node.digest, "1", f"of dice: {name}") for name, node in made.items()},
        collect((source, *made.values())),
    )
