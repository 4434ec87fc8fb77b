"""Packages whose Makefile is all there is."""

from __future__ import annotations

from derivations.kit.build import Build, Phase
from derivations.kit.checked import checked


@checked
def makefile(
    *variables: str,
    prepare: tuple[str, ...] = (),
    folder: str = ".",
    build: str = "",
    install: str = "install",
    finish: tuple[str, ...] = (),
) -> Build:
    """make and make install in a copy of the source's tree, at ``folder`` in it.

    ``variables`` (``NAME=value``, as words of the shell) are for both. The usual ones are given:
    the compiler, flags, ``PREFIX`` and ``prefix``.
    """
    words = " ".join(
        (
            f"make -C /build/src/{folder}",
            'CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS"',
            'PREFIX="$out" prefix="$out"',
            *variables,
        )
    )
    enter = (f"cd /build/src/{folder}",) if prepare else ()
    return Build(
        (
            Phase("build", (*enter, *prepare, f"{words} {build}".rstrip())),
            Phase("install", (f"{words} {install}", *finish)),
        ),
        in_tree=True,
    )
