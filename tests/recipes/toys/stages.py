"""Builders of a line or two, each good for one question about the engine.

A copy of these recipes may have ``parameters.json`` beside this file. ``note`` is written into the
upstream derivations of ``downstream``: it changes their identity and not their outputs.
``note_place`` (a path or URL) moves the source ``note``, and ``audited`` adds the toys for audits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derivations.kit.seed import USERLAND, Seed
from store.model.catalogue import Barrier, Catalogue, GraphNode, Package
from store.model.derivation import Derivation, Ref, Source
from store.model.identity import scratch_path

SCRIPTS = {
    "hello": 'mkdir -p "$out/bin"; printf "#!/bin/sh\\necho hello\\n" > "$out/bin/hello";'
    ' chmod +x "$out/bin/hello"',
    "itself": 'mkdir "$out"; echo "I live at $out" > "$out/where"; ln -s "$out/where" "$out/link"',
    "fails": "for i in 1 2 3; do echo line $i; done; echo the last word >&2; exit 7",
    "killed": "kill -9 $$",
    "forgets": "echo nothing is made",
    "fifo": 'mkdir "$out"; mkfifo "$out/pipe"',
    "sleeps": "echo @phase nap; echo asleep; sleep 1000",
    # As make -j with jobs of three seconds: what is given back is taken again at once.
    "hogs": "while dd bs=1 count=1 <&3 2>/dev/null; do echo a job; sleep 3; printf + >&4; done",
    "slow": 'sleep 2; head -c 16 /dev/urandom | od -An -tx1 > "$out"',
    "slow-failure": "sleep 1; exit 1",
    "random": 'head -c 16 /dev/urandom > "$out"',
    "lottery": 'echo drawing; head -c 16 /dev/urandom > "$out"',
    "queued": 'echo queued > "$out"',
    "queued-too": 'echo queued, too > "$out"',
    "cores": 'echo "$STORE_CORES" > "$out"',
    "floods": 'dd if=/dev/zero of="$out" bs=1M count=100000',
    "shuts": 'echo shut > "$out"; chmod 0 /store /build /tmp',
    "bare": 'test ! -e /usr/bin/gcc; test ! -e /usr/lib/gcc; echo bare > "$out"',
}

OUTPUTS = {
    "pair": (
        ("out", "lib"),
        'echo library > "$lib"; mkdir "$out"; ln -s "$lib" "$out/lib"; echo "$lib" > "$out/text"',
    ),
    "knot": (("out", "lib"), 'echo "$lib" > "$out"; echo "$out" > "$lib"'),
}

BROKEN = {
    "wrong-hash": Source("musl_1.2.5.orig.tar.gz", "0" * 64, ("file:///etc/passwd",)),
    "unreachable": Source("nowhere", "1" * 64, ("http://127.0.0.1:9/nowhere",)),
    "not-there": Source("not-there", "2" * 64, ("debian:pool/main/n/not-there/not-there.tar.gz",)),
}


NOTE_SHA256 = "90aafeead6187bdb2f46b6adbe622112062661f7f0353d63414e9ecef7c37fd6"
HERE = Path(__file__).parent


class Toys:
    """Derivations that stand on one root file system."""

    def __init__(self, rootfs: Ref) -> None:
        self.rootfs = rootfs
        self.nodes: dict[bytes, GraphNode] = {}
        self.packages: dict[str, Package] = {}

    def publish(self, name: str, node: GraphNode) -> GraphNode:
        """Take up a node under a name."""
        self.nodes[node.digest] = node
        self.packages[name] = Package(name, node.digest, "1", f"the toy {name}")
        return node

    def toy(
        self,
        name: str,
        script: str,
        outputs: tuple[str, ...] = ("out",),
        inputs: tuple[Ref, ...] = (),
        files: tuple[tuple[str, str], ...] = (),
        **env: str,
    ) -> Derivation:
        """A builder that is a line of shell, or the path of a file of shell."""
        variables = {output: scratch_path(name, output) for output in outputs}
        variables |= {"PATH": "/bin"} | env
        return Derivation(
            name=name,
            system="x86_64-linux",
            builder="/bin/sh",
            args=("-eu", script) if script.startswith("/") else ("-eu", "-c", script),
            env=tuple(sorted(variables.items())),
            rootfs=self.rootfs,
            inputs=tuple(sorted(inputs)),
            outputs=outputs,
            files=files,
        )


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """All toys, on the seed's userland."""
    origin = Seed.from_json(seed, seeds[seed])
    root = origin.rootfs("userland", USERLAND)
    toys = Toys(root.ref())
    toys.nodes |= {source.digest: source for source in origin.sources(USERLAND)}
    toys.publish("userland", root)
    for name, script in SCRIPTS.items():
        toys.publish(name, toys.toy(name, script))
    for name, (outputs, script) in OUTPUTS.items():
        toys.publish(name, toys.toy(name, script, outputs))
    for name, source in BROKEN.items():
        toys.publish(name, source)
    parameters = read_parameters()
    place = parameters.get("note_place", str(HERE / "note.txt"))
    toys.publish(
        "note", Source("note.txt", NOTE_SHA256, (place if "://" in place else f"file://{place}",))
    )
    chain(toys, parameters.get("note", ""))
    with_files(toys, toys.nodes[toys.packages["upstream"].node].ref())
    with_checks(toys)
    if parameters.get("audited"):
        from . import audited

        return audited.catalogue(seeds, seed)
    return Catalogue(toys.packages, toys.nodes, barriers(toys))


