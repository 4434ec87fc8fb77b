"""Packages that meson configures, and ninja builds."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase, check_settings
from derivations.kit.checked import checked


@checked
def meson(
    *options: str,
    prepare: tuple[str, ...] = (),
    finish: tuple[str, ...] = (),
) -> Build:
    """Set up, compile and install; ``options`` are ``name=value``.

    Libraries are static, and found static. The build type adds no flags to the stage's.
    The source is a copy, since meson follows a link: its place would be in every message.
    """
    check_settings(options, "meson")
    words = " ".join(f"-D{each}" for each in options)
    setup = (
        'meson setup . /build/src --prefix="$out" --libdir=lib --buildtype=plain'
        " --wrap-mode=nofallback -Ddefault_library=static -Dprefer_static=true "
    )
    return Build(
        (
            Phase("configure", (*prepare, f"{setup}{words}".rstrip())),
            Phase("build", ("ninja",)),
            Phase("install", ("meson install --no-rebuild", *finish)),
        ),
        (*BUILD_TOOLS, "meson", "ninja", "pkgconf", "python"),
        in_tree=True,
    )
