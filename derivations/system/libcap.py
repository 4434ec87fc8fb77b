"""Parts of what root may do, for processes."""

from derivations.kit import Recipe, debian, debian_patches, makefile

LIBCAP = Recipe(
    source=debian(
        "libc/libcap2/libcap2_2.75.orig.tar.xz",
        "de4e7e064c9ba451d5234dd46e897d7c71c96a9ebf9a0c445bc04f4742d83632",
        name="libcap",
    ),
    patches=(
        # A path was looked at twice, and could be another file by then.
        debian_patches(
            "libc/libcap2/libcap2_2.75-10+deb13u1.debian.tar.xz",
            "d375de2f743f112835fc0eef2a9c305c1109371954cf53e109b7f046fe58c1bc",
            "Address-a-potential-TOCTOU-race-condition-in-cap_set_file.patch",
        ),
    ),
    description="Parts of what root may do, for processes",
    licence="BSD-3-Clause OR GPL-2.0-only",
    homepage="https://sites.google.com/site/fullycapable/",
    build=makefile("SHARED=no GOLANG=no PAM_CAP=no lib=lib sbindir=bin RAISE_SETFCAP=no"),
    programs=("capsh", "getcap"),
    waive=(("version", "they say none"),),
    upstream=(
        "make -C /build/src/libcap SHARED=no lib=lib test",
        "make -C /build/src/tests SHARED=no test",
    ),
    seconds=10,
)
