"""A small C compiler that compiles itself in seconds: the ladder in miniature."""

from derivations.kit import BUILD_TOOLS, Recipe, debian, phase

SOURCE = debian(
    "tcc",
    "0.9.27+git20200814",
    "t/tcc/tcc_0.9.27+git20200814.62c30a4a.orig.tar.bz2",
    "d63c113bcdd657f51c8ee197a0b0a24203603313e19a52b5f678d40ab7f5df35",
    # This one has no folder of its own around it.
    options=("exclude=.gitignore",),
)

_HELLO = """\
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
"""

TCC = Recipe(
    name="tcc",
    version="0.9.27+git20200814",
    description="A small C compiler that compiles itself in seconds",
    licence="LGPL-2.1-or-later",
    homepage="https://bellard.org/tcc/",
    sources=(SOURCE,),
    tools=(*BUILD_TOOLS, "binutils"),
    in_tree=True,
    files=(("hello.c", _HELLO),),
    phases=(
        phase(
            "configure",
            "cd /build/src",
            # The C library is the seed's, in Debian's places.
            './configure --prefix="$out" --cc=cc --ar=ar --triplet=x86_64-linux-gnu'
            " --config-musl=no --extra-cflags=-O2",
        ),
        # The manuals would need programs that are not in the seed.
        phase("build", "make -C /build/src TCCDOCS="),
        phase("install", "make -C /build/src TCCDOCS= install", 'ln -s tcc "$out/bin/cc"'),
        phase(
            "check",
            '"$out/bin/tcc" -o hello ../hello.c',
            'test "$(./hello)" = hello',
        ),
    ),
)
