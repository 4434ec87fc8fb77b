"""The Korn shell of MirBSD."""

from derivations.kit import Recipe, debian, phase, phases

MKSH = Recipe(
    source=debian(
        "m/mksh/mksh_59c.orig.tar.gz",
        "77ae1665a337f1c48c61d6b961db3e52119b38e58884d1c89684af31f87bc506",
    ),
    description="The Korn shell of MirBSD",
    licence="MirOS AND ISC",
    homepage="http://www.mirbsd.org/mksh.htm",
    build=phases(
        phase("build", "sh /build/src/Build.sh -r"),
        phase(
            "install",
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp mksh "$out/bin/"',
            'cp /build/src/mksh.1 "$out/share/man/man1/"',
        ),
    ),
    programs=("mksh",),
    check=("""test "$("$out/bin/mksh" -c 'set -A a x y; print ${a[1]}')" = y""",),
    licences=("sh.h",),
    waive=(("version", "it says R59, without the letter"),),
    # GNU's fgrep warns that it is old, and the tests expect no word. There is no terminal.
    upstream=(
        "sed 's/fgrep/grep -F/' /build/src/check.t > check.t",
        "./test.sh -f -C regress:no-ctty -s check.t",
    ),
    upstream_tools=("ed", "perl"),
    seconds=15,
)