def with_checks(toys: Toys) -> None:
    """Checks, as packages of the world have them: of ``hello``, also by its authors, and one of
    ``itself`` that fails."""
    findings = (
        'mkdir "$out"; echo hello > "$out/linked"; printf "hello \\033 1\\n" > "$out/versions";'
        ' printf "static\\tit is a script\\n" > "$out/waived"'
    )
    for name, script in (
        ("hello.check", findings),
        ("hello.upstream", 'echo tested; : > "$out"'),
        ("itself.check", "echo it is nowhere; exit 3"),
    ):
        inputs = (toys.nodes[toys.packages[name.partition(".")[0]].node].ref(),)
        node = toys.publish(name, toys.toy(name.replace(".", "-1-"), script, inputs=inputs))
        toys.packages[name] = Package(name, node.digest, "1", f"Checks {name}", group="checks")


def barriers(toys: Toys) -> tuple[Barrier, ...]:
    """``strict`` is to do without ``upstream``, to which its input ``downstream`` refers; so is
    ``lenient``, but ``upstream-again``, which comes out as the same object, is welcome.
    """
    upstream, downstream = (toys.packages[name].node for name in ("upstream", "downstream"))
    again = toys.publish("upstream-again", toys.toy("upstream", 'echo same > "$out"; exit 0'))
    inputs = (toys.nodes[downstream].ref(),)
    strict, lenient = (
        toys.publish(name, toys.toy(name, f'echo {name} > "$out"', inputs=inputs)).digest
        for name in ("strict", "lenient")
    )
    forbidden = frozenset({upstream})
    return (
        Barrier(frozenset({strict}), forbidden),
        Barrier(frozenset({lenient}), forbidden, frozenset({again.digest})),
    )


def read_parameters() -> dict[str, Any]:
    """Return what ``parameters.json`` says, if it is there."""
    path = HERE / "parameters.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def chain(toys: Toys, note: str) -> None:
    """``upstream`` <- ``downstream``, and ``after-failure``, which waits for ``fails``."""
    upstream = toys.publish("upstream", toys.toy("upstream", 'echo same > "$out"', NOTE=note))
    script = f'read word < {upstream.ref()}; echo "$word {upstream.ref()}" > "$out"; date +%N >&2'
    toys.publish("downstream", toys.toy("downstream", script, inputs=(upstream.ref(),)))
    fails = toys.nodes[toys.packages["fails"].node].ref()
    toys.publish("after-failure", toys.toy("after-failure", f"cat {fails}", inputs=(fails,)))
    wrong = toys.nodes[toys.packages["wrong-hash"].node].ref()
    toys.publish("after-wrong-hash", toys.toy("after-wrong-hash", f"cat {wrong}", inputs=(wrong,)))


LONG_SCRIPT = """echo '@phase look'
cd /build
{ pwd; find . | sort; cat patches/0001.patch; } > /tmp/found
for each in build.sh patches/0001.patch; do
  test -O "$each"
  stat -c '%n %F %a %Y' "$each" >> /tmp/found
done
echo changed >> patches/0001.patch
echo '@phase install'
mkdir "$out"
cp /tmp/found "$out/found"
cp /build/patches/0001.patch "$out/changed"
cat UPSTREAM > "$out/said"
echo "$out" UPSTREAM SCRATCH > "$out/paths"
"""


def with_files(toys: Toys, upstream: Ref) -> None:
    """``long-script``: its script is a file that is longer than an argument can be, and names an
    input and its own scratch path. ``long-failure`` changes its files before it fails."""
    script = LONG_SCRIPT.replace("UPSTREAM", str(upstream))
    script = script.replace("SCRATCH", scratch_path("long-script")) + "# a comment\n" * 16_384
    files = (("build.sh", script), ("patches/0001.patch", f"for {upstream}\n"))
    toy = toys.toy("long-script", "/build/build.sh", inputs=(upstream,), files=files)
    toys.publish("long-script", toy)
    fails = "echo more >> /build/below/note\nrm /build/gone\nexit 3\n"
    toy = toys.toy(
        "long-failure",
        "/build/build.sh",
        files=(("below/note", "some\n"), ("build.sh", fails), ("gone", "")),
    )
    toys.publish("long-failure", toy)
