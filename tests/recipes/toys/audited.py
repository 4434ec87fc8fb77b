"""Toys for audits: some come out the same, and others depend on one thing each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from derivations.kit.seed import USERLAND, Seed
from store.model.catalogue import Catalogue

from .stages import Toys, with_files

SCRIPTS = {
    "steady": 'mkdir "$out"; echo "I live at $out" > "$out/where"; ln -s "$out/where" "$out/link"',
    "time": 'mkdir "$out"; echo first > "$out/a"; date +%s%N > "$out/b"',
    "year": 'date +%Y > "$out"',
    # Not the digest's text, which would be rewritten; what a hash table or a seed may be made from.
    "path": 'printf %s "$out" | sha256sum > "$out"',
    "processors": 'echo "$STORE_CORES" > "$out"',
    "alone": 'echo "$STORE_CORES processors" > "$out"',
    "order": 'for i in 1 2 3 4 5 6 7 8 9; do : > "$i"; done; ls -U > "$TMPDIR/list";'
    ' cp "$TMPDIR/list" "$out"',
    "chance": 'head -c 16 /dev/urandom > "$out"',
    "user": 'id -u > "$out"',
    "kernel": 'uname -r > "$out"',
    "addresses": 'head -n 1 /proc/self/maps | cut -d - -f 1 > "$out"',
    # The next two come out right, when they come out.
    "picky": 'test "$(id -u)" = 1000; echo fine > "$out"',
    "nap": 'if test "$(id -u)" != 1000; then echo asleep; sleep 1000; fi; echo rested > "$out"',
    # Where the clock stands still, it is there to be interrupted.
    "still": 'if test "$(date +%N)" = "$(date +%N)"; then echo asleep; sleep 1000; fi;'
    ' head -c 16 /dev/urandom > "$out"',
    "never": 'echo "no test realises this" > "$out"',
}


def catalogue(seeds: Mapping[str, Mapping[str, Any]], seed: str) -> Catalogue:
    """All toys, on the seed's userland."""
    origin = Seed.from_json(seed, seeds[seed])
    root = origin.rootfs("userland", USERLAND)
    toys = Toys(root.ref())
    toys.nodes |= {source.digest: source for source in origin.sources(USERLAND)}
    toys.publish("userland", root)
    for name, script in SCRIPTS.items():
        toys.publish(name, toys.toy(name, script))
    pair = 'head -c 16 /dev/urandom > "$lib"; echo steady > "$out"'
    toys.publish("pair", toys.toy("pair", pair, ("out", "lib")))
    steady = toys.nodes[toys.packages["steady"].node].ref()
    above = f'cat {steady}/where > "$out"'
    toys.publish("above", toys.toy("above", above, inputs=(steady,)))
    upstream = toys.publish("upstream", toys.toy("upstream", 'echo same > "$out"'))
    with_files(toys, upstream.ref())
    return Catalogue(toys.packages, toys.nodes)
