"""The GNU shell."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "b/bash/bash_5.2.37.orig.tar.xz",
    "370704c9c859f4060b7df19055e43bb9b5fa09d887699cf6ba87885c5485d36a",
)

BASH = Recipe(
    description="The GNU shell",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/bash/",
    seconds=60,
    source=SOURCE,
    programs=("bash", "sh"),
    build=autotools(
        # Of the two mallocs, musl's is the one that is looked after.
        "--without-bash-malloc",
        "--disable-readline",
        "--enable-static-link",
        finish=(
            # Bug reports want to know of the compiler; the store knows better.
            'rm -rf "$out/bin/bashbug" "$out/include" "$out/lib" "$out/share"',
            'ln -s bash "$out/bin/sh"',
        ),
        manuals=False,
    ),
    check=(
        """test "$("$out/bin/sh" -c 'echo $((6 * 7))')" = 42""",
        """test "$("$out/bin/bash" -c 'a=(x y); echo "${a[1]}"')" = y""",
    ),
)
