"""Packages of the GNU way: ``configure``, ``make``, ``make install``."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, TRIPLET, Build, Phase
from derivations.kit.checked import checked

REGENERATES = ("autoconf", "automake", "libtool", "m4", "perl", "pkgconf")

_MACROS = (
    "ACLOCAL_PATH=/build/needs/share/aclocal",
    'for each in $(echo "$PATH" | tr : " ")\n'
    "do\n"
    "    ACLOCAL_PATH=$ACLOCAL_PATH:${each%bin}share/aclocal\n"
    "done",
    "export ACLOCAL_PATH",
)
"""Where the macros of the tools on ``$PATH`` are, and those of the libraries."""


@checked
def autotools(
    *options: str,
    reconf: bool = False,
    folder: str = "",
    manuals: bool = True,
    prepare: tuple[str, ...] = (),
    build: str = "",
    install: str = "install",
    finish: tuple[str, ...] = (),
) -> Build:
    """configure, build and install, outside of the source's tree.

    ``prepare`` lines run before configure, ``finish`` lines after the installation; ``build`` and
    ``install`` are words for make. The package is in ``folder`` of the source. ``reconf``: the
    source has no configure script, or an outdated one, and it is made first. Build and host are
    named outright: the cross compiler's programs run here, so stage 1 is not configured as a cross
    build and comes out as stage 2 does.
    """
    source = f"/build/src/{folder}".rstrip("/")
    configure = (
        f'{source}/configure --prefix="$out" --build={TRIPLET} --host={TRIPLET}',
        "--disable-nls --disable-dependency-tracking",
        *options,
    )
    # Neither manuals nor info, where they would need programs that are not in the seed.
    unwanted = '"$out/share/info"' if manuals else '"$out/share/info" "$out/share/man"'
    steps = (
        Phase("configure", (*prepare, " ".join(configure))),
        Phase("build", (_make(build),)),
        Phase("install", (_make(install), f"rm -rf {unwanted}", *finish)),
    )
    if not reconf:
        return Build(steps)
    regenerate = Phase("regenerate", (*_MACROS, f"cd {source}", "autoreconf -fi"))
    return Build((regenerate, *steps), (*BUILD_TOOLS, *REGENERATES), in_tree=True)


def _make(words: str) -> str:
    return f"make MAKEINFO=true {words}".rstrip()
