"""The Z shell."""

from derivations.kit import Recipe, autotools, debian

ZSH = Recipe(
    source=debian(
        "z/zsh/zsh_5.9.orig.tar.xz",
        "9b8d1ecedd5b5e81fbf1918e876752a7dd948e05c1a0dba10ab863842d45acd5",
    ),
    description="A shell with much help for those who type",
    licence="MIT-Modern-Variant AND GPL-3.0-or-later",
    homepage="https://www.zsh.org/",
    needs=("ncurses",),
    # Its tests for tables of terminals were written for compilers that only warned.
    # One program holds all modules. There is no terminal to ask how it behaves.
    build=autotools(
        "--disable-dynamic --enable-multibyte --with-term-lib=ncursesw --with-tcsetpgrp",
        'CFLAGS="$CFLAGS -Wno-incompatible-pointer-types"',
        "--disable-gdbm --disable-pcre --disable-cap --enable-etcdir=/etc",
        install="install.bin install.modules install.fns install.man",
        finish=(
            # Its functions are read, and not run.
            'find "$out/share/zsh" -type f -exec chmod -x {} +',
            # It would look like a path of the build.
            'rm "$out/share/zsh/5.9/functions/_dkms"',
        ),
    ),
    programs=("zsh",),
    check=("""test "$("$out/bin/zsh" -fc 'a=(x y); zmodload zsh/mathfunc; echo $a[2]')" = y""",),
    seconds=170,
)
