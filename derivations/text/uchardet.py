"""Guesses how a text is encoded."""

from derivations.kit import Recipe, cmake, debian

UCHARDET = Recipe(
    source=debian(
        "u/uchardet/uchardet_0.0.8.orig.tar.xz",
        "e97a60cfc00a1c147a674b097bb1422abd9fa78a2d9ce3f3fdcc2e78a34ac5f0",
    ),
    description="Guesses how a text is encoded",
    licence="MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later",
    homepage="https://www.freedesktop.org/wiki/Software/uchardet/",
    build=cmake("CHECK_SSE2=OFF"),
    programs=("uchardet",),
    check=(r"""printf 'sch\303\266ne Gr\303\274\303\237e\n' | "$out/bin/uchardet" | grep UTF-8""",),
    upstream=("cmake -DBUILD_TESTING=ON .", "make", "ctest"),
    seconds=30,
)
