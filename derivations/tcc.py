"""A small C compiler that compiles itself in seconds: the ladder in miniature."""

from derivations.kit import Recipe, debian, phase, phases

SOURCE = debian(
    "t/tcc/tcc_0.9.27+git20200814.62c30a4a.orig.tar.bz2",
    "d63c113bcdd657f51c8ee197a0b0a24203603313e19a52b5f678d40ab7f5df35",
    version="0.9.27+git20200814",
    # This one has no folder of its own around it.
    options=("exclude=.gitignore",),
)

# A library to link with, and no program: taken as it is, so that this ladder is a matter of
# seconds, and the same on every seed, or what differs between seeds would be the library.
LIBC = debian(
    "m/musl/musl-dev_1.2.3-1_amd64.deb",
    "7c34f29a0c1aa12f6da1d25ed6de6fe6bbd9e048ee76b3dcb88c5e51fb65507f",
    name="libc",
    version="1.2.3",
    options=(
        "include=usr/include",
        "include=usr/lib",
        "move=usr/include/x86_64-linux-musl:include",
        "move=usr/lib/x86_64-linux-musl:lib",
    ),
)

_HELLO = """\
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
"""

TCC = Recipe(
    description="A small C compiler that compiles itself in seconds",
    licence="LGPL-2.1-or-later",
    homepage="https://bellard.org/tcc/",
    seconds=5,
    source=SOURCE,
    extra_sources=(LIBC,),
    in_tree=True,
    files=(("hello.c", _HELLO),),
    build=phases(
        phase(
            "configure",
            "cd /build/src",
            './configure --prefix="$out" --cc=cc --ar=ar --triplet=x86_64-linux-musl --config-musl'
            ' --crtprefix="$libc_source/lib" --libpaths="{B}:$libc_source/lib"'
            ' --sysincludepaths="{B}/include:$libc_source/include"'
            " --extra-cflags=-O2 --extra-ldflags=-static",
        ),
        # The manuals would need programs that are not in the seed.
        phase("build", "make -C /build/src TCCDOCS="),
        phase(
            "install",
            # Not every seed has an install program.
            "make -C /build/src TCCDOCS= INSTALL=cp INSTALLBIN=cp install",
            'ln -s tcc "$out/bin/cc"',
        ),
        # No more than it takes: what a seed has not got would have to be built first.
        tools=("binutils", "cc", "coreutils", "grep", "make", "sed", "sh"),
    ),
    check=(
        '"$out/bin/tcc" -static -o hello ../hello.c',
        'test "$(./hello)" = hello',
    ),
)
