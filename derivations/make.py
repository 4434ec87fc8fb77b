"""Runs commands for files that are out of date."""

from derivations.kit import BUILD_TOOLS, Recipe, autotools, debian, phase, phases, variant

SOURCE = debian(
    "m/make-dfsg/make-dfsg_4.4.1.orig.tar.xz",
    "3b16b00ea1079af9f8096bbc71ff7cc00c249fc6a862003da3c42308a0adb0fe",
    name="make",
)

MAKE = Recipe(
    description="Runs commands for files that are out of date",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/make/",
    seconds=15,
    source=SOURCE,
    programs=("make",),
    in_tree=True,
    files=(("Makefile", "sum: one two\n\t@cat one two\n%:\n\t@echo $@ > $@\n"),),
    build=autotools(
        "--without-guile",
        # Debian's archive lacks the manual, and with it a folder that configure and make go to.
        prepare=(
            "mkdir /build/src/doc",
            "touch /build/src/doc/make.1",
            "printf 'all install:\\n' > /build/src/doc/Makefile.in",
        ),
        manuals=False,
    ),
    check=(
        '"$out/bin/make" -s -f /build/Makefile sum > result',
        "printf 'one\\ntwo\\n' | cmp - result",
    ),
)

# Where there is no make yet: it brings a script that compiles it.
MAKE_BY_SCRIPT = variant(
    MAKE,
    programs=(),
    build=phases(
        MAKE.phase("configure"),
        phase("build", "sh ./build.sh"),
        phase("install", 'mkdir -p "$out/bin"', 'cp make "$out/bin/"'),
        tools=tuple(role for role in BUILD_TOOLS if role != "make"),
    ),
)
