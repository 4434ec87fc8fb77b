"""A root file system assembled from packages by symbolic links."""

from __future__ import annotations

from collections.abc import Iterable

from derivations.kit.sources import SYSTEM
from store.model.derivation import Derivation, Ref, sorted_refs
from store.model.identity import scratch_path


def rootfs(
    name: str,
    packages: Iterable[Ref],
    *,
    shell: Ref,
    coreutils: Ref,
    instead: tuple[Ref, ...] = (),
) -> Derivation:
    """``/bin`` with every program of ``packages``, and ``/usr/bin`` the same.

    It is built by ``shell``'s ``bin/sh`` and ``coreutils`` in an otherwise empty root. Two programs
    of one name are an error of the build, but those of the packages ``instead`` take the places of
    others.
    """
    packages = tuple(packages)
    programs = " ".join(f"{ref}/bin/*" for ref in packages)
    replacing = tuple(f'ln -sf {ref}/bin/* "$out/bin/"' for ref in instead)
    lines = (
        f"out={scratch_path(name)}",
        "echo '@phase install'",
        'mkdir -p "$out/bin" "$out/usr"',
        f'for program in {programs}; do ln -s "$program" "$out/bin/"; done',
        *replacing,
        'ln -s ../bin "$out/usr/bin"',
        "echo '@phase check'",
        '"$out/bin/sh" -c "exit 0"',
    )
    return Derivation(
        name=name,
        system=SYSTEM,
        builder=f"{shell}/bin/sh",
        args=("-eu", "-c", "\n".join(lines) + "\n"),
        env=(("PATH", f"{coreutils}/bin"),),
        inputs=sorted_refs((*packages, *instead, shell, coreutils)),
    )
