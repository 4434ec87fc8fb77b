"""Recipes of a graph of trivial derivations, read from the file ``builds.json`` beside this one.

``{"shell": [TAR, SHA-256], "script": TEXT, "builds": [[INPUT, …], …]}``: the root file system, the
line of shell that each builder is, and what each build needs, by the numbers of earlier ones. The
last is the package ``top``.
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


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """The packages ``shell`` and ``top``, and all between."""
    told = json.loads(Path(__file__).with_name("builds.json").read_text(encoding="utf-8"))
    place, sha256 = told["shell"]
    source = Source("shell.tar", sha256, (f"file://{place}",))
    archive = source.ref()
    shell = Derivation(
        "shell", SYSTEM, "builtin:unpack", args=(f"archive={archive}",), inputs=(archive,)
    )
    builds: list[Derivation] = []
    for number, needed in enumerate(told["builds"]):
        inputs = sorted(builds[other].ref() for other in needed)
        builds.append(_build(f"build-{number}", told["script"], inputs, shell.ref()))
    packages = {"shell": Package("shell", shell.digest), "top": Package("top", builds[-1].digest)}
    return Catalogue(packages, collect([source, shell, *builds]))


def _build(name: str, script: str, inputs: list[Ref], rootfs: Ref) -> Derivation:
    env = {"inputs": " ".join(map(str, inputs)), "name": name, "out": scratch_path(name)}
    return Derivation(
        name,
        SYSTEM,
        "/bin/sh",
        args=("-euc", script),
        env=tuple(sorted(env.items())),
        rootfs=rootfs,
        inputs=tuple(inputs),
    )
