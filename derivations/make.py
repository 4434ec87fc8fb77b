"""Runs commands for files that are out of date."""

from derivations.kit import BUILD_TOOLS, Recipe, autotools, debian, phase, variant

SOURCE = debian(
    "make",
    "4.4.1",
    "m/make-dfsg/make-dfsg_4.4.1.orig.tar.xz",
    "3b16b00ea1079af9f8096bbc71ff7cc00c249fc6a862003da3c42308a0adb0fe",
)

MAKE = Recipe(
    name="make",
    version="4.4.1",
    description="Runs commands for files that are out of date",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/make/",
    seconds=15,
    sources=(SOURCE,),
    programs=("make",),
    in_tree=True,
    files=(("Makefile", "sum: one two\n\t@cat one two\n%:\n\t@echo $@ > $@\n"),),
    phases=autotools(
        "--without-guile",
        # Debian's archive lacks the manual, and with it a folder that configure and make go to.
        prepare=(
            "mkdir /build/src/doc",
            "touch /build/src/doc/make.1",
            "printf 'all install:\\n' > /build/src/doc/Makefile.in",
        ),
        check=(
            '"$out/bin/make" -s -f /build/Makefile sum > result',
            "printf 'one\\ntwo\\n' | cmp - result",
        ),
    ),
)

# Where there is no make yet: it brings a script that compiles it.
MAKE_BY_SCRIPT = variant(
    MAKE,
    tools=tuple(role for role in BUILD_TOOLS if role != "make"),
    programs=(),
    phases=(
        MAKE.phases[0],
        phase("build", "sh ./build.sh"),
        phase("install", 'mkdir -p "$out/bin"', 'cp make "$out/bin/"'),
        MAKE.phases[-1],
    ),
)
