"""Turns Markdown into pages."""

from derivations.kit import Recipe, cmake, debian

CMARK = Recipe(
    source=debian(
        "c/cmark/cmark_0.30.2.orig.tar.gz",
        "6c7d2bcaea1433d977d8fed0b55b71c9d045a7cdf616e3cd2dce9007da753db3",
    ),
    description="Turns Markdown into pages, as CommonMark has it",
    licence="BSD-2-Clause AND MIT",
    homepage="https://commonmark.org/",
    build=cmake("CMARK_SHARED=OFF", "CMARK_TESTS=OFF"),
    programs=("cmark",),
    check=("echo '*a*' | \"$out/bin/cmark\" | grep '<p><em>a</em></p>'",),
    upstream=("cmake -DCMARK_TESTS=ON .", "make", "ctest"),
    upstream_tools=("python",),
    seconds=20,
)
