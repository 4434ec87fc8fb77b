"""Phases that many recipes share."""

from __future__ import annotations

from derivations.kit.recipe import Phase

TRIPLET = "x86_64-linux-musl"
"""The system that the distribution's programs run on, and are built on: in every stage the same."""


def phase(name: str, *lines: str) -> Phase:
    """A phase of these command lines."""
    return Phase(name, lines)


def autotools(
    *options: str,
    prepare: tuple[str, ...] = (),
    check: tuple[str, ...],
    finish: tuple[str, ...] = (),
) -> tuple[Phase, ...]:
    """configure, build, install and check, the GNU way.

    ``prepare`` lines run before configure, ``finish`` lines after the installation. ``check`` lines
    run last, on the installed files. Build and host are named outright: the cross compiler's
    programs run here, so stage 1 is not configured as a cross build and comes out as stage 2 does.
    """
    configure = (
        f'/build/src/configure --prefix="$out" --build={TRIPLET} --host={TRIPLET}',
        "--disable-nls --disable-dependency-tracking",
        *options,
    )
    return (
        Phase("configure", (*prepare, " ".join(configure))),
        Phase("build", ("make MAKEINFO=true",)),
        # Neither manuals nor info: they would need programs that are not in the seed.
        Phase(
            "install",
            ("make MAKEINFO=true install", 'rm -rf "$out/share/info" "$out/share/man"', *finish),
        ),
        Phase("check", check),
    )
