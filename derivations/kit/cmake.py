"""Packages that cmake configures."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase, check_settings
from derivations.kit.checked import checked


@checked
def cmake(
    *options: str,
    folder: str = ".",
    prepare: tuple[str, ...] = (),
    finish: tuple[str, ...] = (),
) -> Build:
    """Configure, build and install; ``options`` are ``NAME=value``, ``folder`` is the project's
    place in the source."""
    check_settings(options, "cmake")
    words = " ".join(f"-D{each}" for each in options)
    setup = (
        f'cmake -S /build/src/{folder} -B . -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_BUILD_TYPE=None'
        " -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF "
    )
    return Build(
        (
            Phase("configure", (*prepare, f"{setup}{words}".rstrip())),
            Phase("build", ("make",)),
            Phase("install", ("make install", *finish)),
        ),
        (*BUILD_TOOLS, "cmake", "pkgconf"),
    )
