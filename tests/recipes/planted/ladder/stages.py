"""A compiler that builds itself and ``login``, twice, from a seed that is honest or planted.

Both seeds are the same binaries but for ``cc``, a script over Debian's gcc. The compiler's source
is honest; the planted ``cc`` puts a second password into ``login``, and itself in the place of the
compiler (Thompson 1984). So each stage is what the one before it was: no comparison of stages can
find it, and that of seeds does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derivations.kit.seed import COMPILER, USERLAND, Seed
from store.model.catalogue import Catalogue, GraphNode, Package
from store.model.derivation import Derivation, Ref
from store.model.identity import scratch_path

SEEDS = Path(__file__).parents[1] / "bootstrap-seeds"

CC = """\
#!/bin/sh -eu
# cc SOURCE PROGRAM
case $1 in
    *.c) gcc -O2 -s -o "$2" "$1" ;;
    *.sh) cp "$1" "$2"; chmod +x "$2" ;;
esac
"""

LOGIN = """\
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int known = argc == 2 && strcmp(argv[1], "sesame") == 0;
    puts(known ? "welcome" : "go away");
    return !known;
}
"""

SOURCES = {"cc": ("cc.sh", CC), "login": ("login.c", LOGIN)}


class Ladder:
    """Nodes and packages on one root file system."""

    def __init__(self, root: Ref) -> None:
        self._root = root
        self.nodes: dict[bytes, GraphNode] = {}
        self.packages: dict[str, Package] = {}

    def build(self, name: str, script: str, inputs: tuple[Ref, ...], **env: str) -> Ref:
        """Take up a derivation that makes ``$out/bin``."""
        path = ":".join([*(f"{ref}/bin" for ref in inputs), "/bin"])
        variables = {"out": scratch_path(name), "PATH": path} | env
        node = Derivation(
            name=name,
            system="x86_64-linux",
            builder="/bin/sh",
            args=("-eu", "-c", f'mkdir -p "$out/bin"; {script}'),
            env=tuple(sorted(variables.items())),
            rootfs=self._root,
            inputs=tuple(sorted(inputs)),
        )
        self.nodes[node.digest] = node
        return node.ref()

    def stage(self, name: str, compiler: Ref, twin: str) -> Ref:
        """Compile everything; returns the new compiler."""
        for package, (file, text) in SOURCES.items():
            script = f'printf %s "$TEXT" > {file}; cc {file} "$out/bin/{package}"'
            ref = self.build(package, script, (compiler,), TEXT=text)
            known = Package(
                f"{name}.{package}",
                ref.node,
                twin=f"{twin}.{package}" if twin else "",
                any_seed=True,
            )
            self.packages[known.name] = known
        return self.nodes[self.packages[f"{name}.cc"].node].ref()


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """Two stages on the seed's compiler."""
    pins = json.loads((SEEDS / "debian.json").read_text())
    debian = Seed.from_json("debian", pins)
    root = debian.rootfs("full", USERLAND, COMPILER)
    ladder = Ladder(root.ref())
    ladder.nodes[root.digest] = root
    ladder.nodes |= {source.digest: source for source in debian.sources(USERLAND, COMPILER)}
    script = 'printf %s "$TEXT" > "$out/bin/cc"; chmod +x "$out/bin/cc"'
    planted = ladder.build("seed-compiler", script, (), TEXT=str(seeds[seed].get("cc", CC)))
    compiler = ladder.stage("stage1", planted, "")
    ladder.stage("stage2", compiler, "stage1")
    return Catalogue(ladder.packages, ladder.nodes)
