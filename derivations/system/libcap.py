"""Parts of what root may do, for processes."""

from derivations.kit import Recipe, debian, makefile

LIBCAP = Recipe(
    source=debian(
        "libc/libcap2/libcap2_2.75.orig.tar.xz",
        "de4e7e064c9ba451d5234dd46e897d7c71c96a9ebf9a0c445bc04f4742d83632",
        name="libcap",
    ),
    description="Parts of what root may do, for processes",
    licence="BSD-3-Clause OR GPL-2.0-only",
    homepage="https://sites.google.com/site/fullycapable/",
    build=makefile("SHARED=no GOLANG=no PAM_CAP=no lib=lib sbindir=bin RAISE_SETFCAP=no"),
    programs=("capsh", "getcap"),
    waive=(("version", "they say none"),),
    seconds=10,
)
